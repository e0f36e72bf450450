"""What made a run fail: the tables and days that it didn't load, and the checks that it could not carry out."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from lakehouse_assets.asset_metadata import asset_key, step_key
from lakehouse_assets.instance.steps import failure_reason, step_of
from lakehouse_assets.partitions import run_days
from lakehouse_assets.table import BLOCKING_CHECKS

_OF_STEPS = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}
_RUNS_OF_A_DAY = 100
"""How many runs that were to load one day are looked through for the one that failed."""


@dataclass(frozen=True, slots=True)
class FailedLoad:
    """Days of a table that a run was to load, and did not."""

    table: str
    first: dt.date
    last: dt.date
    check: str
    """The check that kept them from being published; empty where something else failed."""
    reason: str
    run_id: str
    since: dt.datetime
    planned: int
    """The number of the event that planned it. A day that was materialized after that one is repaired."""


@dataclass(frozen=True, slots=True)
class BrokenCheck:
    """A check of a published table that ended in an error, and so says nothing."""

    table: str
    check: str
    reason: str
    run_id: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class _FailedStep:
    table: str
    check: str
    """Empty for the step that loads the table."""
    reason: str
    when: dt.datetime


def failures_of(
    instance: dg.DagsterInstance, ended: dg.EventLogRecord, tables: Collection[str]
) -> Iterator[FailedLoad | BrokenCheck]:
    """What made a run fail; nothing for tables that merely waited for one that failed.

    Args:
        instance: whose run it is.
        ended: the event by which it failed.
        tables: those that count.
    """
    run = instance.get_run_by_id(ended.run_id)
    if run is None:
        return
    log = instance.all_logs(run.run_id, of_type=_OF_STEPS)
    died = not any(entry.dagster_event and entry.dagster_event.is_step_failure for entry in log)
    steps = _interrupted_steps(instance, ended, log, tables) if died else _failed_steps(log, tables)
    days = run_days(run.tags)
    stopped = _stopped_by(log)
    for step in steps:
        if step.check:
            yield BrokenCheck(step.table, step.check, step.reason, run.run_id, step.when)
        elif days:
            planned = _planned(instance, step.table, days[0], ended)
            for check, reason in (stopped.get(step.table) or {"": step.reason}).items():
                yield FailedLoad(step.table, days[0], days[-1], check, reason, run.run_id, step.when, planned)


def _failed_steps(log: Iterable[dg.EventLogEntry], tables: Collection[str]) -> Iterator[_FailedStep]:
    for entry in log:
        event = entry.dagster_event
        if event is not None and event.is_step_failure and (found := _table_and_check(event.step_key, tables)):
            yield _FailedStep(*found, failure_reason(event.step_failure_data), _when(entry))


def _interrupted_steps(
    instance: dg.DagsterInstance, ended: dg.EventLogRecord, log: Iterable[dg.EventLogEntry], tables: Collection[str]
) -> list[_FailedStep]:
    """The steps of a run that ended without any that failed: those in whose midst it ended, else all that were to come."""
    begun: set[tuple[str, str]] = set()
    done: set[tuple[str, str]] = set()
    for entry in log:
        event = entry.dagster_event
        found = _table_and_check(event.step_key, tables) if event else None
        if event and found:
            (done if event.is_step_success else begun).add(found)
    planned = {(table, "") for table in _planned_tables(instance, ended.run_id) if table in tables}
    event = ended.event_log_entry.dagster_event
    reason = (event.message if event else None) or "the run ended before it was done"
    when = _when(ended.event_log_entry)
    return [_FailedStep(*one, reason, when) for one in sorted(begun - done or planned - done)]


def _table_and_check(step: str | None, tables: Collection[str]) -> tuple[str, str] | None:
    """Whose a step is; none for steps of other jobs."""
    keys = tuple(f"{step_key(table)}_" for table in tables)
    if step is None or not f"{step}_".startswith(keys):
        return None
    return step_of(step, list(tables))


def _stopped_by(log: Iterable[dg.EventLogEntry]) -> dict[str, dict[str, str]]:
    """By table, the failed checks that kept it from being published, with what they say."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in log:
        event = entry.dagster_event
        if event is None or event.event_type is not dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue
        result = event.asset_check_evaluation_data
        if (
            not result.passed
            and result.severity is dg.AssetCheckSeverity.ERROR
            and result.check_name in BLOCKING_CHECKS
        ):
            found[result.asset_key.to_user_string()][result.check_name] = result.description or ""
    return found


def _planned_tables(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    planned: Sequence[dg.EventLogEntry] = instance.all_logs(
        run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    )
    keys = (entry.dagster_event.asset_key for entry in planned if entry.dagster_event)
    return {key.to_user_string() for key in keys if key}


def _planned(instance: dg.DagsterInstance, table: str, day: dt.date, ended: dg.EventLogRecord) -> int:
    """The number of the event that planned a day of a table in a run.

    Not that of its end: while a long run goes on, another may repair what failed in it.
    """
    plans = instance.event_log_storage.get_event_records(
        dg.EventRecordsFilter(
            dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            asset_key=asset_key(table),
            asset_partitions=[day.isoformat()],
            before_cursor=ended.storage_id,
        ),
        limit=_RUNS_OF_A_DAY,
    )
    return next((one.storage_id for one in plans if one.run_id == ended.run_id), ended.storage_id)


def _when(entry: dg.EventLogEntry) -> dt.datetime:
    return dt.datetime.fromtimestamp(entry.timestamp, dt.UTC)
