"""`lakehouse run`: loads every closed day that is missing, then what that made stale, and says what came of it."""

import datetime as dt
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contracts.days import days_between
from io_managers.reads import reads_any
from io_managers.staleness import Batch, Outstanding, Plan, batches
from lakehouse_assets.command.output import by_layer, console, count, say, seconds, table
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
    restored: int = 0
    """Days of tables that an earlier run published and Dagster only heard of now."""
    runs: int = 0
    seconds: float = 0.0

    @property
    def failed_checks(self) -> list[CheckFinding]:
        """Those that are wrong as of the end, tables aside whose failure is told anyway."""
        failed = {failure.table for failure in self.failures}
        return [one for one in self.checks.values() if not one.passed and not one.warning and one.table not in failed]


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
    import dagster as dg

    from lakehouse_assets.definitions import build_definitions
    from lakehouse_assets.instance.restore import restore_materializations

    started = time.monotonic()
    summary = Summary()
    prepare_home()
    lake.listeners.append(summary.tables.append)
    definitions = build_definitions(lake)
    with dg.DagsterInstance.get() as instance, _progress() as progress:
        states = lake.states()
        summary.restored = restore_materializations(instance, states)
        due = list(lake.plan(states).due)
        for _ in range(MOST_ROUNDS):
            if not due:
                break
            for batch in next_batches(due):
                with _listening(lake, progress.begin(batch)):
                    _execute(definitions, instance, batch, summary)
            due = without_failed(lake, lake.plan(), summary.failures)
    lake.engine.close()
    summary.seconds = time.monotonic() - started
    return summary


def next_batches(due: list[Outstanding]) -> list[Batch]:
    """The runs of a round. Days with new bronze or silver go first: what they touch decides which gold days follow."""
    fresh = {one.day for one in due if not one.table.startswith("gold/")}
    return batches(one for one in due if one.day in fresh) if fresh else batches(due)


def without_failed(lake: Lake, plan: Plan, failures: list[TableFailed]) -> list[Outstanding]:
    """What is due, less the days that failed in this run and whatever reads them: it would be stale again at once."""
    held: dict[str, set[dt.date]] = defaultdict(set)
    for failure in failures:
        held[failure.table].update(days_between(failure.first, failure.last))
    kept = []
    for one in plan.due:
        reads = lake.contracts[one.table].reads
        if one.day in held[one.table] or any(reads_any(read, one.day, held[read.table]) for read in reads):
            held[one.table].add(one.day)
        else:
            kept.append(one)
    return kept


def _execute(definitions: "dg.Definitions", instance: "dg.DagsterInstance", batch: Batch, summary: Summary) -> None:
    """One Dagster run; tables that fail don't hold back those that don't need them."""
    from lakehouse_assets.asset_metadata import asset_key

    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[asset_key(name) for name in batch.tables],
        tags={
            "dagster/asset_partition_range_start": batch.first.isoformat(),
            "dagster/asset_partition_range_end": batch.last.isoformat(),
        },
        run_config=QUIET,
        raise_on_error=False,
    )
    summary.runs += 1
    for event in result.all_events:
        if event.is_step_failure:
            name = (event.step_key or "").replace("__", "/", 1)
            reason = failure_reason(event.step_failure_data)
            summary.failures.append(TableFailed(name, batch.first, batch.last, reason))
    for one in result.get_asset_check_evaluations():
        name = "/".join(one.asset_key.path)
        finding = CheckFinding(name, one.check_name, one.passed, one.severity.value == "WARN", one.description or "")
        summary.checks[name, one.check_name] = finding


def failure_reason(data: Any) -> str:
    """What a failed step says to a person: the description of its failure, else the first cause's message."""
    if data.user_failure_data is not None and data.user_failure_data.description:
        description: str = data.user_failure_data.description
        return description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "unknown"


class _Progress(Protocol):
    """Shows how far the runs are."""

    def begin(self, batch: Batch) -> Callable[[TableLoaded], None]:
        """Shows that a run begins; what it returns is called as each table is done."""
        ...


class _Lines:
    """A line a run, where no one watches."""

    def begin(self, batch: Batch) -> Callable[[TableLoaded], None]:
        say(f"{_range(batch.first, batch.last)}: loading {count(len(batch.tables), 'table')}")
        return lambda _: None


@dataclass(frozen=True)
class _Bars:
    """A bar a run, on a terminal."""

    progress: Progress

    def begin(self, batch: Batch) -> Callable[[TableLoaded], None]:
        task = self.progress.add_task(_range(batch.first, batch.last), total=len(batch.tables), table="")
        return lambda loaded: self.progress.update(task, advance=1, table=loaded.table)


@contextmanager
def _progress() -> Iterator[_Progress]:
    if not console.is_terminal:
        yield _Lines()
        return
    # While a run is under way, Dagster sends what is printed to the run's log; the bars go to the terminal itself.
    with os.fdopen(os.dup(console.file.fileno()), "w") as terminal:
        columns = (
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("tables"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[table]}"),
        )
        with Progress(*columns, console=Console(file=terminal)) as progress:
            yield _Bars(progress)


@contextmanager
def _listening(lake: Lake, listener: Callable[[TableLoaded], None]) -> Iterator[None]:
    lake.listeners.append(listener)
    try:
        yield
    finally:
        lake.listeners.remove(listener)


def print_summary(lake: Lake, summary: Summary, outstanding: Sequence[Outstanding]) -> None:
    """Tells a person what was loaded, what was set aside and why, and what to do next."""
    if summary.restored:
        days = count(summary.restored, "partition")
        say(f"Dagster was told of {days} that earlier runs published before they were killed.")
    if not summary.runs:
        say(
            "[bold green]Nothing to do:[/] every closed day is loaded, and nothing is stale. `lakehouse status` shows the tables."
        )
        return
    if summary.tables:
        console.print()
        _print_figures(lake, summary)
    console.print()
    for failure in summary.failures:
        say(f"[bold red]failed[/] {failure.table} {_range(failure.first, failure.last)}: {escape(failure.reason)}")
    for finding in summary.failed_checks:
        say(f"[bold red]check failed[/] {finding.table} {finding.check}: {escape(finding.message)}")
    for finding in summary.checks.values():
        if finding.warning:
            say(f"[yellow]warning[/] {finding.table} {finding.check}: {escape(finding.message)}")
    waiting = sorted({one.table for one in outstanding} - {failure.table for failure in summary.failures})
    if waiting:
        reason = "they need what failed" if summary.failures else f"they changed in each of {MOST_ROUNDS} rounds"
        say(f"[bold yellow]outstanding[/] {', '.join(waiting)}: {reason}.")
    _print_verdict(lake, summary, complete=not (summary.failures or summary.failed_checks or outstanding))


def _print_figures(lake: Lake, summary: Summary) -> None:
    listing = table("table", *FIGURES, numbers=FIGURES, whole=("table",))
    order = {name: number for number, name in enumerate(by_layer(lake.contracts))}
    loads = sorted(summary.tables, key=lambda one: (order[one.table], one.first))
    for layer, of_layer in groupby(loads, key=_layer):
        parts = list(of_layer)
        listing.add_row(*_figures(layer, parts, summary), style="bold")
        for name, of_table in groupby(parts, key=lambda one: one.table):
            listing.add_row(*_figures(name, list(of_table), summary))
    console.print(listing)


def _layer(loaded: TableLoaded) -> str:
    return loaded.table.split("/")[0]


def _figures(title: str, parts: Sequence[TableLoaded], summary: Summary) -> tuple[str, ...]:
    names = {part.table for part in parts}
    incoming, published, quarantined = (
        sum(getattr(part, figure) for part in parts) for figure in ("incoming", "published", "quarantined")
    )
    return (
        title,
        count(len({day for part in parts for day in days_between(part.first, part.last)})),
        count(incoming),
        count(published),
        count(incoming - published - quarantined),
        count(quarantined),
        _checks([finding for finding in summary.checks.values() if finding.table in names]),
        f"{sum(part.seconds for part in parts):.1f}",
    )


def _checks(findings: Sequence[CheckFinding]) -> str:
    """How many checks passed of how many, in the colour of the worst."""
    passed = sum(finding.passed for finding in findings)
    text = f"{count(passed)}/{count(len(findings))}"
    if any(not finding.passed and not finding.warning for finding in findings):
        return f"[red]{text}[/]"
    return f"[yellow]{text}[/]" if any(finding.warning for finding in findings) else text


def _print_verdict(lake: Lake, summary: Summary, *, complete: bool) -> None:
    quarantined = sum(one.quarantined for one in summary.tables)
    if quarantined:
        worst = max(summary.tables, key=lambda one: one.quarantined).table
        rows = count(quarantined, "row")
        say(f"Set aside with the rules that they broke: {rows}. `lakehouse quarantine {worst}` shows those of a table.")
    verdict = "[bold green]All tables are up to date[/]" if complete else "[bold red]Not everything is up to date[/]"
    say(f"{verdict}: {count(summary.runs, 'run')} in {seconds(summary.seconds)}, in {escape(lake.settings.root)}.")
    if complete:
        say("Next: `make ui` opens the asset graph, `lakehouse status` shows every table.")
    else:
        say(
            "Next: correct what failed and run again, which loads only what is missing; `make ui` shows each run's log."
        )


def _range(first: dt.date, last: dt.date) -> str:
    return f"{first} to {last}" if first != last else f"{first}"
