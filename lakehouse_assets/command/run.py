"""`lakehouse run`: loads every closed day that is missing, then what that made stale, and says what came of it."""

import datetime as dt
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from io_managers.staleness import Batch, Outstanding, Plan, batches, dependency_order
from lakehouse_assets.command.output import console, count, heading, say, seconds, table
from lakehouse_assets.instance.home import prepare_home
from lakehouse_assets.lake import Lake, TableLoaded
from lakehouse_assets.settings import load_settings

if TYPE_CHECKING:
    import dagster as dg

NAME = "run"
MOST_ROUNDS = 5
"""Each round loads what the one before made stale; a lake that isn't settled by then has a table that changes at every load."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own account of a run stays in its event log, for the UI; failures are told by the summary."""
FIGURES = ("days", "rows in", "published", "superseded", "quarantined", "checks", "seconds")


@dataclass(frozen=True)
class TableFailed:
    """A table's part of a run failed; nothing of it was published."""

    table: str
    first: dt.date
    last: dt.date
    reason: str


@dataclass(frozen=True)
class CheckFinding:
    """What a check found when it last looked."""

    table: str
    check: str
    passed: bool
    warning: bool
    """Whether it is something to look at, rather than something wrong."""
    message: str


@dataclass
class Summary:
    """What a run did, added up as tables report."""

    tables: list[TableLoaded] = field(default_factory=list)
    failures: list[TableFailed] = field(default_factory=list)
    checks: dict[tuple[str, str], CheckFinding] = field(default_factory=dict)
    runs: int = 0
    seconds: float = 0.0

    @property
    def failed_checks(self) -> list[CheckFinding]:
        """Those that are wrong as of the end, tables aside whose failure is told anyway."""
        failed = {failure.table for failure in self.failures}
        return [
            one for one in self.checks.values() if not one.passed and not one.warning and one.table not in failed
        ]


def command() -> None:
    """Loads all closed days that are not loaded yet, then what they made stale."""
    lake = Lake(load_settings())
    lake.mask_salt  # noqa: B018  bad configuration stops here, not in the middle of a run
    summary = run(lake)
    outstanding = lake.plan().due
    print_summary(lake, summary, outstanding)
    if summary.failures or summary.failed_checks or outstanding:
        raise typer.Exit(1)


def run(lake: Lake) -> Summary:
    """Brings every table up to date with the closed days, round by round until nothing is outstanding or all that is left failed."""
    summary = Summary()
    due = list(lake.plan().due)
    if not due:
        return summary

    import dagster as dg

    from lakehouse_assets.definitions import build_definitions

    started = time.monotonic()
    prepare_home()
    lake.listeners.append(summary.tables.append)
    definitions = build_definitions(lake)
    with dg.DagsterInstance.get() as instance, _progress() as progress:
        for _ in range(MOST_ROUNDS):
            for batch in next_batches(due):
                with progress.batch(batch) as advance:
                    _execute(definitions, instance, batch, lake, summary, advance)
            due = without_failed(lake, lake.plan(), summary.failures)
            if not due:
                break
    lake.engine.close()
    summary.seconds = time.monotonic() - started
    return summary
