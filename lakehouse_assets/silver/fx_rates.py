"""silver/fx_rates: what one unit of a currency is worth in euro, on the days that a rate was published.

Grain: rate_date and currency. Sequence: the arrival window, so that a later delivery corrects an earlier one. Stored by
month. The euro itself, which is 1, has no row.
"""

from pyspark.sql import DataFrame


def fx_rates(fx_rates: DataFrame) -> DataFrame:
    """Turns units of a currency for one euro into euro for one unit.

    A rate that is null, not positive or not for the euro gives none, and is quarantined.
    """
    return fx_rates.selectExpr(
        "rate_date",
        "quote as currency",
        "rate",
        # Engines differ in the scale of a decimal quotient, and a cast from double rounds halves down: hence the way over another
        # decimal. With 15 places it holds what a double is exact to; with 12, one rate in 200 was rounded up twice.
        "round(case when rate > 0 and base = 'EUR' then cast(1 / cast(rate as double) as decimal(38,15)) end, 10) as eur_per_unit",
        "date_format(rate_date, 'yyyy-MM') as rate_month",
        "_window",
    )
