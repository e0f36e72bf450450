"""Open opportunities on rows made by hand."""

import datetime as dt
from decimal import Decimal

import pytest

from lakehouse_assets.gold.opportunities import open_opportunities
from tests.support import MakeFrame, collected

DAYS = [dt.date(2028, 2, 28), dt.date(2028, 2, 29), dt.date(2028, 3, 1)]
OPPORTUNITY = {
    "opportunity_id": "o1", "account_id": "a1", "stage_name": "Proposal", "amount": "100.00",
    "currency_iso_code": "EUR", "probability": "50.00", "is_deleted": False, "valid_from": "2028-01-01",
}  # fmt: skip
RATE = {"rate_date": "2028-02-28", "currency": "USD", "eur_per_unit": "0.9000000000"}


@pytest.fixture
def opened(rows_of: MakeFrame):
    def build(*versions, rates=(RATE,), days=DAYS):
        return open_opportunities(rows_of("silver/opportunities", *versions), rows_of("silver/fx_rates", *rates), days)

    return build


def test_an_opportunity_stands_once_a_day_in_the_version_of_that_days_end(opened) -> None:
    leap_day, next_day = "2028-02-29T00:00:00", "2028-03-01T00:00:00"
    frame = opened(
        OPPORTUNITY | {"valid_to": leap_day},
        OPPORTUNITY | {"stage_name": "Negotiation", "valid_from": leap_day, "valid_to": next_day},
        OPPORTUNITY | {"stage_name": "Closed Won", "valid_from": next_day},
        OPPORTUNITY | {"opportunity_id": "o2", "valid_from": "2028-02-29T23:59:59.999999"},
    )
    assert collected(frame, "day", "opportunity_id", "stage_name") == [
        (DAYS[0], "o1", "Proposal"), (DAYS[1], "o1", "Negotiation"), (DAYS[1], "o2", "Proposal"), (DAYS[2], "o2", "Proposal"),
    ]  # fmt: skip


def test_an_opportunity_is_open_unless_its_stage_starts_with_closed_or_it_is_deleted(opened) -> None:
    stages = ["Closed", "Closed Won", "Closed_Lost", "closed won", "CLOSED", " Closed", "Not Closed", "", None]
    versions = [OPPORTUNITY | {"opportunity_id": str(i), "stage_name": stage} for i, stage in enumerate(stages)]
    deleted = OPPORTUNITY | {"opportunity_id": "deleted", "is_deleted": True}
    frame = opened(*versions, deleted, days=DAYS[:1])
    assert [row[0] for row in collected(frame, "stage_name")] == [
        " Closed", "", "CLOSED", "Not Closed", "Unknown", "closed won",
    ]  # fmt: skip


def test_a_deleted_opportunity_is_open_again_once_it_is_revived(opened) -> None:
    deleted, revived = "2028-02-28T12:00:00", "2028-03-01T12:00:00"
    frame = opened(
        OPPORTUNITY | {"valid_to": deleted},
        OPPORTUNITY | {"is_deleted": True, "valid_from": deleted, "valid_to": revived},
        OPPORTUNITY | {"valid_from": revived},
    )
    assert collected(frame, "day") == [(DAYS[2],)]


def test_an_amount_is_in_euro_at_each_days_rate_half_up_and_0_without_amount_or_rate(opened) -> None:
    frame = opened(
        OPPORTUNITY | {"currency_iso_code": "USD", "amount": "0.05"},  # 0.045
        OPPORTUNITY | {"opportunity_id": "o2", "currency_iso_code": "SEK"},
        OPPORTUNITY | {"opportunity_id": "o3", "amount": None},
        OPPORTUNITY | {"opportunity_id": "o4", "currency_iso_code": None, "probability": None, "account_id": None},
        OPPORTUNITY | {"opportunity_id": "o5", "amount": "0.01"},
        rates=[RATE, RATE | {"rate_date": "2028-02-29", "eur_per_unit": "2.0000000000"}],
        days=DAYS[:2],
    )
    assert collected(frame, "opportunity_id", "day", "amount_eur", "probability", "account_id") == [
        ("o1", DAYS[0], Decimal("0.05"), Decimal("50.00"), "a1"),
        ("o1", DAYS[1], Decimal("0.10"), Decimal("50.00"), "a1"),
        *(("o2", day, Decimal("0.00"), Decimal("50.00"), "a1") for day in DAYS[:2]),
        *(("o3", day, Decimal("0.00"), Decimal("50.00"), "a1") for day in DAYS[:2]),
        *(("o4", day, Decimal("0.00"), None, None) for day in DAYS[:2]),
        *(("o5", day, Decimal("0.01"), Decimal("50.00"), "a1") for day in DAYS[:2]),
    ]


@pytest.mark.parametrize(
    ("published", "amount"), [("2028-02-21", "90.00"), ("2028-02-20", "0.00"), ("2028-02-29", "0.00")]
)
def test_a_rate_counts_for_seven_days_and_never_before_it_is_published(opened, published, amount) -> None:
    frame = opened(OPPORTUNITY | {"currency_iso_code": "USD"}, rates=[RATE | {"rate_date": published}], days=DAYS[:1])
    assert collected(frame, "amount_eur") == [(Decimal(amount),)]


def test_nothing_gives_nothing(opened) -> None:
    assert collected(opened(), "day") == []
