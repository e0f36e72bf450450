"""silver/contacts on rows made by hand."""

from lakehouse_assets.silver.contacts import contacts
from lakehouse_assets.silver.customers import customers
from tests.support import MakeFrame, collected


def test_an_email_reads_as_that_of_a_customer(rows_of: MakeFrame) -> None:
    delivered = {"1": " Ann@Example.COM ", "2": "", "3": "  ", "4": None, "5": "ÄNN@example.com"}
    expected = [("1", "ann@example.com"), ("2", None), ("3", None), ("4", None), ("5", "änn@example.com")]
    rows = [{"contact_id": key, "email": email} for key, email in delivered.items()]
    assert collected(contacts(rows_of("bronze/crm_contacts", *rows)), "contact_id", "email") == expected
    rows = [{"customer_id": key, "email": email} for key, email in delivered.items()]
    assert collected(customers(rows_of("bronze/snowflake_customers", *rows)), "customer_id", "email") == expected


def test_a_contact_is_deleted_only_when_the_source_says_so(rows_of: MakeFrame) -> None:
    rows = [{"contact_id": key, "is_deleted": said} for key, said in {"1": True, "2": False, "3": None}.items()]
    found = collected(contacts(rows_of("bronze/crm_contacts", *rows)), "contact_id", "is_deleted")
    assert found == [("1", True), ("2", False), ("3", False)]


def test_everything_else_stays_as_delivered(rows_of: MakeFrame) -> None:
    row = {"contact_id": " 0042", "account_id": "A ", "first_name": " Ann", "phone": "", "_window": "2026-03-11", "_source": "x"}  # fmt: skip
    frame = contacts(rows_of("bronze/crm_contacts", row, row))
    assert collected(frame, "contact_id", "account_id", "first_name", "phone") == [(" 0042", "A ", " Ann", "")] * 2
    assert "_window" in frame.columns
    assert not {"_source", "_ingested_at"} & set(frame.columns)
