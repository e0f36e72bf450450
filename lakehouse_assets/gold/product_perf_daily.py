"""gold/product_perf_daily: what each product sold on a day.

Grain: product_id, activity_date; products with an order of any status on the day, known or not. Views and add-to-carts
are 0 until behaviour events are loaded.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def product_perf_daily(fct_orders: DataFrame) -> DataFrame:
    """Sums a day's facts by product; orders, units and buyers count net orders alone."""
    return fct_orders.groupBy("product_id", F.col("order_date").alias("activity_date")).agg(
        F.count_if("is_net").alias("orders"),
        F.expr("coalesce(sum(case when is_net then cast(quantity as bigint) end), 0)").alias("units"),
        F.sum("amount_eur").alias("gross_eur"),
        F.expr("sum(case when is_net then amount_eur else 0 end)").alias("net_eur"),
        F.expr("sum(case when is_net then 0 else amount_eur end)").alias("cancelled_eur"),
        F.expr("count(distinct case when is_net then customer_id end)").alias("buyers"),
        F.expr("cast(0 as bigint)").alias("views"),
        F.expr("cast(0 as bigint)").alias("add_to_carts"),
        F.expr("cast(null as double)").alias("conversion"),
    )
