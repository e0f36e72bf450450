"""gold/customer_daily on rows made by hand."""

import datetime as dt
from decimal import Decimal
from itertools import permutations

import pytest

from asset_checks.audit import schema_differences
from asset_checks.rules import with_broken_rules
from lakehouse_assets.gold.customer_daily import customer_daily
from tests.support import MakeFrame, collected

DAY = dt.date(2026, 3, 10)
ORDER = {
    "order_id": "o1", "customer_id": "c1", "order_date": "2026-03-10", "quantity": 2, "amount_eur": "10.00",
    "is_net": True, "category": "Toys",
}  # fmt: skip
CANCELLED = ORDER | {"order_id": "o2", "is_net": False, "amount_eur": "4.25", "quantity": 7, "category": "Books"}


def event(number: int, ts: str, name: str = "page_view", session: str | None = "s1", **columns: object) -> dict:
    """An event of the customer c1 that came directly, unless the columns say otherwise."""
    return {
        "event_id": f"e{number}", "customer_id": "c1", "event_name": name, "event_ts": ts, "event_date": ts[:10],
        "session_id": session, "channel": "direct",
    } | columns  # fmt: skip


@pytest.fixture
def days(rows_of: MakeFrame):
    def build(orders=(), events=()):
        return customer_daily(rows_of("gold/fct_orders", *orders), rows_of("silver/behavior", *events))

    return build


def test_orders_and_events_of_a_customer_stand_in_one_row(days, contracts) -> None:
    events = [
        event(1, "2026-03-10T08:00:00"),
        event(2, "2026-03-10T08:01:00", "view_product"),
        event(3, "2026-03-10T08:02:00", "add_to_cart"),
        event(4, "2026-03-10T08:03:00", "purchase"),
        event(5, "2026-03-10T20:00:00", session="s2", channel="email"),
    ]
    frame = days([ORDER, CANCELLED, ORDER | {"order_id": "o3"}], events)
    contract = contracts["gold/customer_daily"]
    assert schema_differences(contract, frame.drop("gross_eur", "net_eur")) == (
        "`gross_eur` is missing",
        "`net_eur` is missing",
    )
    assert frame.select(*contract.by_name).toArrow().to_pylist() == [
        {
            "customer_id": "c1", "activity_date": DAY, "orders": 2, "units": 4, "gross_eur": Decimal("24.25"),
            "net_eur": Decimal("20.00"), "cancelled_orders": 1, "sessions": 2, "page_views": 2, "add_to_carts": 1,
            "purchases": 1, "first_event_ts": dt.datetime(2026, 3, 10, 8, tzinfo=dt.UTC),
            "last_event_ts": dt.datetime(2026, 3, 10, 20, tzinfo=dt.UTC),
            "categories": [{"category": "Toys", "orders": 2, "net_eur": Decimal("20.00")}],
            "channels": [{"channel": "direct", "sessions": 1}, {"channel": "email", "sessions": 1}],
        }
    ]  # fmt: skip


def test_what_there_is_nothing_of_is_zero_or_empty_and_only_times_are_null(days, contracts) -> None:
    frame = days([CANCELLED | {"customer_id": "buyer"}], [event(1, "2026-03-10T08:00:00", session=None)])
    columns = [column.name for column in contracts["gold/customer_daily"].columns]
    eight = dt.datetime(2026, 3, 10, 8, tzinfo=dt.UTC)
    assert collected(frame, *columns) == [
        ("buyer", DAY, 0, 0, Decimal("4.25"), Decimal("0.00"), 1, 0, 0, 0, 0, None, None, [], []),
        ("c1", DAY, 0, 0, Decimal("0.00"), Decimal("0.00"), 0, 0, 1, 0, 0, eight, eight, [], []),
    ]
    assert collected(with_broken_rules(frame, contracts["gold/customer_daily"]), "_broken_rules") == [(None,), (None,)]


def test_categories_are_of_net_orders_and_sorted_by_name(days) -> None:
    orders = [
        ORDER | {"order_id": f"n{number}", "category": category, "amount_eur": amount}
        for number, (category, amount) in enumerate(
            [("Toys", "1.00"), ("toys", "2.00"), ("Art", "3.00"), ("Toys", "0.00")]
        )
    ]
    assert collected(days([*orders, CANCELLED, CANCELLED | {"order_id": "o4", "category": "Toys"}]), "categories") == [
        (
            [
                {"category": "Art", "orders": 1, "net_eur": Decimal("3.00")},
                {"category": "Toys", "orders": 2, "net_eur": Decimal("1.00")},
                {"category": "toys", "orders": 1, "net_eur": Decimal("2.00")},
            ],
        )
    ]  # fmt: skip


def test_a_session_that_crosses_midnight_counts_on_both_days_by_each_day_s_first_event(days) -> None:
    events = [
        event(1, "2026-03-10T23:59:59.999999", channel="email"),
        event(2, "2026-03-11T00:00:00", channel="referral"),
        event(3, "2026-03-11T00:00:00.000001", channel="direct"),
    ]
    assert collected(days(events=events), "activity_date", "sessions", "page_views", "channels") == [
        (DAY, 1, 1, [{"channel": "email", "sessions": 1}]),
        (dt.date(2026, 3, 11), 1, 2, [{"channel": "referral", "sessions": 1}]),
    ]


def test_anonymous_events_are_nobody_s_and_each_customer_of_a_session_has_a_first_event_of_its_own(days) -> None:
    events = [
        event(1, "2026-03-10T08:00:00", customer_id=None, channel="paid_search"),
        event(2, "2026-03-10T08:01:00", customer_id="c1", channel="email"),
        event(3, "2026-03-10T08:02:00", customer_id="c2", channel="referral"),
        event(4, "2026-03-10T08:03:00", customer_id="c2", channel="direct"),
    ]
    assert collected(days(events=events), "customer_id", "sessions", "page_views", "channels") == [
        ("c1", 1, 1, [{"channel": "email", "sessions": 1}]),
        ("c2", 1, 2, [{"channel": "referral", "sessions": 1}]),
    ]


def test_events_at_the_same_time_are_ordered_by_event_id_as_text(days) -> None:
    """The shorter of two identifiers that begin alike comes first, whatever the channel; so does 10 before 9."""
    tied = [
        event(1, "2026-03-10T08:00:00", session="s1", event_id="e1", channel="referral"),
        event(2, "2026-03-10T08:00:00", session="s1", event_id="e1 ", channel="direct"),
        event(3, "2026-03-10T08:00:00", session="s2", event_id="10", channel="email"),
        event(4, "2026-03-10T08:00:00", session="s2", event_id="9", channel="affiliate"),
        event(5, "2026-03-10T08:00:00.000001", session="s2", event_id="0", channel="direct"),
    ]
    expected = [{"channel": "email", "sessions": 1}, {"channel": "referral", "sessions": 1}]
    for order in list(permutations(tied))[::40]:
        assert collected(days(events=order), "channels") == [(expected,)]


def test_events_without_session_count_but_are_no_session(days) -> None:
    events = [
        event(1, "2026-03-10T08:00:00", "purchase", session=None, channel="email"),
        event(2, "2026-03-10T09:00:00", "page_view", session=""),
        event(3, "2026-03-10T10:00:00", "add_to_cart", session=None),
    ]
    assert collected(days(events=events), "sessions", "page_views", "add_to_carts", "purchases", "channels") == [
        (1, 1, 1, 1, [{"channel": "direct", "sessions": 1}])
    ]


def test_identifiers_are_compared_as_delivered(days) -> None:
    events = [
        event(number, "2026-03-10T08:00:00", customer_id=name) for number, name in enumerate(["0042", "42", "c1 "])
    ]
    orders = [ORDER | {"order_id": name, "customer_id": name} for name in ("0042", "C1")]
    assert collected(days(orders, events), "customer_id", "orders", "sessions") == [
        ("0042", 1, 1), ("42", 0, 1), ("C1", 1, 0), ("c1 ", 0, 1),
    ]  # fmt: skip


def test_the_largest_amounts_are_exact(days) -> None:
    largest = ORDER | {"amount_eur": "9999999999999999.98", "quantity": 2**31 - 1}
    orders = [largest, ORDER | {"order_id": "o2", "amount_eur": "0.01", "quantity": 2**31 - 1}]
    assert collected(days(orders), "gross_eur", "net_eur", "units") == [
        (Decimal("9999999999999999.99"), Decimal("9999999999999999.99"), 2 * (2**31 - 1))
    ]


def test_a_sum_beyond_the_type_breaks_a_rule_and_stops_nothing(days, contracts) -> None:
    orders = [ORDER | {"order_id": name, "amount_eur": "9999999999999999.99"} for name in ("o1", "o2")]
    judged = with_broken_rules(days([*orders, ORDER | {"customer_id": "c2"}]), contracts["gold/customer_daily"])
    [(_, broken, whole), other] = collected(judged, "customer_id", "_broken_rules", "_ok")
    assert ({"gross_eur_type", "net_eur_type"} <= set(broken), whole) == (True, False)
    assert other == ("c2", None, True)


def test_days_together_are_the_days_one_by_one_also_around_leap_day(days, contracts) -> None:
    dates = ["2028-02-28", "2028-02-29", "2028-03-01"]
    orders = [ORDER | {"order_id": day, "order_date": day} for day in dates]
    events = [event(number, f"{day}T23:30:00") for number, day in enumerate(dates)]
    columns = [column.name for column in contracts["gold/customer_daily"].columns]
    one_by_one = [
        row
        for order, one in zip(orders, events, strict=True)
        for row in collected(days([order], [one]), *columns)
    ]  # fmt: skip
    assert collected(days(orders, events), *columns) == sorted(one_by_one, key=repr)
    assert [row[1].isoformat() for row in one_by_one] == dates


def test_nothing_gives_nothing(days) -> None:
    assert collected(days(), "customer_id") == []


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"orders": 0, "first_event_ts": None, "last_event_ts": None}, "order_or_event"),
        ({"net_eur": "11.00"}, "net_at_most_gross"),
        ({"units": 0}, "units_of_orders"),
        ({"first_event_ts": "2026-03-10T09:00:00"}, "first_event_not_after_last"),
        ({"last_event_ts": "2026-03-11T00:00:00"}, "events_of_the_day"),
        ({"first_event_ts": None}, "counts_without_event"),
        ({"categories": []}, "categories_add_up"),
        ({"channels": [{"channel": "email", "sessions": 2}]}, "channels_add_up"),
    ],
)
def test_a_row_that_contradicts_itself_breaks_a_rule(rows_of: MakeFrame, contracts, wrong, rule) -> None:
    row = {
        "customer_id": "c1", "activity_date": "2026-03-10", "orders": 1, "units": 1, "gross_eur": "10.00",
        "net_eur": "10.00", "cancelled_orders": 0, "sessions": 1, "page_views": 1, "add_to_carts": 0, "purchases": 0,
        "first_event_ts": "2026-03-10T08:00:00", "last_event_ts": "2026-03-10T08:00:00",
        "categories": [{"category": "Toys", "orders": 1, "net_eur": Decimal("10.00")}],
        "channels": [{"channel": "email", "sessions": 1}],
    } | wrong  # fmt: skip
    frame = with_broken_rules(rows_of("gold/customer_daily", row), contracts["gold/customer_daily"])
    [(broken,)] = collected(frame, "_broken_rules")
    assert rule in broken
