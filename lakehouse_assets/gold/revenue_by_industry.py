"""gold/revenue_by_industry: what companies of each industry bought on a day.

Grain: industry, activity_date; industries with net orders. Customers without an account are people, and left out.
"""

from pyspark.sql import DataFrame

from lakehouse_assets.gold.revenue import revenue_by


def revenue_by_industry(fct_orders: DataFrame) -> DataFrame:
    """Sums a day's net orders of customers with an account by its industry."""
    return revenue_by("industry", fct_orders.where("account_id is not null"))
