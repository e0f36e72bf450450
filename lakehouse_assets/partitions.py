"""The partition definitions, and the days that a run is for. Nothing else."""

import datetime as dt
from collections.abc import Mapping, Sequence

import dagster as dg

from contracts.days import days_between
from lakehouse_assets.settings import Settings

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


def daily(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a UTC day, from the lake's first day to the clock's day, which is still open.

    Dagster counts to its own clock's day; where the lakehouse's clock is fixed, the offset makes up the difference.
    """
    ahead = (settings.now.date() - dt.datetime.now(dt.UTC).date()).days if settings.now else 0
    return dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(), timezone="UTC", end_offset=ahead + 1
    )


def range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """The tags that make a run load a range of days at once."""
    return {_RANGE_START: first.isoformat(), _RANGE_END: last.isoformat()}


def run_days(tags: Mapping[str, str]) -> Sequence[dt.date]:
    """The days that a run was started for; none for a run without partitions."""
    start = tags.get(_RANGE_START) or tags.get("dagster/partition")
    end = tags.get(_RANGE_END) or start
    if start is None or end is None:
        return []
    first, last = dt.date.fromisoformat(start), dt.date.fromisoformat(end)
    return days_between(first, last)
