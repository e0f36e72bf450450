"""gold/customer_monthly on rows made by hand."""

import datetime as dt
from decimal import Decimal

from lakehouse_assets.gold.customer_monthly import customer_monthly
from tests.support import MakeFrame, collected

DAILY = {
    "customer_id": "c1", "activity_date": "2028-02-28", "orders": 1, "units": 2, "gross_eur": "12.00", "net_eur": "10.00",
    "cancelled_orders": 1, "sessions": 2, "page_views": 3, "add_to_carts": 1, "purchases": 1,
    "first_event_ts": "2028-02-28T08:00:00Z", "last_event_ts": "2028-02-28T09:00:00Z",
    "categories": [{"category": "Books", "orders": 1, "net_eur": "10.00"}],
    "channels": [{"channel": "direct", "sessions": 1}, {"channel": "email", "sessions": 1}],
}  # fmt: skip
LEAP_DAY = DAILY | {
    "activity_date": "2028-02-29", "first_event_ts": "2028-02-29T00:00:00Z", "last_event_ts": "2028-02-29T23:59:59.999999Z",
    "categories": [{"category": "Art", "orders": 2, "net_eur": "1.00"}, {"category": "Books", "orders": 1, "net_eur": "0.50"}],
    "orders": 3, "net_eur": "1.50",
}  # fmt: skip
QUIET = {
    "customer_id": "c1", "activity_date": "2028-03-01", "orders": 0, "units": 0, "gross_eur": "0.00", "net_eur": "0.00",
    "cancelled_orders": 0, "sessions": 0, "page_views": 1, "add_to_carts": 0, "purchases": 0, "categories": [], "channels": [],
}  # fmt: skip


def test_days_are_added_up_by_month_and_lists_by_name(rows_of: MakeFrame) -> None:
    months = customer_monthly(rows_of("gold/customer_daily", DAILY, LEAP_DAY, DAILY | {"customer_id": "c2"}, QUIET))
    assert collected(months, "customer_id", "month", "orders", "units", "net_eur", "sessions", "page_views") == [
        ("c1", "2028-02", 4, 4, Decimal("11.50"), 4, 6),
        ("c1", "2028-03", 0, 0, Decimal("0.00"), 0, 1),
        ("c2", "2028-02", 1, 2, Decimal("10.00"), 2, 3),
    ]
    first = months.where("customer_id = 'c1' and month = '2028-02'")
    assert collected(first, "categories", "channels") == [
        (
            [
                {"category": "Art", "orders": 2, "net_eur": Decimal("1.00")},
                {"category": "Books", "orders": 2, "net_eur": Decimal("10.50")},
            ],
            [{"channel": "direct", "sessions": 2}, {"channel": "email", "sessions": 2}],
        )
    ]
    assert collected(first, "first_order_date", "last_order_date", "last_activity_date", "last_event_ts") == [
        (
            dt.date(2028, 2, 28),
            dt.date(2028, 2, 29),
            dt.date(2028, 2, 29),
            dt.datetime(2028, 2, 29, 23, 59, 59, 999999, dt.UTC),
        )
    ]


def test_a_month_without_orders_and_sessions_has_no_order_dates_and_empty_lists(rows_of: MakeFrame) -> None:
    months = customer_monthly(rows_of("gold/customer_daily", QUIET))
    assert collected(months, "first_order_date", "last_order_date", "last_activity_date", "categories", "channels") == [
        (None, None, dt.date(2028, 3, 1), [], [])
    ]
