"""The generated topic of order events: what happened to the generated orders, as a broker delivers it."""

import datetime as dt
import json
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise

import pytest

from resources.sources.demo.vocabulary import ORDER_STATUSES
from tests.demo_loads import CONTRACTS, START, day, load, load_once

EVENTS, ORDERS = "bronze/kafka_order_events", "bronze/snowflake_orders"


@cache
def messages() -> list[dict]:
    return load_once(EVENTS, 0, 9, 1).to_pylist()


def parsed(value: str | None) -> dict:
    try:
        return json.loads(value or "{}")
    except json.JSONDecodeError:
        return {}


def read_time(text: object) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None


def broken_in(value: str | None) -> str | None:
    """In which way a message can't be read, None where it can."""
    if value is None:
        return "no value"
    message = parsed(value)
    if not message:
        return "no JSON"
    for name in ("event_id", "event_type", "ts"):
        if name not in message:
            return f"no {name}"
    if message["event_type"] not in ORDER_STATUSES:
        return "unknown event_type"
    if read_time(message["ts"]) is None:
        return "unreadable ts"
    return None if isinstance(message.get("metadata", {}), dict) else "metadata is no object"


@cache
def sound() -> list[tuple[dict, dict]]:
    """The messages that can be read, with their values."""
    return [(row, parsed(row["value"])) for row in messages() if broken_in(row["value"]) is None]


def test_scale_1_has_about_four_thousand_messages_a_day():
    numbers = Counter(row["_window"] for row in messages())
    assert len(numbers) == 10
    assert min(numbers.values()) > 3_400
    assert max(numbers.values()) < 4_600


def test_about_one_message_in_a_hundred_is_delivered_twice_and_the_others_have_offsets_of_their_own():
    rows = [tuple(row.values()) for row in load_once(EVENTS, 0, 9, 1).drop_columns(["_unreadable"]).to_pylist()]
    assert 0.007 < (len(rows) - len(set(rows))) / len(rows) < 0.013
    assert len({(row["topic"], row["partition"], row["offset"]) for row in messages()}) == len(set(rows))


def test_offsets_rise_with_the_brokers_time_in_every_partition():
    partitions = defaultdict(list)
    for row in messages():
        partitions[row["partition"]].append((row["offset"], row["timestamp"]))
    assert set(partitions) == set(range(6))
    for places in partitions.values():
        assert all(earlier[1] <= later[1] for earlier, later in pairwise(sorted(places)))


def test_an_orders_messages_are_in_one_partition():
    partitions = defaultdict(set)
    for row in messages():
        partitions[row["key"]].add(row["partition"])
    assert {len(numbers) for numbers in partitions.values()} == {1}


@pytest.mark.parametrize("scale", [0.05, 1])
def test_broken_messages_are_few_on_every_day_but_there_are_some(scale):
    broken, rows = Counter(), Counter()
    for row in load_once(EVENTS, 0, 9, scale).to_pylist():
        rows[row["_window"]] += 1
        broken[row["_window"]] += broken_in(row["value"]) is not None
    assert max(broken[window] / rows[window] for window in rows) < 0.01
    assert 0.001 < sum(broken.values()) / sum(rows.values()) < 0.005


def test_messages_are_broken_in_every_way_that_a_rule_names():
    ways = {broken_in(row["value"]) for row in messages()}
    assert ways == {
        None,
        "no value",
        "no JSON",
        "no event_id",
        "no event_type",
        "unknown event_type",
        "no ts",
        "unreadable ts",
        "metadata is no object",
    }


def test_most_messages_arrive_within_seconds_and_some_up_to_three_days_late():
    delays = [row["timestamp"] - read_time(message["ts"]) for row, message in sound()]
    assert min(delays) > dt.timedelta(0)
    assert max(delays) < dt.timedelta(days=3)
    late = sum(delay > dt.timedelta(minutes=1) for delay in delays) / len(delays)
    assert 0.02 < late < 0.04
    assert sum(delay > dt.timedelta(days=2) for delay in delays) > 20


def test_values_name_their_order_or_leave_it_to_the_key():
    named = [message["order_id"] for row, message in sound() if "order_id" in message]
    assert named == [row["key"] for row, message in sound() if "order_id" in message]
    assert 0.005 < 1 - len(named) / len(sound()) < 0.015
    assert 0.9 < sum("metadata" in message for _, message in sound()) / len(sound()) < 1
    assert all(isinstance(message["customer_id"], str) for _, message in sound())
    assert all(message["ts"].endswith("Z") and message["ts"][10] == "T" for _, message in sound())
    headers = [row["headers"] for row in messages()]
    assert None in headers
    assert all(isinstance(json.loads(text), dict) for text in headers if text)


def test_an_event_is_a_status_of_its_order_at_the_time_it_was_reached():
    columns = ["order_id", "status", "last_modified_ts", "customer_id"]
    versions = {
        tuple(row.values())
        for row in load_once(ORDERS, 0, 6, 1).select(columns).to_pylist()
        if None not in row.values() and row["status"] in ORDER_STATUSES
    }
    events = {
        (row["key"], message["event_type"], read_time(message["ts"]), message["customer_id"])
        for row, message in sound()
    }
    due = {event for event in events if START <= event[2].date() <= day(6)}
    assert len(due & versions) > 0.99 * len(versions)
    assert len(due & versions) > 0.99 * len(due)


def test_events_have_identifiers_of_their_own_and_follow_the_order_of_statuses():
    events = {message["event_id"]: (row["key"], message) for row, message in sound()}
    steps = defaultdict(dict)
    for key, message in events.values():
        steps[key][message["event_type"]] = read_time(message["ts"])
    assert sum(len(times) for times in steps.values()) == len(events)
    for times in steps.values():
        for path in (("PLACED", "PAID", "SHIPPED", "DELIVERED", "RETURNED"), ("PLACED", "PAID", "CANCELLED")):
            taken = [times[status] for status in path if status in times]
            assert taken == sorted(taken)


def test_nothing_from_before_the_start_arrives_with_the_first_window():
    first = load(CONTRACTS[EVENTS], 0, 0)
    assert {moment.date() for moment in first.column("timestamp").to_pylist()} == {START}
