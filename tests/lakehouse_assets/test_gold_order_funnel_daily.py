"""gold/order_funnel_daily on rows made by hand."""

import datetime as dt
from itertools import count

import pytest
from pyspark.sql import functions as F

from lakehouse_assets.gold.order_funnel_daily import order_funnel_daily
from tests.support import MakeFrame, collected

DAYS = [dt.date(2028, 2, 28), dt.date(2028, 2, 29), dt.date(2028, 3, 1)]
COLUMNS = ("event_type", "activity_date", "events", "orders", "median_minutes_since_placed")
NUMBERS = count()


def event(event_type: str, ts: str, order_id: str | None = "o1"):
    return {
        "event_id": f"e{next(NUMBERS)}", "order_id": order_id, "event_type": event_type, "ts": ts, "event_date": ts[:10],
    }  # fmt: skip


@pytest.fixture
def funnel(rows_of: MakeFrame):
    def build(*events, days=DAYS[1:2]):
        return collected(order_funnel_daily(rows_of("silver/order_events", *events), days), *COLUMNS)

    return build


def test_events_and_orders_are_counted_by_type_with_their_median_time_since_the_order_was_placed(funnel) -> None:
    assert funnel(
        event("PLACED", "2028-02-29T08:00:00"),
        event("PLACED", "2028-02-28T23:59:30", "o2"),
        event("PAID", "2028-02-29T08:00:30"),
        event("PAID", "2028-02-29T08:03:00"),
        event("PAID", "2028-02-29T00:00:00", "o2"),
        event("SHIPPED", "2028-02-29T08:01:00"),
        event("SHIPPED", "2028-02-29T08:02:00.000006"),
    ) == [
        ("PAID", DAYS[1], 3, 2, 0.5),
        ("PLACED", DAYS[1], 1, 1, 0.0),
        ("SHIPPED", DAYS[1], 2, 1, 1.50000005),
    ]


def test_an_event_without_a_placement_counts_but_not_in_the_median(funnel) -> None:
    assert funnel(
        event("PLACED", "2028-02-29T08:00:00"),
        event("PAID", "2028-02-29T08:05:00"),
        event("PAID", "2028-02-29T07:59:59.999999"),
        event("PAID", "2028-02-29T09:00:00", "o2"),
        event("PAID", "2028-02-29T09:00:00", None),
        event("PLACED", "2028-02-29T08:00:00", None),
        event("RETURNED", "2028-02-29T09:00:00", None),
    ) == [
        ("PAID", DAYS[1], 4, 2, 5.0),
        ("PLACED", DAYS[1], 2, 1, 0.0),
        ("RETURNED", DAYS[1], 1, 0, None),
    ]


@pytest.mark.parametrize(
    ("placed", "minutes"),
    [("2027-12-01T12:00:00", 129600.0), ("2027-12-01T11:59:59.999999", None), ("2028-02-29T12:00:00", 0.0)],
)
def test_an_order_is_looked_for_in_the_ninety_days_before_an_event(funnel, placed, minutes) -> None:
    """29 February is one of them."""
    rows = funnel(event("PLACED", placed), event("DELIVERED", "2028-02-29T12:00:00"))
    assert ("DELIVERED", DAYS[1], 1, 1, minutes) in rows


def test_of_several_placements_the_earliest_of_the_ninety_days_counts(funnel) -> None:
    assert funnel(
        event("PLACED", "2027-11-01T00:00:00"),
        event("PLACED", "2028-02-29T08:50:00"),
        event("PLACED", "2028-02-29T08:00:00"),
        event("PLACED", "2028-02-29T10:00:00"),
        event("PAID", "2028-02-29T09:00:00"),
    ) == [("PAID", DAYS[1], 1, 1, 60.0), ("PLACED", DAYS[1], 3, 1, 50.0)]


def test_a_median_between_two_events_is_their_mean(funnel) -> None:
    rows = funnel(
        event("PLACED", "2028-02-28T00:00:00"),
        *(event("PAID", f"2028-02-29T{hour}:00:00") for hour in ("00", "01", "05", "23")),
    )
    assert rows == [("PAID", DAYS[1], 4, 1, 24 * 60.0 + 3 * 60)]


def test_days_together_are_the_days_one_by_one_and_a_day_without_events_has_no_rows(rows_of: MakeFrame) -> None:
    events = rows_of(
        "silver/order_events",
        event("PLACED", "2028-02-27T23:00:00"),
        event("PAID", "2028-02-28T00:00:00"),
        event("PLACED", "2027-12-02T00:00:00", "o2"),
        event("SHIPPED", "2028-03-01T00:00:00", "o2"),
        event("SHIPPED", "2028-03-01T23:59:59.999999", "o2"),
    )
    read = {day: events.where(F.col("event_date").between(day - dt.timedelta(days=90), day)) for day in DAYS}
    apart = [row for day in DAYS for row in collected(order_funnel_daily(read[day], [day]), *COLUMNS)]
    assert apart == collected(order_funnel_daily(events, DAYS), *COLUMNS) == [
        ("PAID", DAYS[0], 1, 1, 60.0), ("SHIPPED", DAYS[2], 2, 1, 129600.0),
    ]  # fmt: skip
    assert collected(order_funnel_daily(events.where("false"), DAYS), *COLUMNS) == []
