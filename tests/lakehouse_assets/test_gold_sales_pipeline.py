"""gold/sales_pipeline on rows made by hand."""

import datetime as dt
from decimal import Decimal

import pytest

from lakehouse_assets.gold.sales_pipeline import sales_pipeline
from tests.support import MakeFrame, collected

DAYS = [dt.date(2028, 2, 28), dt.date(2028, 2, 29), dt.date(2028, 3, 1)]
OPPORTUNITY = {
    "opportunity_id": "o1", "account_id": "a1", "stage_name": "Proposal", "amount": "100.00",
    "currency_iso_code": "EUR", "probability": "50.00", "is_deleted": False, "valid_from": "2028-01-01",
}  # fmt: skip
ACCOUNT = {"account_id": "a1", "industry": "Retail", "is_deleted": False, "valid_from": "2028-01-01"}
COLUMNS = ("stage", "industry", "snapshot_date", "open_opportunities", "amount_eur", "weighted_amount_eur")


@pytest.fixture
def pipeline(rows_of: MakeFrame):
    def build(*opportunities, accounts=(ACCOUNT,), rates=(), days=DAYS[:1]):
        return sales_pipeline(
            rows_of("silver/opportunities", *opportunities),
            rows_of("silver/accounts", *accounts),
            rows_of("silver/fx_rates", *rates),
            days,
        )

    return build


def test_opportunities_are_summed_by_stage_and_industry(pipeline) -> None:
    second = ACCOUNT | {"account_id": "a2"}
    third = ACCOUNT | {"account_id": "a3", "industry": "Energy"}
    frame = pipeline(
        OPPORTUNITY,
        OPPORTUNITY | {"opportunity_id": "o2", "account_id": "a2", "amount": "0.50"},
        OPPORTUNITY | {"opportunity_id": "o3", "account_id": "a3"},
        OPPORTUNITY | {"opportunity_id": "o4", "stage_name": None},
        OPPORTUNITY | {"opportunity_id": "o5", "stage_name": "Closed Won"},
        accounts=[ACCOUNT, second, third],
    )
    assert collected(frame, *COLUMNS) == [
        ("Proposal", "Energy", DAYS[0], 1, Decimal("100.00"), Decimal("50.00")),
        ("Proposal", "Retail", DAYS[0], 2, Decimal("100.50"), Decimal("50.25")),
        ("Unknown", "Retail", DAYS[0], 1, Decimal("100.00"), Decimal("50.00")),
    ]


def test_each_opportunity_is_weighted_and_rounded_half_up_by_itself_and_counts_0_without_probability(pipeline) -> None:
    frame = pipeline(
        OPPORTUNITY | {"amount": "0.01"},  # 0.005
        OPPORTUNITY | {"opportunity_id": "o2", "amount": "0.01"},
        OPPORTUNITY | {"opportunity_id": "o3", "amount": "2.50", "probability": "87.00"},  # 2.175
        OPPORTUNITY | {"opportunity_id": "o4", "amount": "7.00", "probability": None},
        OPPORTUNITY | {"opportunity_id": "o5", "amount": None},
        OPPORTUNITY | {"opportunity_id": "o6", "currency_iso_code": "USD"},
    )
    assert collected(frame, *COLUMNS[3:]) == [(6, Decimal("9.52"), Decimal("2.20"))]


def test_the_greatest_amount_is_weighted_without_losing_a_cent(pipeline) -> None:
    frame = pipeline(OPPORTUNITY | {"amount": "9999999999999999.99", "probability": "99.99"})
    assert collected(frame, *COLUMNS[3:]) == [(1, Decimal("9999999999999999.99"), Decimal("9998999999999999.99"))]


def test_the_industry_is_unknown_without_an_undeleted_account(pipeline) -> None:
    frame = pipeline(
        OPPORTUNITY,
        OPPORTUNITY | {"opportunity_id": "o2", "account_id": None},
        OPPORTUNITY | {"opportunity_id": "o3", "account_id": "elsewhere"},
        OPPORTUNITY | {"opportunity_id": "o4", "account_id": "a2"},
        accounts=[ACCOUNT | {"is_deleted": True}, ACCOUNT | {"account_id": "a2", "industry": "Unknown"}],
    )
    assert collected(frame, "stage", "industry", "open_opportunities") == [("Proposal", "Unknown", 4)]


def test_an_account_counts_as_of_each_days_end(pipeline) -> None:
    leap_day, deleted = "2028-02-29T00:00:00", "2028-02-29T23:59:59.999999"
    accounts = [
        ACCOUNT | {"valid_to": leap_day},
        ACCOUNT | {"industry": "Energy", "valid_from": leap_day, "valid_to": deleted},
        ACCOUNT | {"industry": "Energy", "is_deleted": True, "valid_from": deleted, "valid_to": "2028-03-01T00:00:00"},
        ACCOUNT | {"industry": "Mining", "valid_from": "2028-03-01T00:00:00"},
    ]
    frame = pipeline(OPPORTUNITY, accounts=accounts, days=DAYS)
    assert collected(frame, "snapshot_date", "industry") == [
        (DAYS[0], "Retail"), (DAYS[1], "Unknown"), (DAYS[2], "Mining"),
    ]  # fmt: skip


def test_days_together_are_the_days_one_by_one_and_a_day_without_open_ones_has_no_rows(pipeline) -> None:
    rate = {"rate_date": "2028-02-21", "currency": "USD", "eur_per_unit": "0.9000000000"}
    versions = [
        OPPORTUNITY | {"currency_iso_code": "USD", "valid_to": "2028-02-29T10:00:00"},
        OPPORTUNITY | {"stage_name": "Closed Lost", "valid_from": "2028-02-29T10:00:00"},
        OPPORTUNITY | {"opportunity_id": "o2", "valid_from": "2028-02-28T10:00:00", "valid_to": "2028-02-29T10:00:00"},
    ]
    rates = [rate, rate | {"rate_date": "2028-02-29", "eur_per_unit": "0.5000000000"}]
    together = collected(pipeline(*versions, rates=rates, days=DAYS), *COLUMNS)
    apart = [row for day in DAYS for row in collected(pipeline(*versions, rates=rates, days=[day]), *COLUMNS)]
    assert together == apart == [("Proposal", "Retail", DAYS[0], 2, Decimal("190.00"), Decimal("95.00"))]
