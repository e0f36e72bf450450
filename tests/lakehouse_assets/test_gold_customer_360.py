"""gold/customer_360 on rows made by hand."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame

from lakehouse_assets.gold.customer_360 import customer_360
from tests.support import MakeFrame, Row, collected

DAY = dt.date(2028, 5, 31)
KNOWN = {
    "customer_id": "c1", "first_name": "A", "country": "DE", "industry": "Unknown", "snapshot_date": "2028-05-31",
    "last_modified_ts": "2028-01-01T00:00:00Z",
}  # fmt: skip
NOTHING = {
    "orders": 0, "units": 0, "gross_eur": "0.00", "net_eur": "0.00", "cancelled_orders": 0, "sessions": 0, "page_views": 0,
    "add_to_carts": 0, "purchases": 0, "categories": [], "channels": [],
}  # fmt: skip
Snapshot = Any


def bought(customer: str, day: str, eur: str = "10.00", category: str = "Books", **columns: Any) -> Row:
    """A day on which a customer had one net order."""
    lists = {"categories": [{"category": category, "orders": 1, "net_eur": eur}]}
    return (
        NOTHING
        | {"customer_id": customer, "activity_date": day, "orders": 1, "units": 1, "net_eur": eur}
        | lists
        | columns
    )


def visited(customer: str, day: str, *channels: str) -> Row:
    """A day on which a customer came by some channels, once by each."""
    lists = {"channels": [{"channel": name, "sessions": 1} for name in sorted(channels)]}
    return NOTHING | {"customer_id": customer, "activity_date": day, "sessions": len(channels)} | lists


def month(customer: str, start: str, last: str, **columns: Any) -> Row:
    """A month of a customer with one net order."""
    lists = {"categories": [{"category": "Toys", "orders": 1, "net_eur": "5.00"}]}
    dates = {"first_order_date": last, "last_order_date": last, "last_activity_date": last, "month": start[:7]}
    figures = {"orders": 1, "units": 1, "net_eur": "5.00", "month_start": start}
    return NOTHING | {"customer_id": customer} | figures | dates | lists | columns


@pytest.fixture
def snapshot(rows_of: MakeFrame) -> Snapshot:
    """Makes the snapshots of some days from rows of the tables."""

    def make(
        daily: Sequence[Row] = (),
        monthly: Sequence[Row] = (),
        known: Sequence[Row] = (),
        customers: Sequence[Row] = (),
        opportunities: Sequence[Row] = (),
        days: Sequence[dt.date] = (DAY,),
    ) -> DataFrame:
        rate = {"rate_date": "2028-05-30", "currency": "USD", "eur_per_unit": "0.5"}
        return customer_360(
            rows_of("gold/customer_daily", *daily),
            rows_of("gold/customer_monthly", *monthly),
            rows_of("gold/dim_customers", *known),
            rows_of("silver/customers", *customers),
            rows_of("silver/opportunities", *opportunities),
            rows_of("silver/fx_rates", rate),
            days,
        )

    return make


def test_a_customer_without_activity_has_zeros_and_no_dates(snapshot: Snapshot) -> None:
    found = snapshot(known=[KNOWN])
    assert collected(
        found, "customer_id", "snapshot_date", "first_name", "country", "lifetime_orders", "lifetime_net_eur", "sessions_90d",
        "first_order_date", "days_since_last_order", "days_since_last_activity", "avg_order_value_eur", "favourite_category",
        "favourite_channel", "open_opportunities", "open_opportunity_eur", "lifecycle", "churn_risk", "value_tier",
    ) == [
        ("c1", DAY, "A", "DE", 0, Decimal("0.00"), 0, None, None, None, None, None, None, 0, Decimal("0.00"), "prospect", None, "none")
    ]  # fmt: skip


def test_windows_are_the_days_that_end_with_the_snapshot(snapshot: Snapshot) -> None:
    """The first day in and the last day out of each window; the 90 days reach back to 3 March."""
    days = [
        "2028-05-31",
        "2028-05-25",
        "2028-05-24",
        "2028-05-02",
        "2028-05-01",
        "2028-03-03",
        "2028-03-02",
        "2028-03-01",
    ]
    found = snapshot(
        daily=[bought("c1", day) | {"sessions": 1} for day in days],
        monthly=[month("c1", "2028-02-01", "2028-02-29", sessions=4)],
        known=[KNOWN],
    )
    assert collected(found, *(f"orders_{days}d" for days in (7, 30, 90)), "lifetime_orders") == [(2, 4, 6, 9)]
    assert collected(found, "net_eur_7d", "net_eur_30d", "net_eur_90d", "lifetime_net_eur") == [
        (Decimal("20.00"), Decimal("40.00"), Decimal("60.00"), Decimal("85.00"))
    ]
    assert collected(found, "sessions_7d", "sessions_30d", "sessions_90d", "lifetime_sessions") == [(2, 4, 6, 12)]
    assert collected(found, "first_order_date", "last_order_date", "days_since_last_order", "avg_order_value_eur") == [
        (dt.date(2028, 2, 29), DAY, 0, Decimal("9.44"))  # 85.00 / 9
    ]


def test_each_day_of_a_run_reads_months_before_its_own_90_days_and_days_since(snapshot: Snapshot) -> None:
    """For 28 May the 90 days begin on 29 February, so that February is read by day; from 29 May on by the month."""
    days = [dt.date(2028, 5, 28), dt.date(2028, 5, 29), dt.date(2028, 5, 30)]
    known = [KNOWN | {"snapshot_date": str(day)} for day in days]
    found = snapshot(
        daily=[bought("c1", "2028-02-29"), bought("c1", "2028-05-30")],
        monthly=[month("c1", "2028-01-01", "2028-01-31"), month("c1", "2028-02-01", "2028-02-29", net_eur="10.00")],
        known=known,
        days=days,
    )
    assert collected(found, "snapshot_date", "lifetime_orders", "lifetime_net_eur", "orders_90d") == [
        (days[0], 2, Decimal("15.00"), 1),
        (days[1], 2, Decimal("15.00"), 0),
        (days[2], 3, Decimal("25.00"), 1),
    ]


def test_customers_known_from_facts_alone_are_there_and_deleted_ones_are_not(snapshot: Snapshot) -> None:
    version = {"valid_from": "2028-05-01T00:00:00Z", "valid_to": None, "is_deleted": True, "country": "FR"}
    revived = version | {"customer_id": "back", "valid_to": "2028-06-01T00:00:00Z"}
    found = snapshot(
        daily=[bought(customer, "2028-05-20") for customer in ("unknown", "gone", "back", "later")],
        monthly=[month("long ago", "2028-01-01", "2028-01-31")],
        customers=[
            version | {"customer_id": "gone"},
            revived,
            version | {"customer_id": "later", "valid_from": "2028-06-01T00:00:00Z"},
        ],
    )
    assert collected(found, "customer_id", "country", "industry", "first_name", "account_id", "lifetime_orders") == [
        ("later", "Unknown", "Unknown", None, None, 1),
        ("long ago", "Unknown", "Unknown", None, None, 1),
        ("unknown", "Unknown", "Unknown", None, None, 1),
    ]


def test_a_known_customer_without_country_keeps_none(snapshot: Snapshot) -> None:
    assert collected(snapshot(known=[KNOWN | {"country": None}]), "country") == [(None,)]


def test_favourites_are_by_orders_then_euros_then_name(snapshot: Snapshot) -> None:
    def two(customer: str, *categories: tuple[str, int, str]) -> Row:
        lists = [{"category": name, "orders": orders, "net_eur": eur} for name, orders, eur in categories]
        return bought(customer, "2028-05-20") | {
            "categories": lists,
            "orders": sum(orders for _, orders, _ in categories),
        }

    found = snapshot(
        daily=[
            two("by orders", ("Art", 1, "900.00"), ("Books", 2, "1.00")),
            two("by euros", ("Art", 1, "9.99"), ("Books", 1, "10.00")),
            two("by name", ("Art", 1, "10.00"), ("Books", 1, "10.00")),
            two("by months too", ("Art", 1, "10.00")),
            visited("channels", "2028-05-20", "email", "direct"),
            visited("channels", "2028-05-21", "email"),
            visited("channel by name", "2028-05-20", "email", "direct"),
        ],
        monthly=[
            month("by months too", "2028-01-01", "2028-01-31"),
            month("by months too", "2028-02-01", "2028-02-29"),
        ],
    )
    assert collected(found, "customer_id", "favourite_category", "favourite_channel") == [
        ("by euros", "Books", None),
        ("by months too", "Toys", None),
        ("by name", "Art", None),
        ("by orders", "Books", None),
        ("channel by name", None, "direct"),
        ("channels", None, "email"),
    ]


def test_opportunities_are_those_of_the_customers_account(snapshot: Snapshot) -> None:
    version = {"account_id": "a1", "valid_from": "2028-05-01T00:00:00Z", "is_deleted": False, "stage_name": "Proposal"}
    found = snapshot(
        known=[
            KNOWN | {"account_id": "a1"},
            KNOWN | {"account_id": "a1", "customer_id": "c2"},
            KNOWN | {"customer_id": "c3"},
        ],
        opportunities=[
            version | {"opportunity_id": "o1", "amount": "10.01", "currency_iso_code": "USD"},
            version | {"opportunity_id": "o2", "amount": None, "currency_iso_code": "USD"},
            version
            | {"opportunity_id": "o3", "amount": "7.00", "currency_iso_code": "EUR", "stage_name": "Closed Won"},
            version | {"opportunity_id": "o4", "amount": "7.00", "currency_iso_code": "EUR", "account_id": None},
        ],
    )
    assert collected(found, "customer_id", "open_opportunities", "open_opportunity_eur") == [
        ("c1", 2, Decimal("5.01")),
        ("c2", 2, Decimal("5.01")),
        ("c3", 0, Decimal("0.00")),
    ]


def test_lifecycle_churn_risk_and_value_tier_at_their_edges(snapshot: Snapshot) -> None:
    found = snapshot(
        daily=[
            bought("a new", "2028-05-02", "249.99"),
            bought("b active", "2028-05-01", "250.00"),
            bought("b active", "2028-05-02", "749.99"),
            bought("c at risk", "2028-05-01", "1000.00"),
            bought("d churned", "2028-03-02", "4999.99"),
            bought("e churned but here", "2028-03-02", "5000.00"),
            visited("e churned but here", "2028-05-02", "direct"),
            visited("f prospect", "2028-05-31", "direct"),
        ]
    )
    assert collected(found, "customer_id", "lifecycle", "churn_risk", "value_tier", "days_since_last_activity") == [
        ("a new", "new", "low", "low", 29),
        ("b active", "active", "low", "medium", 29),
        ("c at risk", "at_risk", "medium", "high", 30),
        ("d churned", "churned", "high", "high", 90),
        ("e churned but here", "churned", "medium", "top", 29),
        ("f prospect", "prospect", None, "none", 0),
    ]
