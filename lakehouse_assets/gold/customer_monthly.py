"""gold/customer_monthly: customer_daily added up by month, so that what looks back for good need not read every day.

Grain: customer_id, month_start. Stored by month: a day's run makes its month anew from all its published days.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.favourites import CATEGORIES, CHANNELS, NamedList, added_up, or_empty

_KEYS = ("customer_id", "month_start")
_COUNTS = ("orders", "units", "cancelled_orders", "sessions", "page_views", "add_to_carts", "purchases")
_AMOUNTS = ("gross_eur", "net_eur")


def customer_monthly(customer_daily: DataFrame) -> DataFrame:
    """Sums a customer's days by month; first and last days are those of net orders, and the last of any activity."""
    days = customer_daily.withColumn("month_start", F.trunc("activity_date", "month"))
    ordered = F.when(F.col("orders") > 0, F.col("activity_date"))
    months = days.groupBy(*_KEYS).agg(
        *(F.sum(name).alias(name) for name in _COUNTS),
        *(F.sum(name).cast("decimal(18,2)").alias(name) for name in _AMOUNTS),
        F.min("first_event_ts").alias("first_event_ts"),
        F.max("last_event_ts").alias("last_event_ts"),
        F.min(ordered).alias("first_order_date"),
        F.max(ordered).alias("last_order_date"),
        F.max("activity_date").alias("last_activity_date"),
    )
    return (
        months.join(_listed(days, CATEGORIES), [*_KEYS], "left")
        .join(_listed(days, CHANNELS), [*_KEYS], "left")
        .withColumns({one.column: or_empty(one) for one in (CATEGORIES, CHANNELS)})
        .withColumn("month", F.date_format("month_start", "yyyy-MM"))
    )


def _listed(days: DataFrame, lists: NamedList) -> DataFrame:
    """The lists of a month's days as one, sorted by name."""
    items = F.array_sort(F.collect_list(F.struct(lists.name, *lists.measures)))
    return added_up(days, lists, *_KEYS).groupBy(*_KEYS).agg(items.alias(lists.column))
