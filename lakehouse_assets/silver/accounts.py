"""silver/accounts: every version of every account in the CRM, tombstones included, with the time that it was valid.

Grain: account_id and system_modstamp. Stored by the month of valid_to, or `current`.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def accounts(crm_accounts: DataFrame) -> DataFrame:
    """Every delivered version of an account is a change; an account without industry is of the industry 'Unknown'."""
    return crm_accounts.drop("_ingested_at", "_source").withColumns(
        {
            "industry": F.expr("coalesce(nullif(trim(industry), ''), 'Unknown')"),
            "is_deleted": F.coalesce("is_deleted", F.lit(False)),
        }
    )
