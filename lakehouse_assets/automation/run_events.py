"""What Dagster's event log says is wrong with tables: checks that failed, and days whose newest run failed.

Only what is new since the last look is read, and nothing where nothing is new. What was found is kept until the log says
that it is over.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import dagster as dg

from contracts.days import days_between
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation.run_failures import BrokenCheck, FailedLoad, failures_of
from lakehouse_assets.instance.last_checks import LastCheck, last_results

RUNS_A_LOOK = 100
"""How many failed runs are read at once; where more are new, the next look goes on."""


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check whose last result is a failure."""

    table: str
    check: str
    message: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What the event log said, up to one of its events."""

    event: int = 0
    checks: tuple[FailedCheck, ...] = ()
    loads: tuple[FailedLoad, ...] = ()
    broken: tuple[BrokenCheck, ...] = ()


def read_events(
    instance: dg.DagsterInstance, checks: Collection[dg.AssetCheckKey], tables: Collection[str], seen: Seen
) -> Seen:
    """What the event log says now.

    Args:
        instance: whose log it is.
        checks: those whose results count.
        tables: those whose loads count.
        seen: what it said at the last look. Where it was made anew since, it is read from its beginning.
    """
    newest = instance.event_log_storage.get_maximum_record_id() or 0
    if newest == seen.event:
        return seen
    if newest < seen.event:
        seen = Seen()
    failed = instance.fetch_run_status_changes(
        dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_storage_id=seen.event),
        limit=RUNS_A_LOOK,
        ascending=True,
    )
    found = [one for ended in failed.records for one in failures_of(instance, ended, tables)]
    results = last_results(instance, checks)
    loads = newest_of_days((*seen.loads, *(one for one in found if isinstance(one, FailedLoad))))
    broken = (*seen.broken, *(one for one in found if isinstance(one, BrokenCheck)))
    return Seen(
        event=failed.records[-1].storage_id if failed.has_more else newest,
        checks=tuple(
            FailedCheck(key.asset_key.to_user_string(), key.name, last.message, last.when)
            for key, last in results.items()
            if last.result == "failed" and last.when is not None
        ),
        loads=tuple(one for one in loads if one.table in tables and not _repaired(instance, one)),
        broken=tuple(one for one in dict.fromkeys(broken) if _says_nothing_since(one, results)),
    )


def newest_of_days(loads: Collection[FailedLoad]) -> list[FailedLoad]:
    """Those whose days no later run of the table was to load as well; given in the order in which the runs ended."""
    kept: list[FailedLoad] = []
    for load in loads:
        kept = [
            one
            for one in kept
            if one.table != load.table
            or not load.first <= one.first <= one.last <= load.last
            or (one.run_id == load.run_id and one.check != load.check)
        ]
        kept.append(load)
    return kept


def _repaired(instance: dg.DagsterInstance, load: FailedLoad) -> bool:
    days = {day.isoformat() for day in days_between(load.first, load.last)}
    loaded = instance.event_log_storage.get_latest_storage_id_by_partition(
        asset_key(load.table), dg.DagsterEventType.ASSET_MATERIALIZATION, days, after_cursor=load.planned
    )
    return days <= loaded.keys()


def _says_nothing_since(broken: BrokenCheck, results: Mapping[dg.AssetCheckKey, LastCheck]) -> bool:
    last = results.get(dg.AssetCheckKey(asset_key(broken.table), broken.check))
    return last is not None and (last.when is None or last.when < broken.since)
