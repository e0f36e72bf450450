"""The match of the shop's customers with the CRM's accounts: the one rule by which every gold table knows a customer's company."""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.as_of import around, as_of, valid_at_end_of
from lakehouse_assets.gold.vocabulary import UNKNOWN


def with_account(customers: DataFrame, contacts: DataFrame, accounts: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """Adds the account of each row's latest contact as of the end of its `day`, found by its `email`.

    The latest contact alone decides: if its account is missing or deleted, the customer has none, whatever other contacts
    with the same e-mail have. Each row stays one row.

    Args:
        customers: any rows with an `email`, null where there is none, and a `day` that is one of the days.
        contacts: versions of contacts.
        accounts: versions of accounts.
        days: the days that the rows are of.

    Returns:
        The rows with `account_id`, null without an account, and `industry`, which is then 'Unknown'.
    """
    known = _accounts_by_email(_latest_contacts(contacts, days), around(accounts.where("not is_deleted"), days))
    # The rows come second, since an engine holds the first side in memory.
    return known.join(
        customers, (known["email"] == customers["email"]) & valid_at_end_of(customers["day"], known), "right"
    ).select(
        *(customers[name] for name in customers.columns),
        known["account_id"],
        F.coalesce(known["industry"], F.lit(UNKNOWN)).alias("industry"),
    )


def _accounts_by_email(contacts: DataFrame, accounts: DataFrame) -> DataFrame:
    """The account of each e-mail's latest contact, for as long as both stand; no row where there is none."""
    account = accounts.select(
        "account_id", "industry", F.col("valid_from").alias("_from"), F.col("valid_to").alias("_to")
    )
    return (
        contacts.join(account, "account_id")
        .where("(_to is null or valid_from < _to) and (valid_to is null or _from < valid_to)")
        .select(
            "email",
            "account_id",
            "industry",
            F.greatest("valid_from", "_from").alias("valid_from"),
            F.least("valid_to", "_to").alias("valid_to"),
        )
    )


def _latest_contacts(contacts: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """What each e-mail's latest contact says of its account: `email`, `account_id`, and when that is so.

    Contacts are looked at day by day only where they share an e-mail, which few do: the others have nobody to be later than.
    """
    undeleted = around(contacts.where("not is_deleted and email is not null"), days).select(
        "email", "contact_id", "account_id", "system_modstamp", "valid_from", "valid_to"
    )
    shared = (
        undeleted.groupBy("email")
        .agg(F.min("contact_id").alias("least"), F.max("contact_id").alias("greatest"))
        .where("least <> greatest")
        .select("email")
    )
    latest_of_day = (
        as_of(undeleted.join(shared, "email", "left_semi"), days)
        .groupBy("email", "day")
        .agg(F.max_by("account_id", F.struct("system_modstamp", "contact_id")).alias("account_id"))
    )
    return (
        undeleted.join(shared, "email", "left_anti")
        .select("email", "account_id", "valid_from", "valid_to")
        .unionAll(
            latest_of_day.select(
                "email",
                "account_id",
                F.col("day").cast("timestamp").alias("valid_from"),
                F.date_add("day", 1).cast("timestamp").alias("valid_to"),
            )
        )
    )
