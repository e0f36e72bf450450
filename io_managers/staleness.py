"""Which days of which tables are missing or stale, and why, from the tables' own logs.

A day is loaded in a table when that table's log holds its transaction. It is stale when a later commit of an input
touched dates that the day reads. Dagster's events are not asked: a crash after a commit loses them.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import TopologicalSorter

from contracts.days import days_between
from contracts.model import Contract
from io_managers.reads import reads_any


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
    for table in dependency_order(contracts):
        contract = contracts[table]
        found = [outstanding for day in days if (outstanding := _judge(contract, day, states, due_days))]
        oldest = today - dt.timedelta(days=contract.restatement_days)
        late = [one for one in found if one.cause is Cause.STALE and contract.layer == "gold" and one.day < oldest]
        beyond += late
        now_due = [one for one in found if one not in late]
        due += now_due
        due_days[table] = frozenset(one.day for one in now_due)
    return Plan(tuple(due), tuple(beyond))


def _judge(
    contract: Contract, day: dt.date, states: Mapping[str, TableState], due_days: Mapping[str, frozenset[dt.date]]
) -> Outstanding | None:
    state = states.get(contract.table, TableState())
    if day not in state.loaded:
        return Outstanding(contract.table, day, Cause.MISSING, "never loaded")
    load = state.loads.get(day)
    if load is None:
        return None
    if load.clock < dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC):
        return Outstanding(contract.table, day, Cause.OPEN, f"loaded at {load.clock:%H:%M} while the day was open")
    for read in contract.reads:
        known = load.inputs.get(read.table, -1)
        for touch in states.get(read.table, TableState()).touches:
            if touch.version > known and reads_any(read, day, touch.dates):
                return Outstanding(contract.table, day, Cause.STALE, f"{read.table} changed in version {touch.version}")
        if reads_any(read, day, due_days.get(read.table, frozenset())):
            return Outstanding(contract.table, day, Cause.STALE, f"{read.table} is about to change")
    return None


@dataclass(frozen=True, slots=True)
class Batch:
    """One run: a contiguous range of days, and the tables that have all of them outstanding."""

    first: dt.date
    last: dt.date
    tables: tuple[str, ...]


def batches(due: Iterable[Outstanding]) -> list[Batch]:
    """Joins what is due into as few runs as contiguous ranges of days with the same tables allow, oldest first."""
    tables_by_day: dict[dt.date, list[str]] = {}
    for one in due:
        tables_by_day.setdefault(one.day, []).append(one.table)
    joined: list[Batch] = []
    for day in sorted(tables_by_day):
        tables = tuple(tables_by_day[day])
        if joined and joined[-1].tables == tables and joined[-1].last + dt.timedelta(days=1) == day:
            joined[-1] = Batch(joined[-1].first, day, tables)
        else:
            joined.append(Batch(day, day, tables))
    return joined
