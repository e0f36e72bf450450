"""gold/marketing_attribution: the channels that a day's orders are owed to, by three models.

Grain: order_id, model, channel. first_touch and last_touch credit the channel of the first and of the last session of the
customer that starts in the seven days up to the order's, linear those of all of them alike; without a session all three
credit 'direct'.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.sessions import channel_of, first_event, in_order_of

_STARTED = "start_date >= date_sub(activity_date, 6)"
_KNOWN = "event_date between date_sub(activity_date, 7) and activity_date"
"""A day more than sessions may start in, which tells those that began before."""

_FLOORS = "aggregate(channels, cast(0 as bigint), (total, part) -> total + (rest * part.sessions) div sessions)"
"""What of `rest` is left to channels in whole cents; no product can overflow, since rest is less than the sessions."""
_RANKED = (
    "array_sort(transform(channels, part -> named_struct("
    "'remainder', -((rest * part.sessions) % sessions), 'channel', part.channel, 'sessions', part.sessions)))"
)
"""The channels by remainder, largest first, then by name: the order in which they get an odd cent."""
_LINEAR = (
    f"transform({_RANKED}, (part, rank) -> named_struct('model', 'linear', 'channel', part.channel, "
    "'credit', cast(part.sessions as double) / cast(sessions as double), "
    "'cents', quotient * part.sessions + (rest * part.sessions) div sessions"
    " + case when rank < odd_cents then cast(1 as bigint) else cast(0 as bigint) end))"
)
_SINGLE_TOUCHES = ", ".join(
    f"named_struct('model', '{model}', 'channel', {model}, 'credit', cast(1 as double), 'cents', cents)"
    for model in ("first_touch", "last_touch")
)


def marketing_attribution(fct_orders: DataFrame, behavior: DataFrame) -> DataFrame:
    """Divides each order's net amount among channels, to the cent; that of an order that is not net is 0.

    The floor of each channel's share comes first, then the odd cents, one each by largest remainder and channel.
    """
    orders = fct_orders.selectExpr(
        "order_id",
        "customer_id",
        "order_date as activity_date",
        "case when is_net then cast(amount_eur * 100 as bigint) else cast(0 as bigint) end as cents",
    )
    in_sessions = behavior.where("session_id is not null")
    paths = _paths(_touches(orders.select("customer_id", "activity_date").distinct(), in_sessions))
    return (
        orders.join(paths, ["customer_id", "activity_date"], "left")
        .selectExpr(
            "order_id",
            "activity_date",
            "cents",
            "coalesce(first_touch, 'direct') as first_touch",
            "coalesce(last_touch, 'direct') as last_touch",
            "coalesce(sessions, cast(1 as bigint)) as sessions",
            "coalesce(channels, array(named_struct('channel', 'direct', 'sessions', cast(1 as bigint)))) as channels",
        )
        .selectExpr("*", "cents div sessions as quotient", "cents % sessions as rest")
        .selectExpr("*", f"rest - {_FLOORS} as odd_cents")
        .selectExpr("order_id", "activity_date", f"inline(concat(array({_SINGLE_TOUCHES}), {_LINEAR}))")
        .selectExpr(
            "order_id",
            "model",
            "channel",
            "activity_date",
            "credit",
            "cast(cast(cents as decimal(18,0)) * 0.01 as decimal(18,2)) as net_eur",
        )
    )


def _touches(buyers: DataFrame, behavior: DataFrame) -> DataFrame:
    """The sessions of a day's buyers that start in the window, by events known on that day alone.

    Grain: customer_id, activity_date, session_id. A session's first event counts whoever's it is.
    """
    days_of_sessions = behavior.groupBy("session_id", "event_date").agg(first_event().alias("first_event"))
    customers_of_sessions = (
        behavior.where("customer_id is not null").select("customer_id", "session_id", "event_date").distinct()
    )
    theirs = (
        buyers.join(customers_of_sessions, "customer_id")
        .where(_KNOWN)
        .select("customer_id", "activity_date", "session_id")
        .distinct()
    )
    return (
        theirs.join(days_of_sessions, "session_id")
        .where(_KNOWN)
        .groupBy("customer_id", "activity_date", "session_id")
        .agg(F.min("first_event").alias("first_event"), F.min("event_date").alias("start_date"))
        .where(_STARTED)
    )


def _paths(touches: DataFrame) -> DataFrame:
    """What of its sessions a customer's orders of a day are owed to: first and last touch, and how many by channel."""
    by_channel = (
        touches.withColumn("touch", in_order_of(F.col("session_id"), F.col("first_event")))
        .groupBy("customer_id", "activity_date", channel_of(F.col("first_event")).alias("channel"))
        .agg(F.count("*").alias("sessions"), F.min("touch").alias("first"), F.max("touch").alias("last"))
    )
    return by_channel.groupBy("customer_id", "activity_date").agg(
        channel_of(F.min("first")).alias("first_touch"),
        channel_of(F.max("last")).alias("last_touch"),
        F.sum("sessions").alias("sessions"),
        F.collect_list(F.struct("channel", "sessions")).alias("channels"),
    )
