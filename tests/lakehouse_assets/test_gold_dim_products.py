"""gold/dim_products on rows made by hand."""

import datetime as dt
from decimal import Decimal

from lakehouse_assets.gold.dim_products import dim_products
from tests.support import MakeFrame, collected

DAYS = [dt.date(2026, 3, 10), dt.date(2026, 3, 11)]
PRODUCT = {"product_id": "p1", "currency": "USD", "unit_price": "10.00", "is_active": True, "valid_from": "2026-01-01"}


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


def test_a_product_stands_once_a_day_in_the_version_of_that_days_end_on_sale_or_not(rows_of: MakeFrame) -> None:
    renamed = "2026-03-11T12:00:00"
    versions = rows_of(
        "silver/products",
        PRODUCT | {"name": "Lamp", "valid_to": renamed},
        PRODUCT | {"name": "Lantern", "is_active": False, "valid_from": renamed},
    )
    assert collected(dim_products(versions, rows_of("silver/fx_rates"), DAYS), "snapshot_date", "name", "is_active") == [
        (DAYS[0], "Lamp", True), (DAYS[1], "Lantern", False),
    ]  # fmt: skip


def test_a_product_that_comes_later_is_not_in_earlier_snapshots(rows_of: MakeFrame) -> None:
    versions = rows_of("silver/products", PRODUCT | {"valid_from": "2026-03-11T09:00:00"})
    assert collected(dim_products(versions, rows_of("silver/fx_rates"), DAYS), "snapshot_date") == [(DAYS[1],)]
