"""Amounts in euro: the one rule by which every gold table converts."""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.as_of import days_frame

OLDEST_RATE_DAYS = 7
"""A rate older than this many days is no rate."""


def rates_on(fx_rates: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """For each day and currency the last rate published by then: `day`, `currency`, `eur_per_unit`."""
    calendar = days_frame(fx_rates.sparkSession, days)
    recent = fx_rates["rate_date"].between(F.date_sub(calendar["day"], OLDEST_RATE_DAYS), calendar["day"])
    return (
        calendar.join(fx_rates, recent)
        .groupBy("day", "currency")
        .agg(F.max_by("eur_per_unit", "rate_date").alias("eur_per_unit"))
    )


def in_eur(amount: Column, currency: Column, eur_per_unit: Column) -> Column:
    """The amount in euro, rounded half up to cents; null where there is no rate. The euro needs none."""
    rate = F.when(currency == "EUR", F.lit(1).cast("decimal(18,10)")).otherwise(eur_per_unit)
    return F.round(amount * rate, 2).cast("decimal(18,2)")


def average_eur(total: str, count: str) -> Column:
    """Euros for each of a count, rounded half up to cents; null for none. In whole cents, since no double is exact enough.

    Args:
        total: SQL of an amount of 0 or more.
        count: SQL of a whole number.
    """
    cents = f"(2 * cast({total} * 100 as bigint) + {count}) div nullif(2 * {count}, 0)"
    return F.expr(f"cast(cast({cents} as decimal(18,0)) * cast(0.01 as decimal(3,2)) as decimal(18,2))")
