"""gold/revenue_by_geography: what customers of each country bought on a day.

Grain: country, activity_date; countries with net orders.
"""

from pyspark.sql import DataFrame

from lakehouse_assets.gold.revenue import revenue_by


def revenue_by_geography(fct_orders: DataFrame) -> DataFrame:
    """Sums a day's net orders by country."""
    return revenue_by("country", fct_orders)
