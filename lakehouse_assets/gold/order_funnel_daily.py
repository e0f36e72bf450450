"""gold/order_funnel_daily: how many orders reached each step on a day, and how long after they were placed.

Grain: event_type, activity_date, the day of the event; types with an event.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

LONGEST_MINUTES = 90 * 24 * 60
"""An order that was placed longer before an event is not what the event is about."""


def order_funnel_daily(order_events: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """Counts each day's events by type, with the median of minutes since the earliest placement in the 90 days before each."""
    placed = (
        order_events.where("event_type = 'PLACED' and order_id is not null")
        .groupBy(F.col("order_id").alias("placed_order_id"))
        .agg(F.collect_list("ts").alias("placed_at"))
    )
    minutes = "transform(placed_at, placed -> (unix_micros(ts) - unix_micros(placed)) / 60e6D)"
    return (
        order_events.where(F.col("event_date").isin(*days))
        .join(placed, F.col("order_id") == F.col("placed_order_id"), "left")
        .select(
            "event_type",
            F.col("event_date").alias("activity_date"),
            "order_id",
            F.expr(f"array_max(filter({minutes}, since -> since between 0 and {LONGEST_MINUTES}))").alias("minutes"),
        )
        .groupBy("event_type", "activity_date")
        .agg(
            F.count("*").alias("events"),
            F.expr("count(distinct order_id)").alias("orders"),
            F.expr("percentile(minutes, 0.5)").alias("median_minutes_since_placed"),
        )
    )
