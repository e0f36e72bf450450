"""What a table reads of another for a range of days, as a predicate that prunes files, and as a DataFrame of a pinned version.

A contract's `reads` is the only statement of it: push-down, staleness and restatement derive from here.
"""

import calendar
import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING

from contracts.days import start_of_month
from contracts.model import CURRENT, VALID_FROM, VALID_TO_MONTH, Contract, PartitionGrain, Read

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def read_predicate(upstream: Contract, read: Read, first: dt.date, last: dt.date) -> str:
    """The Spark SQL predicate of the upstream's rows that are read for the days from first to last.

    It holds for every row that any of the days reads, and compares partition columns so that other files stay closed.
    """
    if read.kind == "as_of":
        after = first + dt.timedelta(days=1)
        return (
            f"(`{VALID_TO_MONTH}` = '{CURRENT}' or `{VALID_TO_MONTH}` >= '{after:%Y-%m}')"
            f" and `{VALID_FROM}` < timestamp'{last + dt.timedelta(days=1)} 00:00:00'"
        )
    lower, upper = _date_range(read, first, last)
    bounds = [(">=", lower), ("<=", upper)]
    parts = [f"`{upstream.touched_column}` {operator} date'{day}'" for operator, day in bounds if day]
    if upstream.partition_grain is PartitionGrain.MONTH:
        parts += [f"`{upstream.partition_column}` {operator} '{day:%Y-%m}'" for operator, day in bounds if day]
    return " and ".join(parts)


def reads_any(read: Read, day: dt.date, dates: Collection[dt.date]) -> bool:
    """Whether the table's day reads rows of any of the upstream's dates."""
    if not dates:
        return False
    lower, upper = dates_read(read, day)
    return any((lower is None or lower <= date) and date <= upper for date in dates)


def dates_read(read: Read, day: dt.date) -> tuple[dt.date | None, dt.date]:
    """The oldest and newest of the upstream's dates whose change the table's day sees; no oldest means from the start."""
    return (None, day) if read.kind == "as_of" else _date_range(read, day, day)


def _date_range(read: Read, first: dt.date, last: dt.date) -> tuple[dt.date | None, dt.date]:
    """The oldest and newest business date that the days from first to last read; no oldest means from the start."""
    match read.kind:
        case "month":
            return start_of_month(first), last.replace(day=calendar.monthrange(last.year, last.month)[1])
        case "all":
            return None, last
        case "since_month_of":
            return start_of_month(first + dt.timedelta(days=read.first)), last
        case "before_month_of":
            return None, start_of_month(last + dt.timedelta(days=read.first)) - dt.timedelta(days=1)
        case _:
            return first + dt.timedelta(days=read.first), last + dt.timedelta(days=read.last)


def open_version(session: "SparkSession", path: str, version: int) -> "DataFrame":
    """All that a version of a table holds.

    Without `versionAsOf` every action of the DataFrame would resolve the table again, so its count and its rows could disagree.
    """
    return session.read.format("delta").option("versionAsOf", version).load(path)


def read_frame(
    session: "SparkSession", path: str, version: int, contract: Contract, predicate: str | None
) -> "DataFrame":
    """The rows of a pinned version that meet the predicate, in the columns of the contract."""
    frame = open_version(session, path, version).select(*(column.name for column in contract.columns))
    found = frame.where(predicate) if predicate else frame
    return found.hint("broadcast") if contract.broadcast else found
