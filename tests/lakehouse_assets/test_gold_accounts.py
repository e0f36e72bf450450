"""The match of customers to accounts, on rows made by hand."""

import datetime as dt
from itertools import permutations

import pytest

from lakehouse_assets.gold.accounts import with_account
from tests.support import MakeFrame, collected

DAYS = [dt.date(2028, 2, 28), dt.date(2028, 2, 29), dt.date(2028, 3, 1)]
ANN = "ann@example.com"
NOBODY = (None, "Unknown")


def contact(contact_id: str, since: str = "2028-01-01", until: str | None = None, account: str | None = "a1", **other):
    return {
        "contact_id": contact_id, "account_id": account, "email": ANN, "system_modstamp": since, "valid_from": since,
        "valid_to": until, "is_deleted": False,
    } | other  # fmt: skip


def account(account_id: str, since: str = "2028-01-01", until: str | None = None, industry: str = "Retail", **other):
    return {
        "account_id": account_id, "industry": industry, "system_modstamp": since, "valid_from": since, "valid_to": until,
        "is_deleted": False,
    } | other  # fmt: skip


ACCOUNTS = (account("a1"), account("a2", industry="Energy"))


@pytest.fixture
def match(spark, rows_of: MakeFrame):
    """The account and industry of a customer by day."""

    def build(contacts, accounts=ACCOUNTS, days=DAYS, email=ANN):
        rows = [("c1", email, day) for day in days]
        customers = spark.createDataFrame(rows, "customer_id string, email string, day date")
        frame = with_account(
            customers, rows_of("silver/contacts", *contacts), rows_of("silver/accounts", *accounts), days
        )
        assert frame.columns == ["customer_id", "email", "day", "account_id", "industry"]
        return [row[1:] for row in collected(frame, "day", "account_id", "industry")]

    return build


def test_an_account_is_found_by_e_mail_as_it_is_spelled(match) -> None:
    others = [
        contact("k2", email="bob@example.com", account="a2"),
        contact("k3", email="ANN@example.com", account="a2"),
    ]
    assert match([contact("k1"), *others], days=DAYS[:1]) == [("a1", "Retail")]
    assert match(others, days=DAYS[:1]) == [NOBODY]


def test_who_has_no_e_mail_has_no_account_though_contacts_have_none_either(match) -> None:
    contacts = [contact("k1", email=None), contact("k2", email=None)]
    assert match(contacts, days=DAYS[:1], email=None) == [NOBODY]


def test_of_several_contacts_the_latest_counts_then_the_greatest_id(match) -> None:
    contacts = [
        contact("k9", "2028-02-27T10:00:00"),
        contact("k1", "2028-02-27T10:00:00.000001", account="a2"),
        contact("k0", "2028-02-27T10:00:00.000001"),
    ]
    assert all(match(order, days=DAYS[:1]) == [("a2", "Energy")] for order in permutations(contacts))


def test_ids_are_compared_as_text(match) -> None:
    assert match([contact("k10"), contact("k9", account="a2")], days=DAYS[:1]) == [("a2", "Energy")]


def test_a_contact_counts_as_of_each_days_end(match) -> None:
    contacts = [
        contact("k1"),
        contact("k2", "2028-02-28T23:59:59.999999", "2028-02-29T00:00:00", account=None),
        contact("k2", "2028-02-29T00:00:00", "2028-03-01T00:00:00", account="a2"),
        contact("k2", "2028-03-01T00:00:00", email="ann@elsewhere.com", account="a2"),
    ]
    assert match(contacts) == [NOBODY, ("a2", "Energy"), ("a1", "Retail")]


def test_a_deleted_contact_makes_room_for_the_next_until_it_is_revived(match) -> None:
    contacts = [
        contact("k1"),
        contact("k2", "2028-02-01", "2028-02-28T12:00:00", account="a2"),
        contact("k2", "2028-02-28T12:00:00", "2028-02-29T12:00:00", account="a2", is_deleted=True),
        contact("k2", "2028-02-29T12:00:00", account="a2"),
    ]
    assert match(contacts) == [("a1", "Retail"), ("a2", "Energy"), ("a2", "Energy")]


def test_a_single_contact_that_is_deleted_leaves_the_customer_without_account(match) -> None:
    deleted = "2028-02-29T00:00:00"
    contacts = [contact("k1", until=deleted), contact("k1", deleted, is_deleted=True)]
    assert match(contacts) == [("a1", "Retail"), NOBODY, NOBODY]


def test_the_latest_contact_decides_also_if_it_has_no_account_or_a_deleted_one(match) -> None:
    accounts = [account("a1"), account("a2", is_deleted=True)]
    for missing in (None, "a2", "elsewhere"):
        assert match([contact("k1"), contact("k2", "2028-02-01", account=missing)], accounts, DAYS[:1]) == [NOBODY]


def test_an_account_counts_as_of_each_days_end(match) -> None:
    accounts = [
        account("a1", until="2028-02-29T00:00:00"),
        account("a1", "2028-02-29T00:00:00", "2028-02-29T23:59:59.999999", industry="Energy"),
        account("a1", "2028-02-29T23:59:59.999999", "2028-03-01T00:00:00", is_deleted=True),
        account("a1", "2028-03-01T00:00:00", industry="Unknown"),
    ]
    assert match([contact("k1")], accounts) == [("a1", "Retail"), NOBODY, ("a1", "Unknown")]


def test_a_later_version_of_a_contact_does_not_count_before_it_began(match) -> None:
    contacts = [contact("k1", "2028-02-29T08:00:00"), contact("k2", "2028-02-10", account="a2")]
    assert match(contacts) == [("a2", "Energy"), ("a1", "Retail"), ("a1", "Retail")]


def test_days_together_are_the_days_one_by_one(match) -> None:
    contacts = [
        contact("k1", until="2028-02-29T08:00:00"),
        contact("k1", "2028-02-29T08:00:00", account="a2"),
        contact("k2", "2028-02-28T08:00:00", "2028-03-01T08:00:00", account="a3"),
        contact("k2", "2028-03-01T08:00:00", account="a3", is_deleted=True),
    ]
    together = match(contacts)
    assert together == [match(contacts, days=[day])[0] for day in DAYS] == [NOBODY, ("a2", "Energy"), ("a2", "Energy")]


def test_without_contacts_or_accounts_nobody_has_one(match) -> None:
    assert match([], days=DAYS[:1]) == match([contact("k1")], (), DAYS[:1]) == [NOBODY]


def test_rows_stay_as_many_as_they_were(spark, rows_of: MakeFrame) -> None:
    rows = [("c1", ANN, DAYS[0]), ("c2", ANN, DAYS[0]), ("c2", ANN, DAYS[0]), ("c3", None, DAYS[0])]
    frame = with_account(
        spark.createDataFrame(rows, "customer_id string, email string, day date"),
        rows_of("silver/contacts", contact("k1"), contact("k2")),
        rows_of("silver/accounts", *ACCOUNTS),
        DAYS,
    )
    assert collected(frame, "customer_id", "account_id") == [("c1", "a1"), ("c2", "a1"), ("c2", "a1"), ("c3", None)]
