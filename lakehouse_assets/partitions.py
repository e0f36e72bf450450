"""The partition definitions, and nothing else."""

import datetime as dt

import dagster as dg

from lakehouse_assets.settings import Settings


def daily(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a UTC day, from the lake's first day to the clock's day, which is still open.

    Dagster counts to its own clock's day; where the lakehouse's clock is fixed, the offset makes up the difference.
    """
    ahead = (settings.now.date() - dt.datetime.now(dt.UTC).date()).days if settings.now else 0
    return dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(), timezone="UTC", end_offset=ahead + 1
    )
