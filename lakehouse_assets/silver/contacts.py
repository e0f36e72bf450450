"""silver/contacts: every version of every contact in the CRM, tombstones included, with the time that it was valid.

Grain: contact_id and system_modstamp. Stored by the month of valid_to, or `current`.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse_assets.silver.email import comparable_email


def contacts(crm_contacts: DataFrame) -> DataFrame:
    """Every delivered version of a contact is a change; e-mail addresses are made comparable, and an empty one is none."""
    return crm_contacts.drop("_ingested_at", "_source").withColumns(
        {
            "email": comparable_email("email"),
            "is_deleted": F.coalesce("is_deleted", F.lit(False)),
        }
    )
