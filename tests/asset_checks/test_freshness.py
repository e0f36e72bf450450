"""Freshness driven by the clock and by what is loaded."""

import datetime as dt

import pytest
from audited_tables import ORDERS
from hypothesis import given
from hypothesis import strategies as st

from asset_checks.freshness import freshness

START = dt.date(2026, 10, 1)
DUE = ORDERS.available_by


def days(*numbers: int) -> set[dt.date]:
    return {dt.date(2026, 10, number) for number in numbers}


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 10, day, hour, minute, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("now", "loaded", "stale", "passed"),
    [
        (at(6, 2, 59), days(1, 2, 3, 4), set(), True),
        (at(6, 3), days(1, 2, 3, 4), set(), False),
        (at(6, 3), days(1, 2, 3, 4, 5), set(), True),
        (at(6, 3), days(1, 2, 3, 4, 5), days(5), False),
        (at(6, 2, 59), days(1, 2, 3, 4, 5), days(5), True),
        (at(6, 3), days(1, 2, 3, 4, 5), days(2), True),
        (at(6, 3), days(1, 2, 3, 4, 6), set(), False),
        (at(6, 3), set(), set(), False),
    ],
)
def test_yesterday_must_be_complete_from_the_agreed_time_on(
    now: dt.datetime, loaded: set[dt.date], stale: set[dt.date], passed: bool
) -> None:
    assert freshness(ORDERS, now, loaded, stale, START).passed is passed


def test_lateness_counts_from_when_the_first_missing_day_was_due() -> None:
    verdict = freshness(ORDERS, at(6, 4), days(1, 2, 3), set(), START)
    assert (verdict.newest, verdict.expected, verdict.late_by) == (
        dt.date(2026, 10, 3),
        dt.date(2026, 10, 5),
        dt.timedelta(days=1, hours=1),
    )
    assert "2026-10-05 03:00" in verdict.message
    never = freshness(ORDERS, at(6, 4), set(), set(), START)
    assert (never.newest, never.late_by) == (None, dt.timedelta(days=4, hours=1))


def test_loading_old_days_does_not_turn_a_late_table_green() -> None:
    late = freshness(ORDERS, at(20, 12), days(1, 5), set(), START)
    backfilled = freshness(ORDERS, at(20, 12), days(1, 2, 3, 4, 5), set(), START)
    assert (late.passed, backfilled.passed) == (False, False)
    assert late.late_by == backfilled.late_by


def test_holes_are_named_though_the_table_is_fresh() -> None:
    verdict = freshness(ORDERS, at(6, 12), days(1, 3, 4, 5), days(4), START)
    assert verdict.passed
    assert "2 older days are missing or stale, the first 2026-10-02" in verdict.message


@pytest.mark.parametrize("now", [at(1, 12), at(2, 2, 59)])
def test_nothing_is_due_before_the_first_day_is_over(now: dt.datetime) -> None:
    assert freshness(ORDERS, now, set(), set(), START).passed
    assert not freshness(ORDERS, at(2, 3), set(), set(), START).passed


@given(st.sets(st.integers(1, 20)), st.sets(st.integers(1, 20)), st.integers(1, 20 * 24 * 60))
def test_time_alone_never_makes_a_table_fresher(loaded: set[int], stale: set[int], minutes: int) -> None:
    def verdict(moment: dt.datetime) -> bool:
        held = {day for day in days(*loaded) if day < START + dt.timedelta(days=1)}
        return freshness(ORDERS, moment, held, days(*stale), START).passed

    earlier, later = at(2, 0), at(2, 0) + dt.timedelta(minutes=minutes)
    assert verdict(earlier) or not verdict(later)
