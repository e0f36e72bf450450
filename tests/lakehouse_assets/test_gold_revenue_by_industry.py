"""gold/revenue_by_industry on rows made by hand."""

import datetime as dt
from decimal import Decimal

from lakehouse_assets.gold.revenue_by_industry import revenue_by_industry
from tests.support import MakeFrame, collected

DAY = dt.date(2028, 2, 29)
FACT = {
    "order_id": "o1", "customer_id": "c1", "order_date": "2028-02-29", "amount_eur": "10.00", "is_net": True,
    "account_id": "a1", "industry": "Retail",
}  # fmt: skip
COLUMNS = ("industry", "activity_date", "orders", "customers", "net_eur", "avg_order_value_eur")


def test_only_net_orders_of_customers_with_an_account_count_and_unknown_are_accounts_without_industry(
    rows_of: MakeFrame,
) -> None:
    facts = rows_of(
        "gold/fct_orders",
        FACT,
        FACT | {"order_id": "o2", "amount_eur": "0.01"},
        FACT | {"order_id": "o3", "amount_eur": "5.00", "account_id": "a2", "customer_id": "c2"},
        FACT | {"order_id": "o4", "is_net": False},
        FACT | {"order_id": "o5", "industry": "Unknown"},
        FACT | {"order_id": "o6", "industry": "Unknown", "account_id": None},
        FACT | {"order_id": "o7", "industry": "Energy", "is_net": False},
    )
    assert collected(revenue_by_industry(facts), *COLUMNS) == [
        ("Retail", DAY, 3, 2, Decimal("15.01"), Decimal("5.00")),
        ("Unknown", DAY, 1, 1, Decimal("10.00"), Decimal("10.00")),
    ]


def test_each_day_is_summed_apart_and_nothing_gives_nothing(rows_of: MakeFrame) -> None:
    facts = rows_of("gold/fct_orders", FACT, FACT | {"order_date": "2028-03-01"})
    assert collected(revenue_by_industry(facts), "activity_date", "orders") == [(DAY, 1), (dt.date(2028, 3, 1), 1)]
    assert collected(revenue_by_industry(rows_of("gold/fct_orders", FACT | {"account_id": None})), "industry") == []
