"""`lakehouse run`: loads every closed day that is missing, then what that made stale, and says what came of it."""

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from io_managers.staleness import Batch, Outstanding, Plan, batches
from lakehouse_assets.command.output import console, count, table
from lakehouse_assets.instance.home import prepare_home
from lakehouse_assets.lake import Lake, TableLoaded
from lakehouse_assets.settings import load_settings

if TYPE_CHECKING:
    import dagster as dg

NAME = "run"
MOST_ROUNDS = 5
"""Each round loads what the one before made stale; a lake that isn't settled by then has a table that changes at every load."""


@dataclass(frozen=True)
class TableFailed:
    """A table's part of a run failed; nothing of it was published."""

    table: str
    first: dt.date
    last: dt.date
    reason: str


@dataclass
class Summary:
    """What a run did, added up as tables report."""

    tables: list[TableLoaded] = field(default_factory=list)
    failures: list[TableFailed] = field(default_factory=list)
    runs: int = 0
    seconds: float = 0.0


def command() -> None:
    """Loads all closed days that are not loaded yet, then what they made stale."""
    lake = Lake(load_settings())
    lake.mask_salt  # noqa: B018  bad configuration stops here, not in the middle of a run
    summary = run(lake)
    print_summary(lake, summary)
    if summary.failures or lake.plan().due:
        raise typer.Exit(1)


def run(lake: Lake) -> Summary:
    """Brings every table up to date with the closed days, round by round until nothing is outstanding or all that is left failed."""
    import dagster as dg

    from lakehouse_assets.definitions import build_definitions

    summary = Summary()
    lake.listeners.append(summary.tables.append)
    started = time.monotonic()
    prepare_home()
    definitions = build_definitions(lake)
    with dg.DagsterInstance.get() as instance, _progress() as progress:
        for _ in range(MOST_ROUNDS):
            due = without_failed(lake, lake.plan(), summary.failures)
            if not due:
                break
            for batch in next_batches(due):
                summary.failures += _execute(definitions, instance, batch, lake, progress)
                summary.runs += 1
    lake.engine.close()
    summary.seconds = time.monotonic() - started
    return summary


def next_batches(due: list[Outstanding]) -> list[Batch]:
    """The runs of a round. Days with new bronze or silver go first: what they touch decides which gold days follow."""
    fresh = {one.day for one in due if not one.table.startswith("gold/")}
    return batches(one for one in due if one.day in fresh) if fresh else batches(due)


def without_failed(lake: Lake, plan: Plan, failures: list[TableFailed]) -> list[Outstanding]:
    """What is due, less the days that failed in this run and whatever is built on them."""
    held: set[tuple[str, dt.date]] = set()
    for failure in failures:
        days = [failure.first + dt.timedelta(days=number) for number in range((failure.last - failure.first).days + 1)]
        held.update((failure.table, day) for day in days)
    kept = []
    for one in plan.due:
        upstream = {(read.table, one.day) for read in lake.contracts[one.table].reads}
        if (one.table, one.day) in held or upstream & held:
            held.add((one.table, one.day))
        else:
            kept.append(one)
    return kept


def _execute(
    definitions: "dg.Definitions", instance: "dg.DagsterInstance", batch: Batch, lake: Lake, progress: Progress
) -> list[TableFailed]:
    """One Dagster run; tables that fail don't hold back those that don't need them."""
    from lakehouse_assets.asset_metadata import asset_key

    days = (batch.last - batch.first).days + 1
    title = f"{batch.first} to {batch.last}" if days > 1 else f"{batch.first}"
    task = progress.add_task(title, total=len(batch.tables), table="")

    def advance(loaded: TableLoaded) -> None:
        progress.update(task, advance=1, table=loaded.table)

    lake.listeners.append(advance)
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[asset_key(name) for name in batch.tables],
        tags={
            "dagster/asset_partition_range_start": batch.first.isoformat(),
            "dagster/asset_partition_range_end": batch.last.isoformat(),
        },
        raise_on_error=False,
    )
    lake.listeners.remove(advance)
    return [
        TableFailed((event.step_key or "").replace("__", "/", 1), batch.first, batch.last, failure_reason(event.step_failure_data))
        for event in result.all_events
        if event.is_step_failure
    ]


def failure_reason(data: Any) -> str:
    """What a failed step says to a person: the description of its failure, else the first cause's message."""
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "unknown"


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("[bold]{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("tables"),
        TimeElapsedColumn(), TextColumn("[dim]{task.fields[table]}"), console=console,
    )  # fmt: skip


def print_summary(lake: Lake, summary: Summary) -> None:
    """Tells a person what was loaded, what was set aside and why, and what to do next."""
    if not summary.runs:
        console.print("[bold green]Nothing to do:[/] every closed day is loaded and nothing is stale. [bold]lakehouse status[/] shows the tables.")
        return
    rows: dict[str, list[TableLoaded]] = {}
    for one in summary.tables:
        rows.setdefault(one.table, []).append(one)
    figures = table("What was loaded", "table", "days", "rows in", "published", "quarantined", "seconds", numbers=("days", "rows in", "published", "quarantined", "seconds"))
    for name, parts in rows.items():
        days = {part.first + dt.timedelta(days=number) for part in parts for number in range((part.last - part.first).days + 1)}
        figures.add_row(
            name, count(len(days)), count(sum(part.incoming for part in parts)), count(sum(part.published for part in parts)),
            count(sum(part.quarantined for part in parts)), f"{sum(part.seconds for part in parts):.1f}",
        )  # fmt: skip
    console.print()
    console.print(figures)
    console.print()
    for failure in summary.failures:
        console.print(f"[bold red]failed[/] {failure.table} {failure.first} to {failure.last}: ", end="")
        console.print(failure.reason, markup=False)
    quarantined = sum(one.quarantined for one in summary.tables)
    if quarantined:
        worst = max(summary.tables, key=lambda one: one.quarantined).table
        console.print(f"{count(quarantined)} rows were set aside with their reasons: [bold]lakehouse quarantine {worst}[/] shows them.")
    verdict = "[bold red]not everything was loaded[/]" if summary.failures else "[bold green]all tables are up to date[/]"
    console.print(f"{verdict}: {summary.runs} runs in {summary.seconds:.0f} s, in {lake.settings.root}")
    console.print("Next: [bold]make ui[/] opens the asset graph, [bold]lakehouse status[/] shows every table.")
