"""gold/dim_customers on rows made by hand."""

import datetime as dt

from lakehouse_assets.gold.dim_customers import dim_customers
from tests.support import MakeFrame, collected

DAYS = [dt.date(2026, 3, 10), dt.date(2026, 3, 11)]
CUSTOMER = {"customer_id": "c1", "city": "Bonn", "is_deleted": False, "valid_from": "2026-01-01", "valid_to": None}


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


def test_a_country_that_is_not_known_stays_null(rows_of: MakeFrame) -> None:
    frame = dim_customers(rows_of("silver/customers", CUSTOMER), DAYS[:1])
    assert collected(frame, "country", "account_id", "industry") == [(None, None, "Unknown")]
