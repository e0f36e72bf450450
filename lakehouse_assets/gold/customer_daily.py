"""gold/customer_daily: what each customer did on a day.

Grain: customer_id, activity_date; customers with an order of any status, or with a behaviour event, on the day. Anonymous
events are nobody's. A session that crosses midnight counts on both days.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.favourites import CATEGORIES, CHANNELS, or_empty
from lakehouse_assets.gold.sessions import channel_of, first_event

_COUNTED_EVENTS = {"page_views": "page_view", "add_to_carts": "add_to_cart", "purchases": "purchase"}


def customer_daily(fct_orders: DataFrame, behavior: DataFrame) -> DataFrame:
    """Adds up a day's orders and events by customer; orders and units count net orders alone."""
    customer_and_day = ["customer_id", "activity_date"]
    return (
        _ordered(fct_orders)
        .join(_behaved(behavior), customer_and_day, "full")
        .select(
            *customer_and_day,
            *(
                _or_zero(name, "bigint")
                for name in ("orders", "units", "cancelled_orders", "sessions", *_COUNTED_EVENTS)
            ),
            *(_or_zero(name, "decimal(18,2)") for name in ("gross_eur", "net_eur")),
            "first_event_ts",
            "last_event_ts",
            or_empty(CATEGORIES),
            or_empty(CHANNELS),
        )
    )


def _ordered(fct_orders: DataFrame) -> DataFrame:
    by_category = fct_orders.groupBy("customer_id", F.col("order_date").alias("activity_date"), "category").agg(
        F.count_if("is_net").alias("orders"),
        F.expr("sum(case when is_net then cast(quantity as bigint) end)").alias("units"),
        F.sum("amount_eur").alias("gross_eur"),
        F.expr("sum(case when is_net then amount_eur end)").alias("net_eur"),
        F.count_if(~F.col("is_net")).alias("cancelled_orders"),
    )
    return by_category.groupBy("customer_id", "activity_date").agg(
        *(F.sum(name).alias(name) for name in ("orders", "units", "gross_eur", "net_eur", "cancelled_orders")),
        # A sum that is too large is for the row's rules to tell, which the customer's own sum then breaks.
        _sorted_where("orders > 0", "category", "orders", "try_cast(net_eur as decimal(18,2)) as net_eur").alias(
            "categories"
        ),
    )


def _behaved(behavior: DataFrame) -> DataFrame:
    by_session = (
        behavior.where("customer_id is not null")
        .groupBy("customer_id", F.col("event_date").alias("activity_date"), "session_id")
        .agg(
            first_event().alias("first_event"),
            *(F.count_if(F.col("event_name") == event).alias(name) for name, event in _COUNTED_EVENTS.items()),
            F.min("event_ts").alias("first_event_ts"),
            F.max("event_ts").alias("last_event_ts"),
        )
    )
    # Events without session_id have no session, and so no channel.
    channel = F.when(F.col("session_id").isNotNull(), channel_of(F.col("first_event")))
    by_channel = by_session.groupBy("customer_id", "activity_date", channel.alias("channel")).agg(
        F.count("session_id").alias("sessions"), *_event_totals()
    )
    return by_channel.groupBy("customer_id", "activity_date").agg(
        F.sum("sessions").alias("sessions"),
        *_event_totals(),
        _sorted_where("channel is not null", "channel", "sessions").alias("channels"),
    )


def _event_totals() -> list[Column]:
    return [
        *(F.sum(name).alias(name) for name in _COUNTED_EVENTS),
        F.min("first_event_ts").alias("first_event_ts"),
        F.max("last_event_ts").alias("last_event_ts"),
    ]


def _sorted_where(condition: str, *fields: str) -> Column:
    """A group's rows that meet a condition as an array of structs, sorted by the first field."""
    return F.array_sort(F.collect_list(F.when(F.expr(condition), F.struct(*map(F.expr, fields)))))


def _or_zero(name: str, kind: str) -> Column:
    return F.coalesce(F.col(name), F.lit(0).cast(kind)).alias(name)
