"""Freshness of a table against its SLA, by the data it holds and not by when something was last loaded.

The data time is the newest closed day that is loaded and not stale, empty or not. So loading an old day never turns a late
table green, and a day without rows doesn't turn it red. A hole among older days is no matter of freshness either: the
message names it, and loading it is what the table's status asks for.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace

from contracts.model import Contract

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FreshnessVerdict:
    """Whether a table keeps its SLA. `newest` and `expected` are closed days, null where there is none yet."""

    passed: bool
    newest: dt.date | None
    expected: dt.date | None
    late_by: dt.timedelta
    message: str


def expected_day(contract: Contract, now: dt.datetime, start: dt.date) -> dt.date | None:
    """The newest day that must be complete by now (UTC): yesterday from `available_by` on, else the day before it."""
    newest = now.date() - (_DAY if now.time() >= contract.available_by else 2 * _DAY)
    return newest if newest >= start else None


def data_time(now: dt.datetime, loaded: Collection[dt.date], stale: Collection[dt.date]) -> dt.date | None:
    """The newest day before today that is loaded and not stale."""
    return max((day for day in loaded if day < now.date() and day not in stale), default=None)


def freshness(
    contract: Contract, now: dt.datetime, loaded: Collection[dt.date], stale: Collection[dt.date], start: dt.date
) -> FreshnessVerdict:
    """Judges a table's closed days.

    Args:
        contract: of the table; its `available_by` is the SLA.
        now: the clock in UTC.
        loaded: the days that the table's log holds.
        stale: those of them that are older than what they read, or were loaded before they were over, for longer than the
            contract's allowed lateness.
        start: the lake's first day.
    """
    newest, expected = data_time(now, loaded, stale), expected_day(contract, now, start)
    holes = _holes(loaded, stale, start, newest)
    older = (
        f" {len(holes):,} older {'day is' if len(holes) == 1 else 'days are'} missing or stale, the first {holes[0]}: `lakehouse run` loads what is due."
        if holes
        else ""
    )
    if expected is None:
        return FreshnessVerdict(
            True, newest, None, dt.timedelta(), f"no day is due before {start + _DAY} {contract.available_by:%H:%M} UTC"
        )
    if newest is not None and newest >= expected:
        return FreshnessVerdict(
            True, newest, expected, dt.timedelta(), f"{newest} is complete, {expected} is due.{older}"
        )
    first_due = start if newest is None else max(newest + _DAY, start)
    due = dt.datetime.combine(first_due + _DAY, contract.available_by, now.tzinfo)
    has = "no day is complete" if newest is None else f"the newest complete day is {newest}"
    message = f"{has}, and {expected} is due: {contract.table} is late since {due:%Y-%m-%d %H:%M} UTC. `lakehouse status` names what is missing or stale, `lakehouse run` loads it.{older}"
    return FreshnessVerdict(False, newest, expected, now - due, message)


def with_open_day(
    verdict: FreshnessVerdict, contract: Contract, now: dt.datetime, behind_since: dt.datetime | None
) -> FreshnessVerdict:
    """Judges the open day of a table whose closed days keep its SLA, while somebody asks its source.

    Args:
        verdict: of the closed days.
        contract: of the table; its `latency` is the SLA.
        now: the clock in UTC.
        behind_since: since when the open day lacks what its source was seen to hold; none where it lacks nothing, or nobody
            looks.
    """
    if not verdict.passed or contract.latency is None or behind_since is None:
        return verdict
    late_by = now - behind_since - contract.latency
    if late_by <= dt.timedelta():
        return verdict
    message = (
        f"{now.date()}, which is open, lacks what its source has held since {behind_since:%Y-%m-%d %H:%M} UTC, and should have it"
        f" after {contract.latency.total_seconds() / 60:.0f} minutes. Look which run its sensor waits for, or what it failed with."
    )
    return replace(verdict, passed=False, late_by=late_by, message=message)


def _holes(
    loaded: Collection[dt.date], stale: Collection[dt.date], start: dt.date, newest: dt.date | None
) -> list[dt.date]:
    if newest is None:
        return []
    days = (start + number * _DAY for number in range((newest - start).days))
    return [day for day in days if day not in loaded or day in stale]
