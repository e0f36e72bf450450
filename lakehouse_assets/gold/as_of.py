"""The state of a table with history at the end of a day: what every snapshot, and every fact with attributes, asks for."""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F


def days_frame(session: SparkSession, days: Sequence[dt.date]) -> DataFrame:
    """One row a day, in the column `day`."""
    listed = ", ".join(f"date'{day}'" for day in days)
    return session.sql(f"select explode(array({listed})) as day")


def valid_at_end_of(day: Column, versions: DataFrame) -> Column:
    """Whether a version is the one that stands when the day ends: from its own start on, up to the next version's."""
    end = F.date_add(day, 1).cast("timestamp")
    return (versions["valid_from"] < end) & (versions["valid_to"].isNull() | (versions["valid_to"] >= end))


def as_of(versions: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """The versions that stand at the end of each day, with that day in the column `day`. Grain: key and day."""
    calendar = days_frame(versions.sparkSession, days)
    # A join on a condition looks at every pair: versions that stand on none of the days are left out before.
    near = around(versions, days)
    return calendar.join(near, valid_at_end_of(calendar["day"], near))


def around(versions: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """The versions that stand some time between the ends of the first and the last day."""
    first, last = (day + dt.timedelta(days=1) for day in (min(days), max(days)))
    return versions.where(f"valid_from < timestamp'{last}' and (valid_to is null or valid_to >= timestamp'{first}')")
