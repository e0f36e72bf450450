"""Calendar days: ranges of them, and their months."""

import datetime as dt


def days_between(first: dt.date, last: dt.date) -> list[dt.date]:
    """The days from first to last, both included, ascending; none where last is before first."""
    return [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]


def start_of_month(day: dt.date) -> dt.date:
    """The first day of the month that a day lies in."""
    return day.replace(day=1)
