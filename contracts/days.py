"""Calendar days: ranges of them, and their months."""

import datetime as dt
from collections.abc import Iterable


def days_between(first: dt.date, last: dt.date) -> list[dt.date]:
    """The days from first to last, both included, ascending; none where last is before first."""
    return [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]


def day_range(first: dt.date, last: dt.date) -> str:
    """Days from first to last, as people say it."""
    return f"{first} to {last}" if first != last else f"{first}"


def start_of_month(day: dt.date) -> dt.date:
    """The first day of the month that a day lies in."""
    return day.replace(day=1)


def ranges(days: Iterable[dt.date], step: int = 1) -> list[tuple[dt.date, dt.date]]:
    """Days as ranges from first to last, oldest first; days that are no more than a step apart share one."""
    joined: list[tuple[dt.date, dt.date]] = []
    for day in sorted(days):
        if joined and (day - joined[-1][1]).days <= step:
            joined[-1] = joined[-1][0], day
        else:
            joined.append((day, day))
    return joined
