"""gold/revenue_by_geography on rows made by hand."""

import datetime as dt
from decimal import Decimal

from lakehouse_assets.gold.revenue_by_geography import revenue_by_geography
from tests.support import MakeFrame, collected

DAY = dt.date(2026, 3, 10)
FACT = {
    "order_id": "o1", "customer_id": "c1", "product_id": "p1", "order_date": "2026-03-10", "quantity": 2,
    "amount_eur": "10.00", "is_net": True, "country": "DE",
}  # fmt: skip
CANCELLED = FACT | {"order_id": "o2", "is_net": False, "amount_eur": "4.00", "quantity": 7}


def test_revenue_has_only_countries_with_net_orders(rows_of: MakeFrame) -> None:
    facts = rows_of(
        "gold/fct_orders", FACT, FACT | {"order_id": "o3", "amount_eur": "0.01"}, CANCELLED | {"country": "FR"}
    )
    assert collected(
        revenue_by_geography(facts), "country", "activity_date", "orders", "customers", "net_eur", "avg_order_value_eur"
    ) == [("DE", DAY, 2, 1, Decimal("10.01"), Decimal("5.01"))]


def test_an_average_rounds_half_up_where_a_double_would_fall_short(rows_of: MakeFrame) -> None:
    facts = rows_of(
        "gold/fct_orders",
        *(
            FACT | {"order_id": f"o{number}", "amount_eur": amount}
            for number, amount in enumerate(["8.70", "0.00", "0.00", "0.00"])
        ),
    )
    assert collected(revenue_by_geography(facts), "avg_order_value_eur") == [(Decimal("2.18"),)]  # 2.175


def test_an_average_is_exact_where_a_double_is_not(rows_of: MakeFrame) -> None:
    """33,005.77 / 2 is 16,502.885, and the greatest amount is its own average."""
    greatest = "9999999999999999.99"
    for amounts, average in ((("33005.77", "0.00"), "16502.89"), ((greatest,), greatest)):
        facts = rows_of(
            "gold/fct_orders",
            *(FACT | {"order_id": str(number), "amount_eur": amount} for number, amount in enumerate(amounts)),
        )
        assert collected(revenue_by_geography(facts), "avg_order_value_eur") == [(Decimal(average),)]


def test_each_day_is_summed_apart_and_nothing_gives_nothing(rows_of: MakeFrame) -> None:
    facts = rows_of("gold/fct_orders", FACT, FACT | {"order_date": "2026-03-11"})
    assert collected(revenue_by_geography(facts), "activity_date", "orders") == [(DAY, 1), (dt.date(2026, 3, 11), 1)]
    assert collected(revenue_by_geography(rows_of("gold/fct_orders", CANCELLED)), "country") == []
