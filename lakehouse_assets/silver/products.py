"""silver/products: every version of every product, with the time that it was valid.

Grain: product_id and last_modified_ts. Stored by the month of valid_to, or `current`.
"""

from pyspark.sql import DataFrame


def products(snowflake_products: DataFrame) -> DataFrame:
    """Every delivered version of a product is a change."""
    return snowflake_products.drop("_ingested_at", "_source")
