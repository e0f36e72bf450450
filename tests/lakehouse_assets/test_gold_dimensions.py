"""gold/dim_customers and gold/dim_products on rows made by hand."""

import datetime as dt
from decimal import Decimal

from lakehouse_assets.gold.dim_customers import dim_customers
from lakehouse_assets.gold.dim_products import dim_products
from tests.support import MakeFrame, collected

DAYS = [dt.date(2026, 3, 10), dt.date(2026, 3, 11)]
CUSTOMER = {"customer_id": "c1", "city": "Bonn", "is_deleted": False, "valid_from": "2026-01-01", "valid_to": None}
PRODUCT = {"product_id": "p1", "currency": "USD", "unit_price": "10.00", "is_active": True, "valid_from": "2026-01-01"}


def test_a_customer_stands_once_a_day_in_the_version_of_that_days_end(rows_of: MakeFrame) -> None:
    moved = "2026-03-11T00:00:00"
    versions = rows_of(
        "silver/customers", CUSTOMER | {"valid_to": moved}, CUSTOMER | {"city": "Köln", "valid_from": moved}
    )
    assert collected(dim_customers(versions, DAYS), "snapshot_date", "customer_id", "city") == [
        (DAYS[0], "c1", "Bonn"), (DAYS[1], "c1", "Köln"),
    ]  # fmt: skip


def test_a_deleted_customer_is_absent_until_revived(rows_of: MakeFrame) -> None:
    deleted, revived = "2026-03-10T05:00:00", "2026-03-11T05:00:00"
    versions = rows_of(
        "silver/customers",
        CUSTOMER | {"valid_to": deleted},
        CUSTOMER | {"is_deleted": True, "valid_from": deleted, "valid_to": revived},
        CUSTOMER | {"valid_from": revived},
    )
    assert collected(dim_customers(versions, DAYS), "snapshot_date") == [(DAYS[1],)]


def test_a_customer_who_comes_later_is_not_in_earlier_snapshots(rows_of: MakeFrame) -> None:
    versions = rows_of("silver/customers", CUSTOMER | {"valid_from": "2026-03-11T09:00:00"})
    assert collected(dim_customers(versions, DAYS), "snapshot_date") == [(DAYS[1],)]


def test_a_price_is_in_euro_at_each_days_rate_and_null_without_one(rows_of: MakeFrame) -> None:
    rates = rows_of(
        "silver/fx_rates",
        {"rate_date": "2026-03-10", "currency": "USD", "eur_per_unit": "0.9000000000"},
        {"rate_date": "2026-03-11", "currency": "USD", "eur_per_unit": "0.8000000000"},
    )
    products = rows_of(
        "silver/products",
        PRODUCT,
        PRODUCT | {"product_id": "p2", "currency": "SEK"},
        PRODUCT | {"product_id": "p3", "currency": "EUR", "is_active": False},
    )
    assert collected(dim_products(products, rates, DAYS), "product_id", "snapshot_date", "unit_price_eur") == [
        ("p1", DAYS[0], Decimal("9.00")), ("p1", DAYS[1], Decimal("8.00")),
        ("p2", DAYS[0], None), ("p2", DAYS[1], None),
        ("p3", DAYS[0], Decimal("10.00")), ("p3", DAYS[1], Decimal("10.00")),
    ]  # fmt: skip
