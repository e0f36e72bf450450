"""Revenue of a day by what orders have in common: the figures are the same whatever they are grouped by."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


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
        # As everywhere: a quotient goes over decimal(38,12), since engines differ in a decimal quotient's scale.
        .withColumn("avg_order_value_eur", F.expr("round(cast(cast(net_eur as double) / orders as decimal(38,12)), 2)"))
    )
