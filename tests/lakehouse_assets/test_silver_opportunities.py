"""silver/opportunities on rows made by hand."""

from decimal import Decimal

from lakehouse_assets.silver.opportunities import opportunities
from tests.support import MakeFrame, collected


def test_an_opportunity_is_deleted_only_when_the_source_says_so(rows_of: MakeFrame) -> None:
    rows = [{"opportunity_id": key, "is_deleted": said} for key, said in {"1": True, "2": False, "3": None}.items()]
    found = collected(opportunities(rows_of("bronze/crm_opportunities", *rows)), "opportunity_id", "is_deleted")
    assert found == [("1", True), ("2", False), ("3", False)]


def test_everything_else_stays_as_delivered(rows_of: MakeFrame) -> None:
    row = {
        "opportunity_id": " 0042", "stage_name": " closed won", "amount": "10.50", "currency_iso_code": "xxx", "probability": "133.33",
        "_window": "2026-03-11", "_source": "x",
    }  # fmt: skip
    frame = opportunities(rows_of("bronze/crm_opportunities", row, row))
    assert (
        collected(frame, "opportunity_id", "stage_name", "amount", "currency_iso_code", "probability")
        == [(" 0042", " closed won", Decimal("10.50"), "xxx", Decimal("133.33"))] * 2
    )
    assert "_window" in frame.columns
    assert not {"_source", "_ingested_at"} & set(frame.columns)
