"""silver/opportunities: every version of every opportunity in the CRM, tombstones included, with the time that it was valid.

Grain: opportunity_id and system_modstamp. Stored by the month of valid_to, or `current`.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def opportunities(crm_opportunities: DataFrame) -> DataFrame:
    """Every delivered version of an opportunity is a change."""
    return crm_opportunities.drop("_ingested_at", "_source").withColumn(
        "is_deleted", F.coalesce("is_deleted", F.lit(False))
    )
