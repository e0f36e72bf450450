"""gold/dim_products: every product as of a day's end, with its price in euro at that day's rate.

Grain: product_id, snapshot_date.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame

from lakehouse_assets.gold.as_of import as_of
from lakehouse_assets.gold.currency import in_eur, rates_on


def dim_products(products: DataFrame, fx_rates: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """The products that stand at each day's end; the price in euro is null without a rate."""
    snapshot = as_of(products, days)
    rates = rates_on(fx_rates, days)
    same_day_and_currency = (snapshot["day"] == rates["day"]) & (snapshot["currency"] == rates["currency"])
    return snapshot.join(rates, same_day_and_currency, "left").select(
        *(
            snapshot[name]
            for name in ("product_id", "name", "category", "brand", "unit_price", "currency", "is_active")
        ),
        in_eur(snapshot["unit_price"], snapshot["currency"], rates["eur_per_unit"]).alias("unit_price_eur"),
        snapshot["day"].alias("snapshot_date"),
    )
