"""Which days of which tables are missing or stale, and why, from the tables' own logs.

A day is loaded in a table when that table's log holds its transaction. It is stale when a later commit of an input
touched dates that the day reads; in bronze, when its source holds something that the load did not see. Dagster's events
are not asked: a crash after a commit loses them.
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import accumulate, groupby

from contracts.days import days_between, start_of_month
from contracts.model import Contract, PartitionGrain
from io_managers.reads import dates_read, reads_any

NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)
"""Before every moment."""


class Cause(StrEnum):
    """Why a day has to be loaded."""

    MISSING = "missing"
    """The table's log doesn't hold it."""
    OPEN = "open"
    """Its source was read before the day was over, or before what comes late was in."""
    STALE = "stale"
    """An input or the source changed since, or is about to."""


@dataclass(frozen=True, slots=True)
class Load:
    """The commit that last loaded a day: the clock then, the input versions that were read, and the marks of its source."""

    version: int
    clock: dt.datetime
    inputs: Mapping[str, int]
    marks: frozenset[str] | None = None
    """What the source held of the day, where that is known."""


Arrived = Mapping[str, Mapping[dt.date, frozenset[str]]]
"""The marks of what sources hold now, by bronze table and arrival window; tables and windows that weren't asked for are left out."""


@dataclass(frozen=True, slots=True)
class Touch:
    """The business dates whose rows a commit changed."""

    version: int
    dates: frozenset[dt.date]
    timestamp: dt.datetime = field(default=NEVER, compare=False)
    """When it was committed, by the writer's clock."""
    clock: dt.datetime = field(default=NEVER, compare=False)
    """What time it was for the run."""


class _Changes:
    """When each of a table's dates was last changed: found without looking at every commit for every day."""

    def __init__(self, touches: Sequence[Touch]) -> None:
        self._touches = touches
        last: dict[dt.date, int] = {}
        for touch in touches:
            for date in touch.dates:
                last[date] = max(touch.version, last.get(date, -1))
        self._dates = sorted(last)
        self._last = [last[date] for date in self._dates]
        self._last_until = list(accumulate(self._last, max))

    @property
    def newest(self) -> int:
        """The last version that changed any date; -1 where none did."""
        return self._last_until[-1] if self._last_until else -1

    def last(self, oldest: dt.date | None, newest: dt.date) -> int:
        """The last version that changed a date of a range; -1 where none did."""
        end = bisect_right(self._dates, newest)
        if oldest is None:
            return self._last_until[end - 1] if end else -1
        begin = bisect_left(self._dates, oldest)
        return max(self._last[begin:end], default=-1)

    def since(self, version: int, oldest: dt.date | None, newest: dt.date) -> dt.datetime:
        """When a date of a range was first changed after a version."""
        return min(
            touch.clock
            for touch in self._touches
            if touch.version > version
            and any((oldest is None or oldest <= date) and date <= newest for date in touch.dates)
        )


@dataclass(frozen=True)
class TableState:
    """What a table's log says of its days. A day may be loaded by a commit that the log no longer holds."""

    loaded: frozenset[dt.date] = frozenset()
    loads: Mapping[dt.date, Load] = field(default_factory=dict)
    touches: Sequence[Touch] = ()

    @cached_property
    def changes(self) -> _Changes:
        """The touches by date: made once, since a run plans for one table after the other."""
        return _Changes(self.touches)


_NOTHING = TableState()
"""Of a table that was never created."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A day of a table that has to be loaded, or, beyond the restatement window, a backfill that would repair it."""

    table: str
    day: dt.date
    cause: Cause
    reason: str
    since: dt.datetime = field(default=NEVER, compare=False)
    """When it came to be so, by the lakehouse's clock; `NEVER` where that isn't known, or the day was never loaded."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be loaded now, in dependency order of tables and ascending days, and what is only reported."""

    due: tuple[Outstanding, ...]
    beyond: tuple[Outstanding, ...]

    def overdue(self, contract: Contract, now: dt.datetime) -> frozenset[dt.date]:
        """The days of a table that are outstanding for longer than its allowed lateness: until then, late data is being followed."""
        return frozenset(
            one.day
            for one in (*self.due, *self.beyond)
            if one.table == contract.table and (one.since == NEVER or one.since + contract.allowed_lateness <= now)
        )


def dependency_order(contracts: Mapping[str, Contract]) -> list[str]:
    """Tables after those that they read; those that are read and not among the contracts are left out."""
    graph = {
        table: [read.table for read in contracts[table].reads if read.table in contracts] for table in sorted(contracts)
    }
    return list(TopologicalSorter(graph).static_order())


def plan(  # noqa: PLR0913
    contracts: Mapping[str, Contract],
    states: Mapping[str, TableState],
    start: dt.date,
    now: dt.datetime,
    arrived: Arrived | None = None,
    *,
    with_open_day: bool = False,
    wanted: Callable[[Outstanding], bool] = lambda _: True,
) -> Plan:
    """Says which days are missing or stale, transitively over what is read.

    An input's day that is due counts as touched, so that what reads it follows in the same plan. Days older than the
    table's restatement window are only reported, and make nothing else due.

    Args:
        contracts: of the tables to plan for, with all that they read.
        states: what the tables' logs say.
        start: the lake's first day.
        now: the clock, UTC.
        arrived: what sources hold now, where they were asked.
        with_open_day: whether today, which isn't over, is planned for as well.
        wanted: which of what is outstanding counts; what doesn't makes nothing else due. Asked in the plan's order.
    """
    today = now.date()
    days = days_between(start, today if with_open_day else today - dt.timedelta(days=1))
    due: list[Outstanding] = []
    beyond: list[Outstanding] = []
    due_days: dict[str, Mapping[dt.date, dt.datetime]] = {}
    for table in dependency_order(contracts):
        contract = contracts[table]
        state = states.get(table, _NOTHING)
        marks = (arrived or {}).get(table, {})
        found = []
        for day in days:
            if day not in state.loaded:
                found.append(Outstanding(table, day, Cause.MISSING, "never loaded"))
            elif load := state.loads.get(day):
                if contract.reads:
                    judged = _by_inputs(contract, day, load, states, due_days)
                else:
                    judged = _by_source(contract, day, load, marks.get(day), now)
                if judged:
                    found.append(Outstanding(table, day, *judged))
        found = [one for one in found if wanted(one)]
        if contract.partition_grain is PartitionGrain.MONTH and contract.mode == "partitions":
            found = _one_a_month(found)
        oldest = today - dt.timedelta(days=contract.restatement_days)
        late = [one for one in found if one.cause is Cause.STALE and contract.layer == "gold" and one.day < oldest]
        beyond += late
        now_due = [one for one in found if one not in late]
        due += now_due
        due_days[table] = {one.day: one.since for one in now_due}
    return Plan(tuple(due), tuple(beyond))


def _one_a_month(found: Sequence[Outstanding]) -> list[Outstanding]:
    """Of a table whose runs make whole months: the days to load for the first time, else the last stale one of each month."""
    kept = []
    for _, of_month in groupby(found, key=lambda one: start_of_month(one.day)):
        together = list(of_month)
        kept += [one for one in together if one.cause is not Cause.STALE] or together[-1:]
    return kept


def _by_inputs(
    contract: Contract,
    day: dt.date,
    load: Load,
    states: Mapping[str, TableState],
    due_days: Mapping[str, Mapping[dt.date, dt.datetime]],
) -> tuple[Cause, str, dt.datetime] | None:
    """Why a loaded day of a table that reads others has to be loaded again, if it has to."""
    for read in contract.reads:
        seen, upstream = load.inputs.get(read.table, -1), due_days.get(read.table, {})
        changes = states.get(read.table, _NOTHING).changes
        if changes.newest > seen:
            dates = dates_read(read, day)
            if (last := changes.last(*dates)) > seen:
                return Cause.STALE, f"{read.table} changed in version {last}", changes.since(seen, *dates)
        if reads_any(read, day, upstream):
            since = min(since for date, since in upstream.items() if reads_any(read, day, (date,)))
            return Cause.STALE, f"{read.table} is about to change", since
    return None


def _by_source(
    contract: Contract, day: dt.date, load: Load, marks: frozenset[str] | None, now: dt.datetime
) -> tuple[Cause, str, dt.datetime] | None:
    """The same of a table that is read from a source. Where that gives no marks, only time tells."""
    if marks is not None and load.marks is not None and marks - load.marks:
        # When it came, only the source could say: as far as anybody knows, it is just there.
        return Cause.STALE, f"its source has had more since {load.clock:%Y-%m-%d %H:%M}", now
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
    if load.clock < end <= now:
        return Cause.OPEN, f"loaded at {load.clock:%H:%M} while the day was open", end
    if load.marks is None and load.clock < end + contract.allowed_lateness <= now:
        return (
            Cause.OPEN,
            f"loaded at {load.clock:%H:%M}, before what comes late was in",
            end + contract.allowed_lateness,
        )
    return None
