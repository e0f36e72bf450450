"""Which days of which tables are missing or stale, and why, from the tables' own logs.

A day is loaded in a table when that table's log holds its transaction. It is stale when a later commit of an input
touched dates that the day reads. Dagster's events are not asked: a crash after a commit loses them.
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import TopologicalSorter
from itertools import accumulate, groupby

from contracts.days import days_between, start_of_month
from contracts.model import Contract, PartitionGrain
from io_managers.reads import dates_read, reads_any


class Cause(StrEnum):
    """Why a day has to be loaded."""

    MISSING = "missing"
    """The table's log doesn't hold it."""
    OPEN = "open"
    """It was loaded before the day was over."""
    STALE = "stale"
    """An input changed since, or is about to."""


@dataclass(frozen=True, slots=True)
class Load:
    """The commit that last loaded a day: the clock then, and the input versions that were read."""

    version: int
    clock: dt.datetime
    inputs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Touch:
    """The business dates whose rows a commit changed."""

    version: int
    dates: frozenset[dt.date]


@dataclass(frozen=True, slots=True)
class TableState:
    """What a table's log says of its days. A day may be loaded by a commit that the log no longer holds."""

    loaded: frozenset[dt.date] = frozenset()
    loads: Mapping[dt.date, Load] = field(default_factory=dict)
    touches: Sequence[Touch] = ()


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A day of a table that has to be loaded, or, beyond the restatement window, a backfill that would repair it."""

    table: str
    day: dt.date
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be loaded now, in dependency order of tables and ascending days, and what is only reported."""

    due: tuple[Outstanding, ...]
    beyond: tuple[Outstanding, ...]


def dependency_order(contracts: Mapping[str, Contract]) -> list[str]:
    """Tables after those that they read."""
    return list(
        TopologicalSorter(
            {table: [read.table for read in contracts[table].reads] for table in sorted(contracts)}
        ).static_order()
    )


def plan(contracts: Mapping[str, Contract], states: Mapping[str, TableState], start: dt.date, now: dt.datetime) -> Plan:
    """Says which closed days are missing or stale, transitively over what is read.

    An input's day that is due counts as touched, so that what reads it follows in the same plan. Days older than the
    table's restatement window are only reported, and make nothing else due.
    """
    today = now.date()
    days = days_between(start, today - dt.timedelta(days=1))
    due: list[Outstanding] = []
    beyond: list[Outstanding] = []
    due_days: dict[str, frozenset[dt.date]] = {}
    changes = {table: _Changes(state.touches) for table, state in states.items()}
    for table in dependency_order(contracts):
        contract = contracts[table]
        state = states.get(table, TableState())
        found = [outstanding for day in days if (outstanding := _judge(contract, day, state, changes, due_days))]
        if contract.partition_grain is PartitionGrain.MONTH and contract.mode == "partitions":
            found = _one_a_month(found)
        oldest = today - dt.timedelta(days=contract.restatement_days)
        late = [one for one in found if one.cause is Cause.STALE and contract.layer == "gold" and one.day < oldest]
        beyond += late
        now_due = [one for one in found if one not in late]
        due += now_due
        due_days[table] = frozenset(one.day for one in now_due)
    return Plan(tuple(due), tuple(beyond))


def _one_a_month(found: Sequence[Outstanding]) -> list[Outstanding]:
    """Of a table whose runs make whole months: the days to load for the first time, else the last stale one of each month."""
    kept = []
    for _, of_month in groupby(found, key=lambda one: start_of_month(one.day)):
        together = list(of_month)
        kept += [one for one in together if one.cause is not Cause.STALE] or together[-1:]
    return kept


class _Changes:
    """When each of a table's dates was last changed: found without looking at every commit for every day."""

    def __init__(self, touches: Sequence[Touch]) -> None:
        self._last: dict[dt.date, int] = {}
        for touch in touches:
            for date in touch.dates:
                self._last[date] = max(touch.version, self._last.get(date, -1))
        self._dates = sorted(self._last)
        self._last_until = list(accumulate((self._last[date] for date in self._dates), max))

    def last(self, oldest: dt.date | None, newest: dt.date) -> int:
        """The last version that changed a date of a range; -1 where none did."""
        end = bisect_right(self._dates, newest)
        if oldest is None:
            return self._last_until[end - 1] if end else -1
        begin = bisect_left(self._dates, oldest)
        return max((self._last[date] for date in self._dates[begin:end]), default=-1)


def _judge(
    contract: Contract,
    day: dt.date,
    state: TableState,
    changes: Mapping[str, _Changes],
    due_days: Mapping[str, frozenset[dt.date]],
) -> Outstanding | None:
    if day not in state.loaded:
        return Outstanding(contract.table, day, Cause.MISSING, "never loaded")
    load = state.loads.get(day)
    if load is None:
        return None
    if load.clock < dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC):
        return Outstanding(contract.table, day, Cause.OPEN, f"loaded at {load.clock:%H:%M} while the day was open")
    for read in contract.reads:
        last = changes[read.table].last(*dates_read(read, day)) if read.table in changes else -1
        if last > load.inputs.get(read.table, -1):
            return Outstanding(contract.table, day, Cause.STALE, f"{read.table} changed in version {last}")
        if reads_any(read, day, due_days.get(read.table, frozenset())):
            return Outstanding(contract.table, day, Cause.STALE, f"{read.table} is about to change")
    return None
