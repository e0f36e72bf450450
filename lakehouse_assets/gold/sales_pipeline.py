"""gold/sales_pipeline: the open opportunities as of a day's end, by stage and industry.

Grain: stage, industry, snapshot_date; groups with an open opportunity.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.gold.as_of import as_of
from lakehouse_assets.gold.opportunities import open_opportunities
from lakehouse_assets.gold.vocabulary import UNKNOWN

EXPECTED_EUR = "round(amount_eur * coalesce(probability, cast(0 as decimal(5,2))) * cast('0.01' as decimal(2,2)), 2)"
"""The amount times its chance. A product with 0.01 is exact, a quotient by 100 is not on every engine."""


def sales_pipeline(
    opportunities: DataFrame, accounts: DataFrame, fx_rates: DataFrame, days: Sequence[dt.date]
) -> DataFrame:
    """Counts the opportunities that are open when each day ends, and sums their amounts at that day's rate."""
    opened = open_opportunities(opportunities, fx_rates, days)
    known = as_of(accounts.where("not is_deleted"), days)
    same_day_and_account = (opened["day"] == known["day"]) & (opened["account_id"] == known["account_id"])
    return (
        opened.join(known, same_day_and_account, "left")
        .select(
            opened["stage_name"].alias("stage"),
            F.coalesce(known["industry"], F.lit(UNKNOWN)).alias("industry"),
            opened["day"].alias("snapshot_date"),
            opened["amount_eur"],
            F.expr(EXPECTED_EUR).alias("expected_eur"),
        )
        .groupBy("stage", "industry", "snapshot_date")
        .agg(
            F.count("*").alias("open_opportunities"),
            F.sum("amount_eur").alias("amount_eur"),
            F.sum("expected_eur").alias("weighted_amount_eur"),
        )
    )
