"""Upkeep of a whole lake, by the command and by the job of each Sunday."""

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from contracts.model import Contract
from io_managers.shared_storage import PROBE
from lakehouse_assets.command import app
from lakehouse_assets.definitions import build_definitions
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings
from lakehouse_assets.upkeep import UPKEEP


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that an engine left in a lake eight days ago."""
    file = tmp_path / "lake" / f"{PROBE}0" / "part.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"12345")
    then = (dt.datetime.now(dt.UTC) - dt.timedelta(days=8)).timestamp()
    os.utime(file, (then, then))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    return file


def test_the_command_says_what_it_would_remove_and_removes_it_when_told(left: Path) -> None:
    asked = CliRunner().invoke(app, ["upkeep", "--dry-run"])
    assert asked.exit_code == 0, asked.output
    assert "1 file of 5 B would be removed." in asked.output
    assert left.exists()
    done = CliRunner().invoke(app, ["upkeep"])
    assert "1 file of 5 B removed." in done.output
    assert not left.exists()
    assert "Nothing to remove." in CliRunner().invoke(app, ["upkeep"]).output


def test_the_job_of_each_sunday_removes_it_and_says_how_much(left: Path, contracts: Mapping[str, Contract]) -> None:
    lake = Lake(Settings(_env_file=None), contracts)  # type: ignore[call-arg]
    definitions = build_definitions(lake)
    [schedule] = [one for one in definitions.schedules or [] if one.name == "upkeep_every_sunday"]
    assert (schedule.job_name, schedule.cron_schedule) == (UPKEEP, "30 4 * * 0")
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(UPKEEP).execute_in_process(instance=instance)
        assert result.success
    assert not left.exists()
    [output] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    metadata = output.step_output_data.metadata
    assert (metadata["files"].value, metadata["bytes"].value) == (1, 5)
