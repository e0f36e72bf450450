"""silver/orders: the latest version of every order.

Grain: order_id. Sequence: last_modified_ts. Stored by order_date, which a later version may correct.
"""

from pyspark.sql import DataFrame


def orders(snowflake_orders: DataFrame) -> DataFrame:
    """Every delivered version of an order is a change."""
    return snowflake_orders.drop("_ingested_at", "_source")
