"""Revenue of a day by what orders have in common: the figures are the same whatever they are grouped by."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.currency import average_eur


def revenue_by(group: str, fct_orders: DataFrame) -> DataFrame:
    """Sums net orders by a column of theirs. Grain: that column and `activity_date`; groups without a net order have no row."""
    return (
        fct_orders.where("is_net")
        .groupBy(group, F.col("order_date").alias("activity_date"))
        .agg(
            F.count("*").alias("orders"),
            F.expr("count(distinct customer_id)").alias("customers"),
            F.sum("amount_eur").alias("net_eur"),
        )
        .withColumn("avg_order_value_eur", average_eur("net_eur", "orders"))
    )
