"""The silver tables' functions on rows made by hand."""

from decimal import Decimal

import pytest

from lakehouse_assets.silver.customers import customers
from lakehouse_assets.silver.fx_rates import fx_rates
from lakehouse_assets.silver.orders import orders
from lakehouse_assets.silver.products import products
from tests.support import MakeFrame, collected


@pytest.mark.parametrize(
    ("delivered", "expected"), [(" Ann@Example.COM ", "ann@example.com"), ("", None), ("  ", None), (None, None)]
)
def test_an_email_is_lower_cased_and_trimmed_and_none_when_empty(rows_of: MakeFrame, delivered, expected) -> None:
    frame = customers(rows_of("bronze/snowflake_customers", {"customer_id": "c1", "email": delivered}))
    assert collected(frame, "email") == [(expected,)]


@pytest.mark.parametrize(("delivered", "expected"), [(True, True), (False, False), (None, False)])
def test_a_customer_is_deleted_only_when_the_source_says_so(rows_of: MakeFrame, delivered, expected) -> None:
    assert collected(customers(rows_of("bronze/snowflake_customers", {"is_deleted": delivered})), "is_deleted") == [
        (expected,)
    ]


def test_names_and_countries_stay_as_delivered(rows_of: MakeFrame) -> None:
    row = {"customer_id": "0042", "first_name": " Ann", "country": "NA"}
    assert collected(customers(rows_of("bronze/snowflake_customers", row)), *row) == [("0042", " Ann", "NA")]


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("1.0842", Decimal("0.9223390518")),
        ("163.5200000000", Decimal("0.0061154599")),
        ("0", None),
        ("-1", None),
        (None, None),
    ],
)
def test_a_rate_is_turned_into_euro_for_one_unit(rows_of: MakeFrame, rate, expected) -> None:
    frame = fx_rates(
        rows_of(
            "bronze/fx_rates",
            {"rate_date": "2026-03-10", "base": "EUR", "quote": "USD", "rate": rate, "_window": "2026-03-11"},
        )
    )
    assert collected(frame, "currency", "eur_per_unit", "rate_month") == [("USD", expected, "2026-03")]


def test_orders_and_products_pass_through_with_their_window(rows_of: MakeFrame) -> None:
    order = {"order_id": "o1", "_window": "2026-03-11", "_source": "x"}
    assert orders(rows_of("bronze/snowflake_orders", order)).columns[-1] == "_window"
    assert "_source" not in products(rows_of("bronze/snowflake_products", {"product_id": "p1"})).columns
