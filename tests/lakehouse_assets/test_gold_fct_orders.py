"""gold/fct_orders on rows made by hand."""

import datetime as dt
from decimal import Decimal

import pytest

from lakehouse_assets.gold.fct_orders import fct_orders
from tests.support import MakeFrame, collected

DAY = dt.date(2026, 3, 10)
ORDER = {
    "order_id": "o1", "customer_id": "c1", "order_date": "2026-03-10", "product_id": "p1", "quantity": 2,
    "amount": "100.00", "currency": "USD", "status": "PAID", "last_modified_ts": "2026-03-10T12:00:00",
}  # fmt: skip
PRODUCT = {"product_id": "p1", "category": "Toys", "brand": "Acme", "valid_from": "2026-01-01", "valid_to": None}
CUSTOMER = {
    "customer_id": "c1", "email": "ann@example.com", "country": "DE", "is_deleted": False, "valid_from": "2026-01-01",
    "valid_to": None,
}  # fmt: skip
CONTACT = {
    "contact_id": "k1", "account_id": "a1", "email": "ann@example.com", "system_modstamp": "2026-01-01",
    "is_deleted": False, "valid_from": "2026-01-01",
}  # fmt: skip
ACCOUNT = {"account_id": "a1", "industry": "Retail", "is_deleted": False, "valid_from": "2026-01-01"}
RATE = {"rate_date": "2026-03-10", "currency": "USD", "eur_per_unit": "0.9000000000"}


@pytest.fixture
def facts(rows_of: MakeFrame):
    def build(
        orders=(ORDER,), products=(PRODUCT,), customers=(CUSTOMER,), contacts=(), accounts=(ACCOUNT,), rates=(RATE,),
        days=(DAY,),
    ):  # fmt: skip
        return fct_orders(
            rows_of("silver/orders", *orders), rows_of("silver/products", *products),
            rows_of("silver/customers", *customers), rows_of("silver/contacts", *contacts),
            rows_of("silver/accounts", *accounts), rows_of("silver/fx_rates", *rates), days,
        )  # fmt: skip

    return build


def test_an_order_is_converted_at_the_rate_of_its_day(facts) -> None:
    assert collected(
        facts(), "order_id", "amount_eur", "is_net", "category", "brand", "country", "account_id", "industry"
    ) == [("o1", Decimal("90.00"), True, "Toys", "Acme", "DE", None, "Unknown")]


def test_halves_of_a_cent_round_up(facts) -> None:
    assert collected(facts(orders=[ORDER | {"amount": "0.05"}]), "amount_eur") == [(Decimal("0.05"),)]  # 0.045


def test_the_euro_needs_no_rate(facts) -> None:
    assert collected(facts(orders=[ORDER | {"currency": "EUR"}], rates=[]), "amount_eur") == [(Decimal("100.00"),)]


@pytest.mark.parametrize(
    ("published", "expected"), [("2026-03-03", Decimal("90.00")), ("2026-03-02", None), ("2026-03-11", None)]
)
def test_a_rate_counts_for_seven_days_and_never_before_it_is_published(facts, published, expected) -> None:
    assert collected(facts(rates=[RATE | {"rate_date": published}]), "amount_eur") == [(expected,)]


def test_the_last_rate_day_wins(facts) -> None:
    older = RATE | {"rate_date": "2026-03-07", "eur_per_unit": "0.5000000000"}
    assert collected(facts(rates=[older, RATE]), "amount_eur") == [(Decimal("90.00"),)]


@pytest.mark.parametrize(
    ("status", "net"), [("PLACED", True), ("DELIVERED", True), ("CANCELLED", False), ("RETURNED", False)]
)
def test_cancelled_and_returned_orders_are_not_net(facts, status, net) -> None:
    assert collected(facts(orders=[ORDER | {"status": status}]), "is_net") == [(net,)]


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "known"),
    [
        ("2026-03-10T23:59:59.999999", None, True),
        ("2026-03-11", None, False),
        ("2026-01-01", "2026-03-11", True),
        ("2026-01-01", "2026-03-10T23:59:59.999999", False),
    ],
)
def test_attributes_are_of_the_version_that_stands_when_the_day_ends(facts, valid_from, valid_to, known) -> None:
    version = {"valid_from": valid_from, "valid_to": valid_to}
    got = collected(facts(products=[PRODUCT | version], customers=[CUSTOMER | version]), "category", "country")
    assert got == [("Toys", "DE") if known else ("Unknown", "Unknown")]


def test_attributes_that_are_null_or_of_a_deleted_customer_are_unknown(facts) -> None:
    frame = facts(products=[PRODUCT | {"brand": None}], customers=[CUSTOMER | {"is_deleted": True}])
    assert collected(frame, "order_id", "category", "brand", "country") == [("o1", "Toys", "Unknown", "Unknown")]


def test_an_order_stands_once_whatever_is_unknown(facts) -> None:
    frame = facts(products=[], customers=[], contacts=[CONTACT], rates=[])
    assert collected(frame, "order_id", "amount_eur", "account_id", "industry") == [("o1", None, None, "Unknown")]


def test_an_order_has_the_account_of_its_customer_as_of_its_day(facts) -> None:
    moved, deleted = "2026-03-11T00:00:00", "2026-03-12T08:00:00"
    orders = [ORDER | {"order_id": f"o{day}", "order_date": f"2026-03-{day}"} for day in (10, 11, 12)]
    accounts = [
        ACCOUNT | {"valid_to": moved},
        ACCOUNT | {"industry": "Energy", "valid_from": moved, "valid_to": deleted},
        ACCOUNT | {"is_deleted": True, "valid_from": deleted},
    ]
    days = [DAY, dt.date(2026, 3, 11), dt.date(2026, 3, 12)]
    frame = facts(orders, contacts=[CONTACT], accounts=accounts, rates=[RATE], days=days)
    assert collected(frame, "order_id", "account_id", "industry") == [
        ("o10", "a1", "Retail"), ("o11", "a1", "Energy"), ("o12", None, "Unknown"),
    ]  # fmt: skip


def test_an_account_is_of_the_e_mail_that_an_undeleted_customer_has_on_the_day(facts) -> None:
    changed = "2026-03-10T20:00:00"
    before = CUSTOMER | {"valid_to": changed}
    elsewhere = CUSTOMER | {"email": "ann@elsewhere.com", "valid_from": changed}
    for after in (elsewhere, elsewhere | {"email": None}, CUSTOMER | {"is_deleted": True, "valid_from": changed}):
        assert collected(facts(customers=[before, after], contacts=[CONTACT]), "account_id") == [(None,)]


def test_the_columns_are_the_contracts(facts, contracts) -> None:
    assert sorted(facts().columns) == sorted(contracts["gold/fct_orders"].by_name)


def test_each_day_of_a_range_has_its_own_state(facts) -> None:
    next_day = {"order_id": "o2", "order_date": "2026-03-11"}
    customers = [
        CUSTOMER | {"valid_to": "2026-03-11T08:00:00"},
        CUSTOMER | {"country": "FR", "valid_from": "2026-03-11T08:00:00"},
    ]
    frame = facts(orders=[ORDER, ORDER | next_day], customers=customers, days=[DAY, dt.date(2026, 3, 11)])
    assert collected(frame, "order_id", "country", "amount_eur") == [
        ("o1", "DE", Decimal("90.00")),
        ("o2", "FR", Decimal("90.00")),
    ]
