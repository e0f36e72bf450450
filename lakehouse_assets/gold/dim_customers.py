"""gold/dim_customers: every customer as of a day's end, deleted ones aside, with personal data masked by the contract.

Grain: customer_id, snapshot_date.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.as_of import as_of
from lakehouse_assets.gold.vocabulary import UNKNOWN


def dim_customers(customers: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """The customers that stand at each day's end. Masks are applied afterwards, wherever the contract states one."""
    return as_of(customers.where("not is_deleted"), days).select(
        "customer_id",
        "first_name",
        "last_name",
        "email",
        "phone",
        "country",
        "city",
        "signup_date",
        "last_modified_ts",
        F.lit(None).cast("string").alias("account_id"),
        F.lit(UNKNOWN).alias("industry"),
        F.col("day").alias("snapshot_date"),
    )
