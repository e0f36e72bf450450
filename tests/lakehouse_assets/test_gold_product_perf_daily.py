"""gold/product_perf_daily on rows made by hand."""

import datetime as dt
from decimal import Decimal

from lakehouse_assets.gold.product_perf_daily import product_perf_daily
from tests.support import MakeFrame, collected

DAY = dt.date(2026, 3, 10)
FACT = {
    "order_id": "o1", "customer_id": "c1", "product_id": "p1", "order_date": "2026-03-10", "quantity": 2,
    "amount_eur": "10.00", "is_net": True, "country": "DE",
}  # fmt: skip
CANCELLED = FACT | {"order_id": "o2", "is_net": False, "amount_eur": "4.25", "quantity": 7}


def test_a_product_counts_net_orders_and_keeps_gross_and_cancelled_apart(rows_of: MakeFrame) -> None:
    facts = rows_of("gold/fct_orders", FACT, CANCELLED, FACT | {"order_id": "o3"})
    assert collected(
        product_perf_daily(facts),
        "product_id",
        "activity_date",
        "orders",
        "units",
        "gross_eur",
        "net_eur",
        "cancelled_eur",
        "buyers",
    ) == [("p1", DAY, 2, 4, Decimal("24.25"), Decimal("20.00"), Decimal("4.25"), 1)]


def test_a_product_with_cancelled_orders_alone_has_a_row_of_zeros(rows_of: MakeFrame) -> None:
    row = collected(
        product_perf_daily(rows_of("gold/fct_orders", CANCELLED)),
        "orders",
        "units",
        "net_eur",
        "buyers",
        "views",
        "add_to_carts",
        "conversion",
    )
    assert row == [(0, 0, Decimal("0.00"), 0, 0, 0, None)]


def test_each_day_is_summed_apart_and_nothing_gives_nothing(rows_of: MakeFrame) -> None:
    facts = rows_of("gold/fct_orders", FACT, FACT | {"order_date": "2026-03-11"})
    assert collected(product_perf_daily(facts), "activity_date", "orders") == [(DAY, 1), (dt.date(2026, 3, 11), 1)]
    assert collected(product_perf_daily(rows_of("gold/fct_orders")), "product_id") == []
