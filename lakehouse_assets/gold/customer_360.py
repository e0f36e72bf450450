"""gold/customer_360: everything that is known of a customer as of a day's end, on one row.

Grain: customer_id, snapshot_date; the customers of dim_customers, and those known from orders or behaviour alone, deleted
ones aside. Days come from customer_daily back to the start of the month that X-89 lies in, and before that from
customer_monthly, so that the cost of a day doesn't grow with the days before it.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts.days import start_of_month
from lakehouse_assets.gold.as_of import as_of
from lakehouse_assets.gold.currency import average_eur
from lakehouse_assets.gold.favourites import CATEGORIES, CHANNELS, favourites
from lakehouse_assets.gold.opportunities import open_opportunities
from lakehouse_assets.gold.vocabulary import UNKNOWN

_KEYS = ("customer_id", "snapshot_date")
_MEASURES = {"orders": "bigint", "units": "bigint", "net_eur": "decimal(18,2)", "sessions": "bigint"}
_WINDOWS = (7, 30, 90)
"""Days of the rolling windows; each ends with the snapshot's day."""
_NEW_DAYS = 30
"""A customer is new for so many days from the first order on."""


def customer_360(
    customer_daily: DataFrame,
    customer_monthly: DataFrame,
    dim_customers: DataFrame,
    customers: DataFrame,
    opportunities: DataFrame,
    fx_rates: DataFrame,
    days: Sequence[dt.date],
) -> DataFrame:
    """Joins what is known of each customer with what they did up to the day."""
    # The wide rows of the dimension come last, and meet everything else in one join: an engine holds the first side in memory.
    known = _known(customer_daily, customer_monthly, customers, days)
    pipeline = _pipeline(dim_customers, opportunities, fx_rates, days)
    return _described(known.join(pipeline, [*_KEYS], "full").join(dim_customers, [*_KEYS], "full"))


def _known(
    customer_daily: DataFrame, customer_monthly: DataFrame, customers: DataFrame, days: Sequence[dt.date]
) -> DataFrame:
    """What the customers with any activity up to the day did, those aside who are deleted by then."""
    activity = _activity(customer_daily, customer_monthly, days)
    deleted = as_of(customers.where("is_deleted"), days).select("customer_id", F.col("day").alias("snapshot_date"))
    return (
        _sums(activity)
        .join(deleted, [*_KEYS], "left_anti")
        .join(favourites(activity, CATEGORIES, *_KEYS), [*_KEYS], "left")
        .join(favourites(activity, CHANNELS, *_KEYS), [*_KEYS], "left")
    )


def _pipeline(
    dim_customers: DataFrame, opportunities: DataFrame, fx_rates: DataFrame, days: Sequence[dt.date]
) -> DataFrame:
    """The open opportunities of the accounts of those customers who have one."""
    of_accounts = (
        open_opportunities(opportunities, fx_rates, days)
        .groupBy("account_id", F.col("day").alias("snapshot_date"))
        .agg(F.count("*").alias("open_opportunities"), F.sum("amount_eur").alias("open_opportunity_eur"))
    )
    # By customers with an account alone: all others would meet in the one partition of null.
    with_account = dim_customers.where("account_id is not null").select(*_KEYS, "account_id")
    return of_accounts.join(with_account, ["account_id", "snapshot_date"]).drop("account_id")


def _activity(customer_daily: DataFrame, customer_monthly: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """A customer's days and earlier months, once for each snapshot that counts them; `age` is a day's, in days."""
    # The months of a snapshot are those before the one that its longest window begins in.
    since = {day: start_of_month(day - dt.timedelta(days=max(_WINDOWS) - 1)) for day in days}
    snapshots = ", ".join(f"named_struct('day', date'{day}', 'since', date'{since[day]}')" for day in days)
    recent = customer_daily.selectExpr(
        "customer_id",
        *_MEASURES,
        CATEGORIES.column,
        CHANNELS.column,
        "case when orders > 0 then activity_date end as first_order_date",
        "case when orders > 0 then activity_date end as last_order_date",
        "activity_date as last_activity_date",
        f"explode(filter(array({snapshots}), one -> activity_date between one.since and one.day)) as snapshot",
    )
    earlier = customer_monthly.selectExpr(
        "customer_id",
        *_MEASURES,
        CATEGORIES.column,
        CHANNELS.column,
        "first_order_date",
        "last_order_date",
        "last_activity_date",
        f"explode(filter(array({snapshots}), one -> month_start < one.since)) as snapshot",
    )
    dated = recent.withColumn("age", F.datediff("snapshot.day", "last_activity_date"))
    return (
        dated.unionByName(earlier.withColumn("age", F.lit(None).cast("int")))
        .withColumn("snapshot_date", F.col("snapshot.day"))
        .drop("snapshot")
    )


def _sums(activity: DataFrame) -> DataFrame:
    """Lifetime and window sums, and first and last days, of the customers with any activity up to the day."""
    windows = [
        F.sum(F.when(F.col("age") < length, F.col(name)).otherwise(F.lit(0).cast(kind)))
        .cast(kind)
        .alias(f"{name}_{length}d")
        for length in _WINDOWS
        for name, kind in _MEASURES.items()
    ]
    return activity.groupBy(*_KEYS).agg(
        *(F.sum(name).cast(kind).alias(f"lifetime_{name}") for name, kind in _MEASURES.items()),
        *windows,
        F.min("first_order_date").alias("first_order_date"),
        F.max("last_order_date").alias("last_order_date"),
        F.max("last_activity_date").alias("last_activity_date"),
    )


def _described(profiles: DataFrame) -> DataFrame:
    """Adds what follows from a customer's sums and dates; without activity, counts and sums are 0."""
    zero = {
        span.format(name): F.coalesce(span.format(name), F.lit(0).cast(kind))
        for span in ("lifetime_{}", *(f"{{}}_{length}d" for length in _WINDOWS))
        for name, kind in _MEASURES.items()
    }
    complete = profiles.withColumns(
        {
            **zero,
            "open_opportunities": F.coalesce("open_opportunities", F.lit(0).cast("bigint")),
            "open_opportunity_eur": F.coalesce("open_opportunity_eur", F.lit(0).cast("decimal(18,2)")).cast(
                "decimal(18,2)"
            ),
            "country": F.when(F.col("last_modified_ts").isNull(), F.lit(UNKNOWN)).otherwise(F.col("country")),
            "industry": F.coalesce("industry", F.lit(UNKNOWN)),
        }
    )
    return complete.select(
        "*",
        F.datediff("snapshot_date", "last_order_date").cast("bigint").alias("days_since_last_order"),
        F.datediff("snapshot_date", "last_activity_date").cast("bigint").alias("days_since_last_activity"),
        average_eur("lifetime_net_eur", "lifetime_orders").alias("avg_order_value_eur"),
        F.expr(
            f"case when lifetime_orders = 0 then 'prospect' when first_order_date > date_sub(snapshot_date, {_NEW_DAYS}) then 'new'"
            " when orders_30d > 0 then 'active' when orders_90d > 0 then 'at_risk' else 'churned' end"
        ).alias("lifecycle"),
        F.expr(
            "case when lifetime_orders > 0 then case when orders_30d > 0 then 'low'"
            " when orders_90d > 0 or sessions_30d > 0 then 'medium' else 'high' end end"
        ).alias("churn_risk"),
        F.expr(
            "case when lifetime_orders = 0 then 'none' when lifetime_net_eur < 250 then 'low'"
            " when lifetime_net_eur < 1000 then 'medium' when lifetime_net_eur < 5000 then 'high' else 'top' end"
        ).alias("value_tier"),
    ).drop("last_activity_date")
