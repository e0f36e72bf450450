"""silver/customers: every version of every customer, tombstones included, with the time that it was valid.

Grain: customer_id and last_modified_ts. Stored by the month of valid_to, or `current`.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.silver.email import comparable_email


def customers(snowflake_customers: DataFrame) -> DataFrame:
    """Every delivered version of a customer is a change; e-mail addresses are made comparable, and an empty one is none."""
    return snowflake_customers.drop("_ingested_at", "_source").withColumns(
        {
            "email": comparable_email("email"),
            "is_deleted": F.coalesce("is_deleted", F.lit(False)),
        }
    )
