"""Runs that the automation asks Dagster for: what is being loaded already, what was tried before, and when to try again."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import dagster as dg

from contracts.days import days_between
from contracts.model import Contract
from io_managers.batches import Batch, exact_batches
from io_managers.reads import reads_any
from io_managers.staleness import Outstanding
from lakehouse_assets.asset_metadata import asset_key, step_key
from lakehouse_assets.automation.news import Held, Moment, run_key, sees
from lakehouse_assets.partitions import run_days

SEES_TAG = "lakehouse/sees"
"""What each table of a run is made from, as the automation knew it when it asked: JSON, a short text a table."""
_NOT_ENDED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
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


@dataclass(frozen=True)
class UnderWay:
    """The days of tables that runs are loading, or are about to."""

    days: Mapping[str, frozenset[dt.date]]

    def touches(self, batch: Batch, contracts: Mapping[str, Contract]) -> bool:
        """Whether one of them is in a batch, or is read by one that is."""
        days = days_between(batch.first, batch.last)
        for table in batch.tables:
            if not self.days.get(table, frozenset()).isdisjoint(days):
                return True
            for read in contracts[table].reads:
                busy = self.days.get(read.table, frozenset())
                if read.table not in batch.tables and any(reads_any(read, day, busy) for day in days):
                    return True
        return False


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
    busy: Batch | None = None
    """What would be asked for if no other run were at it, or at what it reads."""
    held: Mapping[str, Verdict] = field(default_factory=dict)
    """Tables that are not asked for, though something is due."""


def real_now() -> dt.datetime:
    """What time it is, UTC, for pauses between tries: they pass also where the lakehouse's clock is fixed."""
    return dt.datetime.now(dt.UTC)


def decide(instance: dg.DagsterInstance, moment: Moment, due: Callable[[Held], Sequence[Outstanding]]) -> Decision:
    """The next run: the oldest days that are due, one run at a time, since what follows may read what it loads.

    Args:
        instance: knows what is under way, and what was tried.
        moment: what is known of the lake.
        due: what is due without some days of some tables, and without what is due because of them alone.
    """
    left_out: set[tuple[str, dt.date]] = set()
    held: dict[str, Verdict] = {}
    while batches := exact_batches(due(left_out)):
        batch = batches[0]
        seen = sees(batch, moment)
        verdicts, tries = judge(instance, batch, seen, real_now())
        stopped = {table: verdict for table, verdict in verdicts.items() if verdict is not Verdict.ASK}
        if not stopped:
            if under_way(instance, moment.contracts).touches(batch, moment.contracts):
                return Decision(busy=batch, held=held)
            return Decision(batch, run_request(batch, seen, f"{run_key(batch, seen, moment)}/{tries}"), held=held)
        held |= stopped
        left_out |= {(table, day) for table in stopped for day in days_between(batch.first, batch.last)}
    return Decision(held=held)


def judge(
    instance: dg.DagsterInstance, batch: Batch, seen: Mapping[str, str], now: dt.datetime
) -> tuple[dict[str, Verdict], int]:
    """Whether to ask for each table of a batch, given what it would see; and how many runs that saw the same have failed."""
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]), limit=_RUNS_LOOKED_AT
    )
    days = set(days_between(batch.first, batch.last))
    alike = [
        (record, json.loads(record.dagster_run.tags[SEES_TAG]))
        for record in records
        if SEES_TAG in record.dagster_run.tags and not days.isdisjoint(run_days(record.dagster_run.tags))
    ]
    failed = {table: [record for record, one in alike if one.get(table) == text] for table, text in seen.items()}
    verdicts = {table: _verdict(instance, table, records, now) for table, records in failed.items()}
    return verdicts, len({record.dagster_run.run_id for records in failed.values() for record in records})


def run_request(batch: Batch, seen: Mapping[str, str], key: str) -> dg.RunRequest:
    """One run for the batch's range of days."""
    return dg.RunRequest(
        run_key=key,
        asset_selection=[asset_key(table) for table in batch.tables],
        tags={
            "dagster/asset_partition_range_start": batch.first.isoformat(),
            "dagster/asset_partition_range_end": batch.last.isoformat(),
            SEES_TAG: json.dumps(seen, separators=(",", ":")),
        },
    )


def pause_after(failures: int, key: str) -> dt.timedelta:
    """How long to wait after so many failures: doubled each time up to half an hour, by a fifth more or less."""
    doubled = _FIRST_PAUSE.total_seconds() * 2.0 ** min(failures - 1, 10)
    # By what is tried, not by chance: a tick that asks again must be told the same.
    spread = 0.8 + 0.4 * (sum(key.encode()) % 101) / 100
    return dt.timedelta(seconds=spread * min(doubled, _LONGEST_PAUSE.total_seconds()))


def _verdict(instance: dg.DagsterInstance, table: str, failed: Sequence[dg.RunRecord], now: dt.datetime) -> Verdict:
    """By the runs, newest first, that saw the same and ended without success."""
    if not failed:
        return Verdict.ASK
    newest = failed[0]
    if newest.dagster_run.status is dg.DagsterRunStatus.CANCELED or _failed_for_good(instance, table, newest):
        return Verdict.GIVEN_UP
    ended = dt.datetime.fromtimestamp(newest.end_time or now.timestamp(), dt.UTC)
    return Verdict.ASK if now >= ended + pause_after(len(failed), table) else Verdict.WAIT


def _failed_for_good(instance: dg.DagsterInstance, table: str, record: dg.RunRecord) -> bool:
    """Whether a table's step failed for a reason that stays: those are failures that Dagster is told not to retry."""
    for entry in instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is not None and event.step_key == step_key(table):
            return event.step_failure_data.user_failure_data is not None
    return False
