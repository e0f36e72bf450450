"""Which days there are: from the lake's first to the clock's, whatever Dagster's own clock says."""

import datetime as dt
import itertools

import dagster as dg
import pytest

from lakehouse_assets.partitions import daily
from lakehouse_assets.settings import Settings

TODAY = dt.datetime.now(dt.UTC).date()


def settings(start: dt.date, now: dt.datetime | None = None) -> Settings:
    return Settings(_env_file=None, start_date=start, now=now)  # type: ignore[call-arg]


def at(day: dt.date, hour: int = 0, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, minute), dt.UTC)


@pytest.mark.parametrize("days_ahead", [-400, -1, 0, 1, 400])
@pytest.mark.parametrize(("hour", "minute"), [(0, 0), (23, 59)])
def test_the_days_of_a_fixed_clock_end_with_its_own_day(days_ahead: int, hour: int, minute: int) -> None:
    last = TODAY + dt.timedelta(days=days_ahead)
    first = last - dt.timedelta(days=2)
    keys = daily(settings(first, at(last, hour, minute))).get_partition_keys()
    assert keys == [str(first), str(first + dt.timedelta(days=1)), str(last)]


def test_without_a_fixed_clock_the_day_that_is_still_open_is_the_last() -> None:
    first = TODAY - dt.timedelta(days=3)
    assert daily(settings(first)).get_partition_keys(current_time=at(TODAY, 0, 1))[-1] == str(TODAY)
    assert daily(settings(first)).get_partition_keys(current_time=at(TODAY, 23, 59))[-1] == str(TODAY)


def test_a_day_that_begins_later_is_known_then() -> None:
    # Definitions are made once, and a process lives for longer than a day.
    definition = daily(settings(TODAY))
    tomorrow = TODAY + dt.timedelta(days=1)
    assert definition.get_partition_keys(current_time=at(tomorrow)) == [str(TODAY), str(tomorrow)]


def test_days_are_utc_also_where_clocks_change() -> None:
    definition = daily(settings(dt.date(2026, 3, 27), at(dt.date(2026, 3, 31))))
    assert definition.timezone == "UTC"
    windows = [definition.time_window_for_partition_key(key) for key in definition.get_partition_keys()]
    assert {window.end - window.start for window in windows} == {dt.timedelta(days=1)}
    assert {window.start.utcoffset() for window in windows} == {dt.timedelta()}
    assert all(one.end == other.start for one, other in itertools.pairwise(windows))


def test_a_lake_that_starts_today_has_one_day() -> None:
    assert daily(settings(TODAY, at(TODAY, 12))).get_partition_keys() == [str(TODAY)]


def test_the_first_day_is_the_lakes() -> None:
    definition = daily(settings(dt.date(2026, 1, 1), at(dt.date(2026, 2, 1))))
    assert definition.get_first_partition_key() == "2026-01-01"
    assert isinstance(definition, dg.DailyPartitionsDefinition)
