"""Runs that the automation asks Dagster for: what is being loaded already, what was tried before, and when to try again."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import dagster as dg

from contracts.days import days_between
from contracts.model import Contract
from io_managers.batches import Batch, exact_batches
from io_managers.reads import reads_any
from io_managers.staleness import NEVER, Outstanding
from lakehouse_assets.asset_metadata import asset_key, step_key
from lakehouse_assets.automation.news import Held, Moment, inputs_changed, run_key, sees
from lakehouse_assets.instance.left_behind import UNDER_WAY
from lakehouse_assets.partitions import range_tags, run_days
from lakehouse_assets.published_checks import load_check_keys

SEES_TAG = "lakehouse/sees"
"""What the sources of a run's bronze tables held when the automation asked for it: JSON, a short text a table."""
_NOT_ENDED = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, *UNDER_WAY)
_RUNS_LOOKED_AT = 50
_FIRST_PAUSE = dt.timedelta(seconds=30)
_LONGEST_PAUSE = dt.timedelta(minutes=30)


class Verdict(StrEnum):
    """Whether to ask for a run that loads a table."""

    ASK = "ask"
    WAIT = "wait"
    """It failed for a reason that may pass; the pause before the next try isn't over."""
    GIVEN_UP = "given up"
    """It failed for a reason that stays, or was cancelled, and nothing that it is made from has changed since."""
    BUSY = "a run is at it"
    """Or at what it reads."""


@dataclass(frozen=True)
class UnderWay:
    """The days of tables that runs are loading, or are about to."""

    days: Mapping[str, frozenset[dt.date]]

    def busy(self, batch: Batch, contracts: Mapping[str, Contract]) -> list[str]:
        """The tables of a batch that are among them, or read one that is and that the batch doesn't load itself."""
        days = days_between(batch.first, batch.last)

        def is_busy(table: str) -> bool:
            return not self.days.get(table, frozenset()).isdisjoint(days) or any(
                reads_any(read, day, self.days.get(read.table, frozenset()))
                for read in contracts[table].reads
                if read.table not in batch.tables
                for day in days
            )

        return [table for table in batch.tables if is_busy(table)]


def under_way(instance: dg.DagsterInstance, tables: Iterable[str]) -> UnderWay:
    """What runs that haven't ended are for, whoever asked for them."""
    found: dict[str, set[dt.date]] = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=list(_NOT_ENDED))):
        days = run_days(run.tags)
        for table in tables:
            if run.asset_selection is None or asset_key(table) in run.asset_selection:
                found.setdefault(table, set()).update(days)
    return UnderWay({table: frozenset(days) for table, days in found.items()})


@dataclass(frozen=True)
class Decision:
    """What to ask for in this tick."""

    batch: Batch | None = None
    request: dg.RunRequest | None = None
    held: Mapping[str, Verdict] = field(default_factory=dict)
    """Tables that are not asked for, though something is due."""


def real_now() -> dt.datetime:
    """What time it is, UTC, for pauses between tries: they pass also where the lakehouse's clock is fixed."""
    return dt.datetime.now(dt.UTC)


def decide(instance: dg.DagsterInstance, moment: Moment, due: Callable[[Held], Sequence[Outstanding]]) -> Decision:
    """The next run: the oldest days that are due and that no other run is at, one at a time, since what follows may read what it loads.

    Args:
        instance: knows what is under way, and what was tried.
        moment: what is known of the lake.
        due: what is due without some days of some tables, and without what is due because of them alone.
    """
    left_out: set[tuple[str, dt.date]] = set()
    held: dict[str, Verdict] = {}
    loading = under_way(instance, moment.contracts)
    while batches := exact_batches(due(left_out)):
        batch = batches[0]
        seen = sees(batch, moment)
        failed = failures(instance, batch, moment, seen)
        verdicts = {table: judge(table, found, real_now()) for table, found in failed.items()}
        stopped = {table: verdict for table, verdict in verdicts.items() if verdict is not Verdict.ASK}
        if not stopped:
            # Alone: a source that seldom has news would else wait for ever, while those that always have some are loaded.
            stopped = dict.fromkeys(loading.busy(batch, moment.contracts), Verdict.BUSY)
        if not stopped:
            tries = len({failure.run_id for found in failed.values() for failure in found})
            request = run_request(batch, moment.contracts, seen, f"{run_key(batch, moment)}/{tries}")
            return Decision(batch, request, held=held)
        held |= stopped
        left_out |= {(table, day) for table in stopped for day in days_between(batch.first, batch.last)}
    return Decision(held=held)


@dataclass(frozen=True)
class Failure:
    """How a table's part of a run ended that didn't succeed."""

    run_id: str
    end: Literal["failed", "failed for good", "cancelled"]
    """For good: for a reason that stays, which are those that Dagster is told not to retry."""
    at: dt.datetime


def failures(
    instance: dg.DagsterInstance, batch: Batch, moment: Moment, seen: Mapping[str, str]
) -> dict[str, list[Failure]]:
    """The failures, newest first, to load days of each table from what it would be loaded from now.

    There are none where another table of the batch comes before: it will be loaded from something new.
    """
    reads = {table: moment.contracts[table].reads for table in batch.tables}
    loaded_from = {
        table: inputs_changed(table, moment) if reads[table] else NEVER
        for table in batch.tables
        if not any(read.table in batch.tables for read in reads[table])
    }
    days = set(days_between(batch.first, batch.last))
    ended = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
    records = [
        record
        for record in instance.get_run_records(
            dg.RunsFilter(statuses=list(ended), updated_after=min(loaded_from.values())), limit=_RUNS_LOOKED_AT
        )
        if not days.isdisjoint(run_days(record.dagster_run.tags))
    ]
    found: dict[str, list[Failure]] = {table: [] for table in batch.tables}
    for table, since in loaded_from.items():
        ends = (
            _failure(instance, table, record)
            for record in records
            if asset_key(table) in (record.dagster_run.asset_selection or {asset_key(table)})
            and seen.get(table) == json.loads(record.dagster_run.tags.get(SEES_TAG, "{}")).get(table)
        )
        found[table] = [end for end in ends if end and end.at > since]
    return found


def judge(table: str, failed: Sequence[Failure], now: dt.datetime) -> Verdict:
    """Whether to ask for a table again after failures, newest first, with the same to load it from."""
    if not failed:
        return Verdict.ASK
    if failed[0].end != "failed":
        return Verdict.GIVEN_UP
    return Verdict.ASK if now >= failed[0].at + pause_after(len(failed), table) else Verdict.WAIT


def run_request(batch: Batch, contracts: Mapping[str, Contract], seen: Mapping[str, str], key: str) -> dg.RunRequest:
    """One run for the batch's range of days."""
    return dg.RunRequest(
        run_key=key,
        asset_selection=[asset_key(table) for table in batch.tables],
        asset_check_keys=load_check_keys(batch.tables, contracts),
        tags={**range_tags(batch.first, batch.last), SEES_TAG: json.dumps(seen, separators=(",", ":"))},
    )


def pause_after(failures: int, key: str) -> dt.timedelta:
    """How long to wait after so many failures: doubled each time up to half an hour, by a fifth more or less."""
    doubled = _FIRST_PAUSE.total_seconds() * 2.0 ** min(failures - 1, 10)
    # By what is tried, not by chance: a tick that asks again must be told the same.
    spread = 0.8 + 0.4 * (sum(key.encode()) % 101) / 100
    return dt.timedelta(seconds=spread * min(doubled, _LONGEST_PAUSE.total_seconds()))


def _failure(instance: dg.DagsterInstance, table: str, record: dg.RunRecord) -> Failure | None:
    """How a table's part of a failed run ended; none where that part was done."""
    run = record.dagster_run
    for entry in instance.all_logs(
        run.run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.STEP_SUCCESS}
    ):
        event = entry.dagster_event
        if event is not None and event.step_key == step_key(table):
            if event.is_step_success:
                return None
            may_pass = event.step_failure_data.user_failure_data is None
            at = dt.datetime.fromtimestamp(entry.timestamp, dt.UTC)
            return Failure(run.run_id, "failed" if may_pass else "failed for good", at)
    ended = dt.datetime.fromtimestamp(record.end_time, dt.UTC) if record.end_time else real_now()
    return Failure(run.run_id, "cancelled" if run.status is dg.DagsterRunStatus.CANCELED else "failed", ended)
