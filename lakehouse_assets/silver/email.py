"""E-mail addresses, made comparable: customers and contacts are matched by them."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def comparable_email(delivered: str) -> Column:
    """The addresses of a column in lower case without blanks around them; null where empty."""
    return F.expr(f"nullif(lower(trim(`{delivered}`)), '')")
