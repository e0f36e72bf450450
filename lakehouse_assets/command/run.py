"""`lakehouse run`: loads every closed day that is missing, or is asked for again, then what that made stale, and says what came of it."""

import datetime as dt
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.days import day_range, days_between
from io_managers.batches import Batch, next_batches
from io_managers.reads import reads_any
from io_managers.staleness import Outstanding, Plan
from lakehouse_assets.arrivals import ask_sources
from lakehouse_assets.command.checks import findings_of
from lakehouse_assets.command.output import console, errors, write_json
from lakehouse_assets.command.progress import progress
from lakehouse_assets.command.requests import RequestError, named_contract
from lakehouse_assets.command.summary import (
    MOST_ROUNDS,
    Summary,
    TableFailed,
    as_record,
    print_summary,
)
from lakehouse_assets.instance.home import prepare_home
from lakehouse_assets.instance.steps import failure_reason, step_of
from lakehouse_assets.lake import Lake, TableLoaded
from lakehouse_assets.settings import load_settings
from resources.engine.interface import Work
from resources.engine.profiles import largest

if TYPE_CHECKING:
    import dagster as dg
    from rich.console import Console

NAME = "run"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own account of a run stays in its event log, for the UI; failures are told by the summary."""


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE]",
            help="A table to load again, for example bronze/snowflake_orders; needs --from or --rebuild.",
        ),
    ] = None,
    first: Annotated[
        dt.datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="The first day to load TABLE again for."),
    ] = None,
    last: Annotated[
        dt.datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="The last such day; by default the first alone."),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make all of TABLE anew: a silver table from all of bronze.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object; progress goes to standard error.")
    ] = False,
) -> None:
    """Loads all closed days that are not loaded yet or changed at their source, then what they made stale.

    A TABLE with --from is loaded again for those days before, though it has them: say so after a source was corrected. With
    --rebuild all its days are, and the whole table is replaced in one commit: say so after a rule was tightened.

    JSON: complete, root, runs, restored; seconds (total, engine, bronze, silver, gold, checks, bookkeeping); tables (an
    object a load: table, first, last, incoming, published, superseded, quarantined, seconds, broken: rows by rule, parts:
    seconds by part); failures (table, first, last, reason); checks (table, check, passed, warning, message); outstanding
    (table, day, cause, reason); best_customers (rows of gold/customer_360).
    """
    lake = Lake(load_settings())
    lake.mask_salt()  # Bad configuration stops here, not in the middle of a run.
    again = asked_again(lake, name, first, last, rebuild=rebuild)
    summary = run(lake, errors if as_json else console, again)
    outstanding = lake.plan().due
    if as_json:
        write_json(as_record(lake, summary, outstanding))
    else:
        print_summary(lake, summary, outstanding)
    if not summary.complete(outstanding):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Again:
    """Days of a table that are to be loaded although they may be loaded already."""

    batch: Batch
    rebuild: bool = False
    """Whether the whole table is made anew."""


def asked_again(
    lake: Lake, name: str | None, first: dt.datetime | None, last: dt.datetime | None, *, rebuild: bool = False
) -> Again | None:
    """What is to be loaded again, if anything is asked for.

    Raises:
        RequestError: a table without days, days without a table, days that aren't closed days of the lake, or a rebuild of
            days or of a table that has none.
    """
    if name is None and first is None and last is None and not rebuild:
        return None
    if name is None or (first is None) != rebuild or (last and rebuild):
        raise RequestError(
            "what is loaded again is a table and its days, lakehouse run TABLE --from YYYY-MM-DD [--to YYYY-MM-DD],"
            " or all of a table, lakehouse run TABLE --rebuild"
        )
    contract = named_contract(name, lake.contracts)
    if first is None:
        loaded = lake.states()[contract.table].loaded
        if not loaded:
            raise RequestError(
                f"{contract.table} has no day that could be made anew: lakehouse run loads what is missing"
            )
        return Again(Batch(min(loaded), max(loaded), (contract.table,)), rebuild=True)
    start, today = lake.settings.start_date, lake.settings.clock().date()
    batch = Batch(first.date(), (last or first).date(), (contract.table,))
    if not start <= batch.first <= batch.last < today:
        raise RequestError(
            f"{day_range(batch.first, batch.last)} can't be loaded: the lake's closed days are "
            f"{day_range(start, today - dt.timedelta(days=1))}"
        )
    return Again(batch)


def run(lake: Lake, shown_on: "Console" = console, again: Again | None = None) -> Summary:
    """Brings every table up to date with the closed days, round by round until nothing is outstanding or all that is left failed.

    What is asked for again goes first.
    """
    import dagster as dg

    from lakehouse_assets.definitions import build_loads
    from lakehouse_assets.instance.restore import restore_materializations

    started = time.monotonic()
    summary = Summary()
    prepare_home()
    lake.listeners.append(summary.tables.append)
    definitions = build_loads(lake)
    with dg.DagsterInstance.get() as instance, progress(shown_on) as watcher:
        states = lake.states()
        summary.restored = restore_materializations(instance, states)
        today = lake.settings.clock().date()
        arrivals = ask_sources(lake, states, today - dt.timedelta(days=1))
        plan = lake.plan(states, arrivals.marks)
        batches = [again.batch] if again else next_batches(plan.due, states, lake.contracts, today)
        for _ in range(MOST_ROUNDS):
            if not batches:
                break
            for batch in batches:
                with _listening(lake, watcher.begin(batch)):
                    run_id = str(uuid.uuid4())
                    summary.engine_seconds += _start_engine(lake, run_id, batch)
                    rebuild = again is not None and again.rebuild
                    _execute(definitions, instance, run_id, batch, summary, rebuild=rebuild)
            again = None
            states = lake.states()
            due = without_failed(lake, lake.plan(states, arrivals.marks), summary.failures)
            batches = next_batches(due, states, lake.contracts, today)
    failed = {failure.table for failure in summary.failures}
    summary.failures += [
        _not_asked(table, today, error) for table, error in arrivals.failures.items() if table not in failed
    ]
    lake.engine.close()
    summary.seconds = time.monotonic() - started
    return summary


def _not_asked(table: str, today: dt.date, error: Exception) -> TableFailed:
    """Of a source that didn't say whether it has more: what is loaded may not be all that there is."""
    yesterday = today - dt.timedelta(days=1)
    return TableFailed(table, yesterday, yesterday, str(error))


def _start_engine(lake: Lake, run_id: str, batch: Batch) -> float:
    """Starts the engine, unless it runs already. Returns the seconds that it took, which no table is to be blamed for."""
    started = time.monotonic()
    profile = largest(lake.contracts[table].engine_profile for table in batch.tables)
    lake.loading_session(Work(run_id, batch.tables[0], profile))
    return time.monotonic() - started


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


def _execute(  # noqa: PLR0913
    definitions: "dg.Definitions",
    instance: "dg.DagsterInstance",
    run_id: str,
    batch: Batch,
    summary: Summary,
    *,
    rebuild: bool,
) -> None:
    """One Dagster run; tables that fail don't hold back those that don't need them."""
    from lakehouse_assets.asset_metadata import asset_key, step_key
    from lakehouse_assets.instance.left_behind import host_tags
    from lakehouse_assets.partitions import range_tags

    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        run_id=run_id,
        asset_selection=[asset_key(name) for name in batch.tables],
        tags={**range_tags(batch.first, batch.last), **host_tags()},
        run_config={**QUIET, "ops": {step_key(name): {"config": {"rebuild": rebuild}} for name in batch.tables}},
        raise_on_error=False,
    )
    summary.runs += 1
    for event in result.all_events:
        if event.is_step_success and step_of(event.step_key or "", batch.tables)[1]:
            summary.check_seconds += event.step_success_data.duration_ms / 1000
        if event.is_step_failure:
            name, check = step_of(event.step_key or "", batch.tables)
            if not check:
                reason = failure_reason(event.step_failure_data)
                summary.failures.append(TableFailed(name, batch.first, batch.last, reason))
    summary.checks |= {(one.table, one.check): one for one in findings_of(result, batch.tables)}


@contextmanager
def _listening(lake: Lake, listener: Callable[[TableLoaded], None]) -> Iterator[None]:
    lake.listeners.append(listener)
    try:
        yield
    finally:
        lake.listeners.remove(listener)
