"""gold/customer_segments: customers by how recently, how often and for how much they bought in a year, as of a day's end.

Grain: customer_id, snapshot_date; customers with a net order in the 365 days that end with the day, deleted ones aside.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakehouse_assets.gold.as_of import as_of, days_frame

_DAYS_BACK = 364
_QUINTILES = ("recency_quintile", "frequency_quintile", "monetary_quintile")
_SEGMENT = """
    case
        when recency_quintile >= 4 and frequency_quintile >= 4 and monetary_quintile >= 4 then 'champions'
        when recency_quintile >= 3 and frequency_quintile >= 3 then 'loyal'
        when recency_quintile >= 4 then 'recent'
        when recency_quintile = 3 then 'needs_attention'
        when frequency_quintile >= 3 then 'at_risk'
        else 'hibernating'
    end
"""


def customer_segments(customer_daily: DataFrame, customers: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """Ranks each day's buyers of a year into quintiles, of which 5 is the best, and names the segment that they make."""
    deleted = as_of(customers.where("is_deleted"), days).select("customer_id", F.col("day").alias("snapshot_date"))
    buyers = _year(customer_daily.where("orders > 0"), days).join(deleted, ["customer_id", "snapshot_date"], "anti")
    worst_to_best = (F.col("recency_days").desc(), F.col("frequency"), F.col("monetary_eur"))
    quintiles = (_quintile(order).alias(name) for order, name in zip(worst_to_best, _QUINTILES, strict=True))
    return buyers.select("*", *quintiles).select(
        "*",
        F.concat(*(F.col(name).cast("string") for name in _QUINTILES)).alias("rfm_score"),
        F.expr(_SEGMENT).alias("segment"),
    )


def _year(bought: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """What each customer bought in the year that ends with a day. Grain: customer_id, snapshot_date."""
    first, last = min(days), max(days)
    # The days that all the years have in common are added up once, as if on the first day: it saves a third of the time.
    in_every_year = f"activity_date between date'{last - dt.timedelta(days=_DAYS_BACK)}' and date'{first}'"
    once = (
        bought.withColumn("counted_on", F.expr(f"case when {in_every_year} then date'{first}' else activity_date end"))
        .groupBy("customer_id", "counted_on")
        .agg(
            F.max("activity_date").alias("last_order_date"),
            F.sum("orders").alias("orders"),
            F.sum("net_eur").alias("net_eur"),
        )
    )
    calendar = days_frame(bought.sparkSession, days)
    in_year = once["counted_on"].between(F.date_sub(calendar["day"], _DAYS_BACK), calendar["day"])
    return (
        calendar.join(once, in_year)
        .groupBy("customer_id", F.col("day").alias("snapshot_date"))
        .agg(
            F.expr("cast(min(date_diff(day, last_order_date)) as bigint)").alias("recency_days"),
            F.sum("orders").alias("frequency"),
            F.sum("net_eur").alias("monetary_eur"),
        )
    )


def _quintile(worst_to_best: Column) -> Column:
    of_day = Window.partitionBy("snapshot_date").orderBy(worst_to_best, "customer_id")
    return F.ntile(5).over(of_day).cast("bigint")
