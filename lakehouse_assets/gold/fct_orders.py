"""gold/fct_orders: every order of a day in euro, with what was known of its product and customer at the day's end.

Grain: order_id. Facts show an order's latest version. An order without an exchange rate is quarantined.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.accounts import with_account
from lakehouse_assets.gold.as_of import valid_at_end_of
from lakehouse_assets.gold.currency import in_eur, rates_on
from lakehouse_assets.gold.vocabulary import NOT_NET, UNKNOWN


def fct_orders(
    orders: DataFrame,
    products: DataFrame,
    customers: DataFrame,
    contacts: DataFrame,
    accounts: DataFrame,
    fx_rates: DataFrame,
    days: Sequence[dt.date],
) -> DataFrame:
    """Adds the amount in euro, and attributes as of the order's date."""
    rates = rates_on(fx_rates, days)
    undeleted = customers.where("not is_deleted")
    described = (
        orders.join(rates, (orders["order_date"] == rates["day"]) & (orders["currency"] == rates["currency"]), "left")
        .join(
            products,
            (orders["product_id"] == products["product_id"]) & valid_at_end_of(orders["order_date"], products),
            "left",
        )
        .join(
            undeleted,
            (orders["customer_id"] == undeleted["customer_id"]) & valid_at_end_of(orders["order_date"], undeleted),
            "left",
        )
        .select(
            *(orders[name] for name in orders.columns),
            in_eur(orders["amount"], orders["currency"], rates["eur_per_unit"]).alias("amount_eur"),
            (~orders["status"].isin(*NOT_NET)).alias("is_net"),
            *(F.coalesce(products[name], F.lit(UNKNOWN)).alias(name) for name in ("category", "brand")),
            F.coalesce(undeleted["country"], F.lit(UNKNOWN)).alias("country"),
            undeleted["email"],
            orders["order_date"].alias("day"),
        )
    )
    return with_account(described, contacts, accounts, days).drop("email", "day")
