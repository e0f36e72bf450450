"""gold/dim_customers on rows made by hand."""

import datetime as dt

import pytest

from lakehouse_assets.gold.dim_customers import dim_customers
from tests.support import MakeFrame, collected

DAYS = [dt.date(2026, 3, 10), dt.date(2026, 3, 11)]
CUSTOMER = {"customer_id": "c1", "city": "Bonn", "is_deleted": False, "valid_from": "2026-01-01", "valid_to": None}


@pytest.fixture
def dimension(rows_of: MakeFrame):
    def build(*versions, contacts=(), accounts=(), days=DAYS):
        return dim_customers(
            rows_of("silver/customers", *versions), rows_of("silver/contacts", *contacts),
            rows_of("silver/accounts", *accounts), days,
        )  # fmt: skip

    return build


def test_a_customer_stands_once_a_day_in_the_version_of_that_days_end(dimension) -> None:
    moved = "2026-03-11T00:00:00"
    frame = dimension(CUSTOMER | {"valid_to": moved}, CUSTOMER | {"city": "Köln", "valid_from": moved})
    assert collected(frame, "snapshot_date", "customer_id", "city") == [
        (DAYS[0], "c1", "Bonn"), (DAYS[1], "c1", "Köln"),
    ]  # fmt: skip


def test_a_deleted_customer_is_absent_until_revived(dimension) -> None:
    deleted, revived = "2026-03-10T05:00:00", "2026-03-11T05:00:00"
    frame = dimension(
        CUSTOMER | {"valid_to": deleted},
        CUSTOMER | {"is_deleted": True, "valid_from": deleted, "valid_to": revived},
        CUSTOMER | {"valid_from": revived},
    )
    assert collected(frame, "snapshot_date") == [(DAYS[1],)]


def test_a_customer_who_comes_later_is_not_in_earlier_snapshots(dimension) -> None:
    assert collected(dimension(CUSTOMER | {"valid_from": "2026-03-11T09:00:00"}), "snapshot_date") == [(DAYS[1],)]


def test_a_country_that_is_not_known_stays_null(dimension) -> None:
    frame = dimension(CUSTOMER, days=DAYS[:1])
    assert collected(frame, "country", "account_id", "industry") == [(None, None, "Unknown")]


def test_a_customer_has_the_account_of_the_contact_with_the_e_mail_of_each_day(dimension, contracts) -> None:
    changed = "2026-03-11T23:59:59.999999"
    contact = {
        "contact_id": "k1", "account_id": "a1", "email": "ann@example.com", "system_modstamp": "2026-01-01",
        "is_deleted": False, "valid_from": "2026-01-01",
    }  # fmt: skip
    frame = dimension(
        CUSTOMER | {"email": "ann@example.com", "valid_to": changed},
        CUSTOMER | {"email": "ann@elsewhere.com", "valid_from": changed},
        CUSTOMER | {"customer_id": "c2", "email": "ann@example.com"},
        contacts=[contact],
        accounts=[{"account_id": "a1", "industry": "Retail", "is_deleted": False, "valid_from": "2026-01-01"}],
    )
    assert sorted(frame.columns) == sorted(contracts["gold/dim_customers"].by_name)
    assert collected(frame, "snapshot_date", "customer_id", "account_id", "industry") == [
        (DAYS[0], "c1", "a1", "Retail"), (DAYS[0], "c2", "a1", "Retail"),
        (DAYS[1], "c1", None, "Unknown"), (DAYS[1], "c2", "a1", "Retail"),
    ]  # fmt: skip
