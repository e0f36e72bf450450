"""gold/product_perf_daily on rows made by hand."""

import datetime as dt
from decimal import Decimal
from itertools import count

import pytest

from lakehouse_assets.gold.product_perf_daily import product_perf_daily
from tests.support import MakeFrame, collected

DAY = dt.date(2026, 3, 10)
FACT = {
    "order_id": "o1", "customer_id": "c1", "product_id": "p1", "order_date": "2026-03-10", "quantity": 2,
    "amount_eur": "10.00", "is_net": True, "country": "DE",
}  # fmt: skip
CANCELLED = FACT | {"order_id": "o2", "is_net": False, "amount_eur": "4.25", "quantity": 7}


NUMBERS = count()


def event(event_name: str, product_id: str | None = "p1", event_date: str = "2026-03-10", **other):
    metadata = {"price": "9.99"} | ({"product_id": product_id} if product_id is not None else {})
    return {
        "event_id": f"e{next(NUMBERS)}", "customer_id": "c1", "event_name": event_name, "event_date": event_date,
        "metadata": metadata,
    } | other  # fmt: skip


@pytest.fixture
def performance(rows_of: MakeFrame):
    def build(facts=(), events=()):
        return product_perf_daily(rows_of("gold/fct_orders", *facts), rows_of("silver/behavior", *events))

    return build


def test_a_product_counts_net_orders_and_keeps_gross_and_cancelled_apart(performance) -> None:
    frame = performance([FACT, CANCELLED, FACT | {"order_id": "o3"}])
    assert collected(
        frame, "product_id", "activity_date", "orders", "units", "gross_eur", "net_eur", "cancelled_eur", "buyers"
    ) == [("p1", DAY, 2, 4, Decimal("24.25"), Decimal("20.00"), Decimal("4.25"), 1)]


def test_a_product_with_cancelled_orders_alone_has_a_row_of_zeros(performance) -> None:
    frame = performance([CANCELLED], [event("view_product")])
    assert collected(frame, "orders", "units", "net_eur", "buyers", "views", "add_to_carts", "conversion") == [
        (0, 0, Decimal("0.00"), 0, 1, 0, 0.0)
    ]


def test_views_and_carts_are_counted_and_compared_with_net_orders(performance) -> None:
    events = [
        *(event("view_product") for _ in range(7)),
        event("view_product", customer_id=None),
        event("add_to_cart", customer_id=None),
        event("add_to_cart"),
        event("purchase"),
        event("page_view"),
    ]
    frame = performance([FACT, FACT | {"order_id": "o3"}, CANCELLED], events)
    assert collected(frame, "product_id", "views", "add_to_carts", "conversion") == [("p1", 8, 2, 0.25)]


def test_there_is_no_conversion_without_views(performance) -> None:
    frame = performance([FACT], [event("add_to_cart")])
    assert collected(frame, "orders", "views", "add_to_carts", "conversion") == [(1, 0, 1, None)]


def test_a_product_that_was_viewed_or_put_into_a_cart_and_not_ordered_has_a_row(performance, contracts) -> None:
    frame = performance([FACT], [event("view_product", "p2"), event("add_to_cart", "p3")])
    assert sorted(frame.columns) == sorted(contracts["gold/product_perf_daily"].by_name)
    zero = Decimal("0.00")
    columns = ("product_id", "activity_date", "orders", "units", "gross_eur", "net_eur", "cancelled_eur", "buyers")
    assert collected(frame, *columns, "views", "add_to_carts", "conversion")[1:] == [
        ("p2", DAY, 0, 0, zero, zero, zero, 0, 1, 0, 0.0),
        ("p3", DAY, 0, 0, zero, zero, zero, 0, 0, 1, None),
    ]


def test_events_that_name_no_product_count_nowhere(performance) -> None:
    events = [
        event("view_product", None),
        event("add_to_cart", metadata={"product_id": None}),
        event("view_product", metadata={}),
        event("view_product", metadata=None),
        event("search"),
    ]
    assert collected(performance(events=events), "product_id") == []


def test_each_day_is_summed_apart_and_nothing_gives_nothing(performance) -> None:
    next_day = dt.date(2026, 3, 11)
    facts = [FACT, FACT | {"order_date": "2026-03-11"}]
    events = [event("view_product"), event("view_product", event_date="2026-03-12")]
    assert collected(performance(facts, events), "activity_date", "orders", "views") == [
        (DAY, 1, 1), (next_day, 1, 0), (next_day + dt.timedelta(days=1), 0, 1),
    ]  # fmt: skip
    assert collected(performance(), "product_id") == []
