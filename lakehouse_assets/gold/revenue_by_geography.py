"""gold/revenue_by_geography: what customers of each country bought on a day.

Grain: country, activity_date; countries with net orders.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def revenue_by_geography(fct_orders: DataFrame) -> DataFrame:
    """Sums a day's net orders by country."""
    return (
        fct_orders.where("is_net")
        .groupBy("country", F.col("order_date").alias("activity_date"))
        .agg(
            F.count("*").alias("orders"),
            F.expr("count(distinct customer_id)").alias("customers"),
            F.sum("amount_eur").alias("net_eur"),
        )
        # As everywhere: a quotient goes over decimal(38,12), since engines differ in a decimal quotient's scale.
        .withColumn("avg_order_value_eur", F.expr("round(cast(cast(net_eur as double) / orders as decimal(38,12)), 2)"))
    )
