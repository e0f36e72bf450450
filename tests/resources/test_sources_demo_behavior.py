"""The generated visits to the shop: they read like visits, belong to the orders, and come as late and as broken as in production."""

import datetime as dt
import json
from collections import Counter, defaultdict
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest

from resources.sources.demo.source import DemoSource
from tests import demo_loads
from tests.acceptance.oracle_channel import channel
from tests.demo_loads import CONTRACTS, START, day

BEHAVIOR = CONTRACTS["bronze/redshift_customer_behavior"]
ORDERS = CONTRACTS["bronze/snowflake_orders"]
CUSTOMERS = CONTRACTS["bronze/snowflake_customers"]
EVENT_NAMES = {"page_view", "search", "view_product", "add_to_cart", "checkout", "purchase", "signup"}
DAYS = 10
SCALE = 0.5
Event = dict

load = partial(demo_loads.load, scale=SCALE)


def is_json_object(text: str | None) -> bool:
    try:
        return text is None or isinstance(json.loads(text), dict)
    except ValueError:
        return False


def is_broken(event: Event) -> bool:
    """Whether an event breaks one of the rules of the data model."""
    return (
        event["_unreadable"] is not None
        or None in (event["event_id"], event["event_name"], event["event_ts"], event["loaded_at"])
        or event["event_name"] not in EVENT_NAMES
        or not is_json_object(event["metadata"])
        or event["event_ts"] > event["loaded_at"]
    )


@pytest.fixture(scope="module")
def delivered() -> list[Event]:
    return load(BEHAVIOR, 0, DAYS - 1).to_pylist()


@pytest.fixture(scope="module")
def events(delivered: list[Event]) -> list[Event]:
    """Sound events, each once, in the order in which they happened."""
    by_id = {event["event_id"]: event for event in delivered if not is_broken(event)}
    return sorted(by_id.values(), key=lambda event: (event["event_ts"], event["event_id"]))


@pytest.fixture(scope="module")
def sessions(events: list[Event]) -> list[list[Event]]:
    by_id = defaultdict(list)
    for event in events:
        by_id[event["session_id"]].append(event)
    return list(by_id.values())


@pytest.fixture(scope="module")
def orders() -> dict[str, dict]:
    """The orders as they were placed."""
    rows = load(ORDERS, 0, DAYS - 1).to_pylist()
    return {row["order_id"]: row for row in rows if row["status"] == "PLACED" and row["_unreadable"] is None}


def product_of(event: Event) -> str | None:
    return json.loads(event["metadata"] or "{}").get("product_id")


def customers_of(session: list[Event]) -> set[str]:
    return {event["customer_id"] for event in session} - {None}


def channel_of(session: list[Event]) -> str:
    return channel(session[0]["url_1"], session[0]["url_2"])


def test_a_day_is_the_same_alone_and_within_a_range():
    together = load(BEHAVIOR, 0, 4, scale=0.2)
    alone = pa.concat_tables([load(BEHAVIOR, number, number, scale=0.2) for number in range(5)])
    assert together.equals(alone)


def test_days_after_the_first_do_not_depend_on_where_the_lake_starts():
    assert load(BEHAVIOR, 5, 6).equals(load(BEHAVIOR, 5, 6, start=day(-300)))


def test_another_seed_is_another_retailer():
    assert not load(BEHAVIOR, 1, 1).equals(load(BEHAVIOR, 1, 1, seed=43))


@pytest.mark.parametrize("scale", [0.001, 0.05, 0.3])
def test_the_source_counts_what_it_delivers_without_delivering_it(scale):
    source = DemoSource(START, scale=scale)
    extraction = source.extract(BEHAVIOR, day(0), day(1))
    windows = Counter(window for batch in extraction.batches for window in batch.column("_window").to_pylist())
    assert dict(extraction.rows_by_window) == dict(windows)
    assert source.count(BEHAVIOR, day(0), day(1)) == extraction.rows_by_window


def test_a_day_that_is_generated_in_parts_is_counted_and_complete(monkeypatch):
    at_once = {event["event_id"] for event in load(BEHAVIOR, 1, 1).to_pylist()}
    monkeypatch.setattr("resources.sources.demo.behavior._EVENTS_PER_PART", 170)
    in_parts = load(BEHAVIOR, 1, 1)
    assert DemoSource(START, scale=SCALE).count(BEHAVIOR, day(1), day(1)) == {day(1): in_parts.num_rows}
    # Other events are broken, and lose their identifier.
    assert len(at_once ^ {event["event_id"] for event in in_parts.to_pylist()}) < 0.002 * in_parts.num_rows


def test_rows_without_cursor_come_with_the_first_window_and_are_counted_by_every_load(delivered):
    assert DemoSource(START, scale=SCALE).extract(BEHAVIOR, day(9), day(9)).rows_without_cursor == 2
    without = [event for event in delivered if event["loaded_at"] is None]
    assert [event["_window"] for event in without] == [START, START]
    assert [event["_unreadable"] for event in without] == [None, ["loaded_at"]]


def test_scale_1_has_about_ten_thousand_events_a_day():
    assert 9_500 * 7 < sum(DemoSource(START).count(BEHAVIOR, day(1), day(7)).values()) < 10_500 * 7


def test_events_are_loaded_in_their_window_and_a_few_per_cent_late_by_up_to_three_days(delivered, events):
    assert all(event["loaded_at"].date() == event["_window"] for event in delivered if event["loaded_at"])
    delays = [event["loaded_at"] - event["event_ts"] for event in events]
    assert dt.timedelta(0) < min(delays)
    assert dt.timedelta(days=2, hours=12) < max(delays) <= dt.timedelta(days=3)
    late = sum(delay > dt.timedelta(hours=1) for delay in delays)
    assert 0.02 < late / len(delays) < 0.04
    days_late = Counter((event["loaded_at"].date() - event["event_ts"].date()).days for event in events)
    assert set(days_late) == {0, 1, 2, 3}


def test_about_one_event_in_a_hundred_is_delivered_twice(delivered):
    copies = Counter(tuple(map(repr, event.values())) for event in delivered)
    assert 0.008 < (len(delivered) - len(copies)) / len(delivered) < 0.012
    # Whatever else has the same identifier is broken, or would be a second truth.
    identifiers = Counter(event["event_id"] for event in delivered if not is_broken(event))
    assert len(identifiers) == len({repr(event) for event in delivered if not is_broken(event)})


@pytest.mark.parametrize("scale", [0.05, 1])
def test_broken_events_are_few_on_every_day_but_there_are_some(scale):
    broken, rows = Counter(), Counter()
    for event in load(BEHAVIOR, 0, 5, scale=scale).to_pylist():
        rows[event["_window"]] += 1
        broken[event["_window"]] += is_broken(event)
    assert 0.001 < broken.total() / rows.total() < 0.006
    assert max(broken[window] / rows[window] for window in rows) < 0.01


def test_events_are_broken_in_every_way_that_a_rule_names(delivered):
    for name in ("event_id", "event_name", "event_ts", "loaded_at"):
        assert any(event[name] is None and event["_unreadable"] is None for event in delivered), name
    for name in ("event_ts", "loaded_at"):
        assert any(event["_unreadable"] == [name] for event in delivered), name
    assert {event["event_name"] for event in delivered} - EVENT_NAMES == {None, "pageview"}
    no_json = {event["metadata"] for event in delivered if not is_json_object(event["metadata"])}
    assert no_json == {'{"product_id": "00', "undefined", '["0001", "0002"]'}
    assert any(
        event["event_ts"] > event["loaded_at"] for event in delivered if event["event_ts"] and event["loaded_at"]
    )


def test_each_purchase_has_its_order(events, orders):
    purchases = [event for event in events if event["event_name"] == "purchase" and event["event_ts"].date() >= START]
    found = 0
    for event in purchases:
        noted = json.loads(event["metadata"])
        assert urlsplit(event["url_1"]).path == f"/order/{noted['order_id']}"
        order = orders.get(noted["order_id"])
        if order is None or None in (order["customer_id"], order["product_id"]):
            continue
        found += 1
        assert (event["customer_id"], noted["product_id"]) == (order["customer_id"], order["product_id"])
        assert noted["quantity"] == order["quantity"] or order["quantity"] == 0
        assert dt.timedelta(0) < event["event_ts"] - order["last_modified_ts"] < dt.timedelta(seconds=2)
    # The others' orders are broken.
    assert found > 0.99 * len(purchases)
    assert len({json.loads(event["metadata"])["order_id"] for event in purchases}) == len(purchases)


def test_most_orders_have_a_purchase(events, orders):
    purchased = {json.loads(event["metadata"])["order_id"] for event in events if event["event_name"] == "purchase"}
    placed = [order for order, row in orders.items() if row["last_modified_ts"].date() <= day(DAYS - 4)]
    assert 0.8 < sum(order in purchased for order in placed) / len(placed) < 0.9


def test_no_event_happens_before_the_day_that_its_identifier_begins_with(events):
    # Its window would have passed already.
    epoch = dt.date(1970, 1, 1)
    assert all(dt.timedelta(days=int(event["event_id"][1:6])) <= event["event_ts"].date() - epoch for event in events)


def test_a_purchase_ends_a_session_that_led_to_it(sessions):
    led_to, bought = Counter(), 0
    for session in sessions:
        names = [event["event_name"] for event in session]
        if "purchase" not in names or not START < session[0]["event_ts"].date() <= day(DAYS - 4):
            continue
        assert names.index("purchase") == len(session) - 1
        bought += 1
        steps = [event["event_name"] for event in session if product_of(event) == product_of(session[-1])]
        led_to.update(step for step in ("view_product", "add_to_cart", "checkout") if step in steps)
        if {"view_product", "add_to_cart", "checkout"} <= set(steps):
            assert steps.index("view_product") < steps.index("add_to_cart") < steps.index("checkout")
    # A step that is missing is a broken event.
    assert bought > 2_000
    assert min(led_to.values()) > 0.98 * bought


def test_most_sessions_end_without_a_purchase(sessions):
    bought = sum(session[-1]["event_name"] == "purchase" for session in sessions)
    assert 0.2 < bought / len(sessions) < 0.4


def test_sessions_are_known_anonymous_or_become_known(sessions):
    kinds = Counter()
    for session in sessions:
        assert len(customers_of(session)) <= 1
        identified = [event["customer_id"] is not None for event in session]
        assert identified == sorted(identified)
        kinds[identified[0], identified[-1]] += 1
    assert kinds[True, True] > 0.4 * len(sessions)
    assert kinds[False, False] > 0.2 * len(sessions)
    assert kinds[False, True] > 0.05 * len(sessions)


def test_a_few_sessions_cross_midnight_and_a_few_are_long(sessions):
    crossing = sum(session[0]["event_ts"].date() < session[-1]["event_ts"].date() for session in sessions)
    lasting = [session[-1]["event_ts"] - session[0]["event_ts"] for session in sessions]
    assert 3 < crossing < 0.01 * len(sessions)
    assert 0.005 < sum(length > dt.timedelta(hours=1) for length in lasting) / len(sessions) < 0.05
    assert max(lasting) <= dt.timedelta(hours=3)


def test_a_visitor_keeps_device_and_place_during_a_session(sessions):
    assert all(len({(event["device"], event["geo"]) for event in session}) == 1 for session in sessions)
    assert {"mobile", "desktop", "tablet"} == {session[0]["device"] for session in sessions}
    assert {"DE", "NA", None} <= {session[0]["geo"] for session in sessions}


def test_events_come_mostly_from_the_customers_country(sessions):
    country = {row["customer_id"]: row["country"] for row in load(CUSTOMERS, 0, DAYS - 1).to_pylist()}
    known = [(session, customer) for session in sessions for customer in customers_of(session)]
    assert sum(customer in country for _, customer in known) > 0.97 * len(known)
    at_home = sum(country.get(customer) == session[0]["geo"] for session, customer in known)
    assert 0.9 < at_home / len(known) < 1


def test_only_the_first_page_of_a_session_tells_the_channel_and_each_other_leads_to_the_next(sessions):
    for session in sessions:
        for event, before in zip(session[1:], session, strict=False):
            assert "utm_" not in event["url_1"]
            assert channel(event["url_1"], event["url_2"]) == "direct"
            if int(event["event_id"][1:]) == int(before["event_id"][1:]) + 1:
                assert event["url_2"] == before["url_1"].split("?utm_")[0]


def test_every_channel_is_used_and_buyers_come_by_others_than_those_who_look_around(sessions):
    bought = Counter(channel_of(session) for session in sessions if session[-1]["event_name"] == "purchase")
    looked = Counter(channel_of(session) for session in sessions if session[-1]["event_name"] != "purchase")
    channels = {
        "paid_search", "paid_social", "email", "affiliate", "organic_social", "organic_search", "referral", "direct",
    }  # fmt: skip
    assert set(bought) == set(looked) == channels
    assert min(looked.values()) > 0.03 * looked.total()
    assert bought["email"] / bought.total() > 1.5 * looked["email"] / looked.total()
    assert looked["organic_social"] / looked.total() > 1.5 * bought["organic_social"] / bought.total()


def test_channels_are_written_in_the_ways_of_the_web(sessions):
    pages = {session[0]["url_1"] for session in sessions}
    parameters = [parse_qs(urlsplit(page).query) for page in pages]
    mediums = {value for given in parameters for value in given.get("utm_medium", [])}
    sources = {value for given in parameters for value in given.get("utm_source", [])}
    assert {"cpc", "CPC", "ppc", "paid", "email", "Email", "affiliate", "social", "banner"} <= mediums
    assert {"facebook", "facebook.com", "instagram.com", "TikTok", "newsletter"} <= sources
    assert {"spring sale", "look of the week", "Neuheiten für dich"} <= {
        value for given in parameters for value in given.get("utm_campaign", [])
    }
    assert any("utm_medium=%43pc" in page for page in pages)
    hosts = {urlsplit(session[0]["url_2"] or "").hostname for session in sessions}
    assert {None, "www.google.co.uk", "duckduckgo.com", "m.facebook.com", "t.co", "www.shop.example"} <= hosts


def test_many_buyers_have_come_by_other_channels_in_the_days_before(sessions):
    by_customer = defaultdict(list)
    for session in sessions:
        for customer in customers_of(session):
            by_customer[customer].append(session)
    earlier, several = Counter(), 0
    for session in sessions:
        if session[-1]["event_name"] != "purchase" or session[-1]["event_ts"].date() != day(7):
            continue
        before = [
            other
            for other in by_customer[session[-1]["customer_id"]]
            if other[0]["event_ts"] < session[0]["event_ts"] and other[0]["event_ts"].date() > day(0)
        ]
        earlier[len(before)] += 1
        several += len({channel_of(other) for other in (session, *before)}) > 1
    assert 0.2 < earlier[0] / earlier.total() < 0.6
    assert sum(earlier[sessions_before] for sessions_before in (1, 2, 3)) > 0.4 * earlier.total()
    assert several > 0.35 * earlier.total()


def test_customers_sign_up_once_on_the_page_and_do_not_come_as_customers_before(events):
    signed_up = defaultdict(list)
    first_seen = {}
    for event in events:
        if event["event_name"] == "signup":
            signed_up[event["customer_id"]].append(event["event_ts"])
        if event["customer_id"] is not None:
            first_seen.setdefault(event["customer_id"], event["event_ts"])
    assert all(len(times) == 1 and times[0] == first_seen[customer] for customer, times in signed_up.items())
    rows = load(CUSTOMERS, 1, DAYS - 4).to_pylist()
    new = {row["customer_id"]: row["signup_date"] for row in rows if row["signup_date"] and row["signup_date"] > START}
    new.pop(None, None)
    assert sum(customer in signed_up for customer in new) > 0.97 * len(new)
    assert all(signed_up[customer][0].date() - date <= dt.timedelta(days=1) for customer, date in new.items() if customer in signed_up)  # fmt: skip


def test_pages_read_like_those_of_a_shop(events):
    paths = defaultdict(set)
    for event in events:
        address = urlsplit(event["url_1"])
        assert (address.scheme, address.hostname) == ("https", "www.shop.example")
        paths[event["event_name"]].add(address.path)
        if event["event_name"] in ("view_product", "add_to_cart"):
            assert address.path == f"/products/{product_of(event)}"
        if event["event_name"] == "search":
            assert parse_qs(address.query)["q"] == [json.loads(event["metadata"])["query"]]
    assert {"/", "/sale", "/basket", "/login", "/c/sports", "/c/home-kitchen"} <= paths["page_view"]
    assert paths["checkout"] == {"/checkout"}
    assert paths["search"] == {"/search"}
    assert paths["signup"] == {"/signup"}


def test_metadata_is_missing_flat_or_nested(events):
    noted = [json.loads(event["metadata"]) for event in events if event["metadata"] is not None]
    assert 0.2 < 1 - len(noted) / len(events) < 0.5
    assert any(isinstance(value, dict) for values in noted for value in values.values())
    assert any(not value.isascii() for values in noted for value in values.values() if isinstance(value, str))


def test_the_generated_figures_are_those_of_every_machine_and_version():
    first = load(BEHAVIOR, 1, 1, scale=1).to_pylist()[0]
    assert (first["event_id"], first["customer_id"], first["event_ts"].isoformat(), first["metadata"]) == (
        "E205110000101",
        "C2009100038",
        "2026-02-27T11:00:44.466598+00:00",
        '{"order_id": "O20511000020", "product_id": "0118", "quantity": 1}',
    )
