"""What `make bench` measures: the whole lakehouse beside a DuckDB script, on both engines of this machine, in ever less
memory, and one more day after a short and a long history."""

import datetime as dt
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from contracts.parse import load_contracts
from tests.bench import second_opinion
from tests.bench.comparison import Comparison, compare_gold
from tests.bench.export import export_demo
from tests.bench.processes import Cost, Ended, ProcessFailed, apart, measured

LAST = dt.date(2026, 10, 30)
"""The last day that is loaded, by when every rate is a published one."""
DAYS = 30
HOURS_AFTER = 6
"""The clock stands at so many hours after the last day."""
SALT = "bench"
MOST_MEMORY = 4 * 2**30
"""Bytes with which the search for the least begins."""
STEP = 0.8
"""By how much less is tried next."""
SOURCES = ("SNOWFLAKE", "REDSHIFT", "SALESFORCE", "KAFKA", "FX")

Run = TypeVar("Run", bound=Cost)
Say = Callable[[str], None]
"""Tells whoever waits what is done next."""


@dataclass(frozen=True)
class Loaded(Cost):
    """A whole `lakehouse run`, as a process."""

    shares: Mapping[str, float]
    """Seconds of the process's start, the engine's, each layer, the checks of published tables, and Dagster; they add up."""
    audits: Mapping[str, float]
    """Seconds of each layer's audits, which its own contain."""
    tables: Mapping[str, Mapping[str, float]]
    """Each table's seconds, in all (`seconds`) and by part."""
    rows: int
    """Rows that came into bronze."""


@dataclass(frozen=True)
class Computed(Cost):
    """A whole run of the DuckDB script, as a process."""

    steps: Mapping[str, float]
    """Seconds of what stands for silver, and of each gold table."""


@dataclass(frozen=True)
class SideBySide:
    """Both on the same files. Figures of each are those of the run whose seconds are the median."""

    scale: float
    runs: int
    orders: int
    events: int
    lakehouse: Loaded
    duckdb: Computed

    @property
    def ratio(self) -> float:
        return self.lakehouse.seconds / self.duckdb.seconds


@dataclass(frozen=True)
class OneMoreDay:
    """The day after some days of history, with all that it made stale."""

    history: int
    seconds: tuple[float, ...]
    """Of each run, on a fresh copy."""
    median: Loaded


@dataclass(frozen=True)
class Engines:
    """The whole lakehouse on both engines of this machine, from the same files."""

    scale: float
    sail: Loaded
    spark: Loaded

    @property
    def ratio(self) -> float:
        return self.spark.seconds / self.sail.seconds


@dataclass(frozen=True)
class MemoryEnd:
    """With how much memory the embedded engine's process loads the whole lakehouse, and with how much it no longer does."""

    scale: float
    enough: int
    """Bytes."""
    too_little: int
    failed: Sequence[str]
    """The tables that failed then."""
    said: str
    """The first one's reason."""


@dataclass
class Results:
    """All that was measured."""

    machine: str
    """What it was measured on, in general words."""
    side_by_side: list[SideBySide] = field(default_factory=list)
    equality: dict[str, Comparison] = field(default_factory=dict)
    """Each gold table's rows of the lakehouse (first) and the script (second), at the least scale."""
    more_days: list[OneMoreDay] = field(default_factory=list)
    more_days_scale: float = 0.0
    engines: list[Engines] = field(default_factory=list)
    memory_end: MemoryEnd | None = None


def side_by_side(work: Path, scale: float, runs: int, say: Say) -> tuple[SideBySide, dict[str, Comparison]]:
    """Runs lakehouse and script by turns on the demo's rows as files, and compares what they made."""
    first, files, rows = _write_files(work, scale, say)
    lakehouse, script = [], []
    for number in range(1, runs + 1):
        say(f"scale {scale:g}: the lakehouse, run {number} of {runs}")
        _remove(work / "lake")
        lakehouse.append(run_lakehouse(work / "lake", first, LAST, files=files))
        say(f"scale {scale:g}: DuckDB, run {number} of {runs}")
        _remove(work / "duckdb")
        script.append(run_script(work / "duckdb", files, first, LAST))
    say(f"scale {scale:g}: comparing rows")
    compared = apart(_compare, work)
    for name in ("files", "lake", "duckdb"):
        _remove(work / name)
    orders, events = (rows[f"bronze/{name}"] for name in ("snowflake_orders", "redshift_customer_behavior"))
    return SideBySide(scale, runs, orders, events, _median(lakehouse), _median(script)), compared


def both_engines(work: Path, scale: float, say: Say) -> Engines:
    """Loads the same files on the embedded engine and on Spark."""
    first, files, _ = _write_files(work, scale, say)
    took = {}
    for engine in ("sail", "spark"):
        say(f"scale {scale:g}: the lakehouse on {engine}")
        took[engine] = run_lakehouse(work / engine, first, LAST, files=files, more={"LAKEHOUSE_ENGINE": engine})
        _remove(work / engine)
    _remove(files)
    return Engines(scale, took["sail"], took["spark"])


def memory_end(work: Path, scale: float, say: Say) -> MemoryEnd:
    """Gives the embedded engine ever less memory, until it no longer suffices.

    Raises:
        ProcessFailed: a run failed for another reason.
    """
    first, files, _ = _write_files(work, scale, say)
    memory = MOST_MEMORY
    while True:
        say(f"scale {scale:g}: the lakehouse with {memory // 2**20:,} MiB")
        try:
            run_lakehouse(work / "lake", first, LAST, files=files, more={"LAKEHOUSE_ENGINE_MEMORY": str(memory)})
        except ProcessFailed:
            failures = json.loads((work / "lake" / "output").read_text())["failures"]
            if "not enough memory" not in failures[0]["reason"]:
                raise
            break
        finally:
            _remove(work / "lake" / "lake")
            _remove(work / "lake" / "home")
        memory = int(memory * STEP)
    _remove(files)
    return MemoryEnd(scale, int(memory / STEP), memory, [one["table"] for one in failures], failures[0]["reason"])


def one_more_day(work: Path, histories: tuple[int, ...], scale: float, runs: int, say: Say) -> list[OneMoreDay]:
    """Loads lakes of different ages that end with the same day, and then the next day on copies of each, by turns."""
    for history in histories:
        say(f"{history} days of history at scale {scale:g}: loading")
        run_lakehouse(work / f"{history}-days", _start(history), LAST, scale=scale)
    found: dict[int, list[Loaded]] = {history: [] for history in histories}
    for number in range(1, runs + 1):
        for history in histories:
            say(f"one more day after {history}, run {number} of {runs}")
            shutil.copytree(work / f"{history}-days", work / "copy")
            next_day = LAST + dt.timedelta(days=1)
            found[history].append(run_lakehouse(work / "copy", _start(history), next_day, scale=scale))
            _remove(work / "copy")
    for history in histories:
        _remove(work / f"{history}-days")
    return [OneMoreDay(history, tuple(one.seconds for one in all_), _median(all_)) for history, all_ in found.items()]


def _start(history: int) -> dt.date:
    return LAST - dt.timedelta(days=history - 1)


def run_lakehouse(
    folder: Path,
    start: dt.date,
    last: dt.date,
    *,
    files: Path | None = None,
    scale: float = 1.0,
    more: Mapping[str, str] | None = None,
) -> Loaded:
    """`lakehouse run` on the morning after the last day, from files or, without any, from the demo; with more variables."""
    environment = {
        **_environment(),
        "DAGSTER_HOME": str(folder / "home"),
        "LAKEHOUSE_ROOT": str(folder / "lake"),
        "LAKEHOUSE_START_DATE": str(start),
        "LAKEHOUSE_NOW": f"{last + dt.timedelta(days=1)}T{HOURS_AFTER:02}:00:00Z",
        "LAKEHOUSE_DEMO_SCALE": str(scale),
        "LAKEHOUSE_MASK_SALT": SALT,
    }
    if files is not None:
        environment |= {"LAKEHOUSE_FILES_ROOT": str(files), **{f"LAKEHOUSE_{name}": "files" for name in SOURCES}}
    environment |= more or {}
    command = [str(Path(sys.executable).with_name("lakehouse")), "run", "--json"]
    return loaded(measured(command, folder, environment))


def loaded(ended: Ended) -> Loaded:
    """What the summary of `lakehouse run --json` says of where the time went."""
    summary: dict[str, Any] = json.loads(ended.output)
    known = {name: took for name, took in summary["seconds"].items() if name != "total"}
    tables: dict[str, dict[str, float]] = {}
    for one in summary["tables"]:
        parts = tables.setdefault(one["table"], {})
        for part, took in {"seconds": one["seconds"], **one["parts"]}.items():
            parts[part] = parts.get(part, 0.0) + took
    audits = {
        layer: sum(parts["audit"] for table, parts in tables.items() if table.startswith(layer))
        for layer in ("bronze", "silver", "gold")
    }
    rows = sum(one["incoming"] for one in summary["tables"] if one["table"].startswith("bronze"))
    shares = {"start": ended.seconds - sum(known.values()), **known}
    return Loaded(ended.seconds, ended.cpu_seconds, ended.peak_bytes, shares, audits, tables, rows)


def run_script(folder: Path, files: Path, first: dt.date, last: dt.date) -> Computed:
    """The DuckDB script on the same files."""
    arguments = [str(files), str(folder / "gold"), str(first), str(last), "--salt", SALT]
    ended = measured([sys.executable, second_opinion.__file__, *arguments], folder, _environment())
    return Computed(ended.seconds, ended.cpu_seconds, ended.peak_bytes, json.loads(ended.output))


def _write_files(work: Path, scale: float, say: Say) -> tuple[dt.date, Path, dict[str, int]]:
    """Writes the demo's rows of all days. Returns the first day, the folder, and each bronze table's rows."""
    first, files = LAST - dt.timedelta(days=DAYS - 1), work / "files"
    say(f"scale {scale:g}: writing the demo's rows as files")
    return first, files, apart(_export, files, first, scale)


def _export(files: Path, first: dt.date, scale: float) -> dict[str, int]:
    return export_demo(load_contracts(), files, first, first, LAST, scale=scale)


def _compare(work: Path) -> dict[str, Comparison]:
    return compare_gold(load_contracts(), str(work / "lake" / "lake"), work / "duckdb" / "gold")


def _environment() -> dict[str, str]:
    """This process's variables, but none that would configure a lake, or compile Python's modules at each start."""
    foreign = ("LAKEHOUSE_", "DAGSTER_", "AWS_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def _median(runs: Sequence[Run]) -> Run:
    """The run whose seconds are the median; of an even number, the faster one in the middle."""
    return sorted(runs, key=lambda run: run.seconds)[(len(runs) - 1) // 2]


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
