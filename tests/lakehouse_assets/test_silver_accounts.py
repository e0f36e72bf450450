"""silver/accounts on rows made by hand."""

from lakehouse_assets.silver.accounts import accounts
from tests.support import MakeFrame, collected


def test_an_industry_is_trimmed_and_unknown_where_it_is_null_or_empty(rows_of: MakeFrame) -> None:
    delivered = {"1": " Retail ", "2": "", "3": "  ", "4": None, "5": "retail", "6": "Unknown"}
    rows = [{"account_id": key, "industry": industry} for key, industry in delivered.items()]
    assert collected(accounts(rows_of("bronze/crm_accounts", *rows)), "account_id", "industry") == [
        ("1", "Retail"),
        ("2", "Unknown"),
        ("3", "Unknown"),
        ("4", "Unknown"),
        ("5", "retail"),
        ("6", "Unknown"),
    ]


def test_an_account_is_deleted_only_when_the_source_says_so(rows_of: MakeFrame) -> None:
    rows = [{"account_id": key, "is_deleted": said} for key, said in {"1": True, "2": False, "3": None}.items()]
    found = collected(accounts(rows_of("bronze/crm_accounts", *rows)), "account_id", "is_deleted")
    assert found == [("1", True), ("2", False), ("3", False)]


def test_everything_else_stays_as_delivered(rows_of: MakeFrame) -> None:
    row = {"account_id": " 0042", "name": " Acme ", "billing_country": "NA", "_window": "2026-03-11", "_source": "x"}
    frame = accounts(rows_of("bronze/crm_accounts", row, row))
    assert collected(frame, "account_id", "name", "billing_country") == [(" 0042", " Acme ", "NA")] * 2
    assert "_window" in frame.columns
    assert not {"_source", "_ingested_at"} & set(frame.columns)
