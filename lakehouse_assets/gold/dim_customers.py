"""gold/dim_customers: every customer as of a day's end, deleted ones aside, with personal data masked by the contract.

Grain: customer_id, snapshot_date.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.accounts import with_account
from lakehouse_assets.gold.as_of import as_of


def dim_customers(customers: DataFrame, contacts: DataFrame, accounts: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """The customers that stand at each day's end. Masks are applied afterwards, wherever the contract states one."""
    return with_account(as_of(customers.where("not is_deleted"), days), contacts, accounts, days).select(
        "customer_id",
        "first_name",
        "last_name",
        "email",
        "phone",
        "country",
        "city",
        "signup_date",
        "last_modified_ts",
        "account_id",
        "industry",
        F.col("day").alias("snapshot_date"),
    )
