"""Which stored partitions changes can affect: what a fold has to read, and no more."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from contracts.model import CURRENT, Contract, PartitionGrain

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def change_dates(changes: "DataFrame", contract: Contract) -> frozenset[dt.date]:
    """The dates that decide what is read: every business date of the changes (scd1), or that of the oldest sequence (scd2).

    One query; empty without changes.
    """
    if contract.history == "scd2":
        dates = changes.agg(F.min(contract.sequence or "").cast("date").alias("date"))
    else:
        dates = changes.select(F.col(contract.touched_column).cast("date").alias("date")).distinct()
    return frozenset(date for (date,) in dates.collect() if date is not None)


def partitions_in_reach(contract: Contract, dates: Collection[dt.date], stored: Iterable[str]) -> frozenset[str]:
    """The partitions that can hold a row affected by changes of these dates (`change_dates`), stored or not.

    Scd1: those within the contract's drift of any date, since all versions of a key lie that close. Scd2: `current` and
    the stored months from the oldest sequence on, since a version that ended before can't meet a newer one. What another
    run puts into any of them, a partition that is new included, makes a fold that hasn't seen it wrong.
    """
    if not dates:
        return frozenset()
    if contract.history == "scd2":
        oldest = min(dates).isoformat()[: len("YYYY-MM")]
        return frozenset({CURRENT, *(partition for partition in stored if partition >= oldest)})
    near = {
        dt.date.fromordinal(min(max(date.toordinal() + days, dt.date.min.toordinal()), dt.date.max.toordinal()))
        for date in dates
        for days in range(-contract.drift_days, contract.drift_days + 1)
    }
    width = len("YYYY-MM") if contract.partition_grain is PartitionGrain.MONTH else len("YYYY-MM-DD")
    return frozenset(date.isoformat()[:width] for date in near)


def partitions_to_read(contract: Contract, dates: Collection[dt.date], stored: Iterable[str]) -> list[str]:
    """The stored partitions among those in reach, sorted."""
    known = set(stored)
    return sorted(known & partitions_in_reach(contract, dates, known))
