"""The demo's lake on an engine, loaded as `lakehouse run` does it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.model import Contract
from lakehouse_assets.command.run import run
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings
from resources.engine.interface import Engine
from tests.support import SharedEngine, active

START = dt.date(2026, 10, 1)


@dataclass(frozen=True)
class Loaded:
    """A lake, and the seconds that each table took."""

    root: str
    seconds: Mapping[str, float]


def load_demo(folder: Path, engine: Engine, contracts: Mapping[str, Contract], *, days: int, scale: float) -> Loaded:
    """Loads the demo's first days. The engine is left running.

    Raises:
        RuntimeError: a table could not be loaded.
    """
    settings = Settings(
        _env_file=None,
        root=str(folder / "lake"),
        start_date=START,
        demo_scale=scale,
        now=dt.datetime.combine(START + dt.timedelta(days=days), dt.time(6), dt.UTC),
    )  # type: ignore[call-arg]
    folder.mkdir(parents=True, exist_ok=True)
    lake = Lake(settings, contracts, SharedEngine(engine.session(), engine.name))
    with pytest.MonkeyPatch.context() as patch, active(engine.session()):
        patch.setenv("DAGSTER_HOME", str(folder / "home"))
        summary = run(lake)
    if summary.failures:
        raise RuntimeError(f"on {engine.name}: " + "; ".join(f"{one.table}: {one.reason}" for one in summary.failures))
    return Loaded(lake.storage.root, {one.table: one.seconds for one in summary.tables})
