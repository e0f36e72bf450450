"""Sales that are still open as of a day's end, in euro: what the pipeline and every customer's profile count."""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.as_of import as_of
from lakehouse_assets.gold.currency import in_eur, rates_on
from lakehouse_assets.gold.vocabulary import UNKNOWN

DECIDED = "Closed"
"""A stage that starts with this word, in just this spelling, is decided: won or lost."""


def open_opportunities(opportunities: DataFrame, fx_rates: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """The open, undeleted opportunities as of each day's end. Grain: opportunity_id and day.

    Columns: `day`, `opportunity_id`, `account_id`, `stage_name` ('Unknown' where null), `probability` (percent, null where
    it isn't known) and `amount_eur` at the day's rate, which is 0 without amount or rate.
    """
    undeleted = as_of(opportunities.where("not is_deleted"), days).withColumn(
        "stage_name", F.coalesce("stage_name", F.lit(UNKNOWN))
    )
    undecided = undeleted.where(~F.col("stage_name").startswith(DECIDED))
    rates = rates_on(fx_rates, days)
    same_day_and_currency = (undecided["day"] == rates["day"]) & (undecided["currency_iso_code"] == rates["currency"])
    amount_eur = in_eur(undecided["amount"], undecided["currency_iso_code"], rates["eur_per_unit"])
    return undecided.join(rates, same_day_and_currency, "left").select(
        *(undecided[name] for name in ("day", "opportunity_id", "account_id", "stage_name", "probability")),
        F.coalesce(amount_eur, F.lit(0).cast("decimal(18,2)")).alias("amount_eur"),
    )
