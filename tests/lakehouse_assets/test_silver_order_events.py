"""silver/order_events on messages made by hand."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from asset_checks.rules import with_broken_rules
from contracts.model import Contract
from lakehouse_assets.silver.order_events import order_events
from tests.support import MakeFrame, Row, collected

BRONZE, SILVER = "bronze/kafka_order_events", "silver/order_events"


def message(offset: int, value: str | None, **more: Any) -> Row:
    return {
        "key": "O1", "value": value, "topic": "orders_events", "partition": 0, "offset": offset, "timestamp": "2026-03-11T00:00:00",
        "_window": "2026-03-11", **more,
    }  # fmt: skip


def event(**more: Any) -> str:
    """The value of a message that meets every rule."""
    said = {
        "event_id": "e1",
        "order_id": "O1",
        "customer_id": "C1",
        "event_type": "PAID",
        "ts": "2026-03-10T23:59:59.999999Z",
    }
    return json.dumps({**said, **more})


def test_a_value_is_taken_apart(rows_of: MakeFrame) -> None:
    value = event(metadata={"carrier": "DHL", "parcels": 2, "weight": [1.5]}, unknown=1)
    (row,) = order_events(rows_of(BRONZE, message(1, value))).drop("_raw").toArrow().to_pylist()
    assert row == {
        "event_id": "e1",
        "order_id": "O1",
        "customer_id": "C1",
        "event_type": "PAID",
        "ts": dt.datetime(2026, 3, 10, 23, 59, 59, 999_999, tzinfo=dt.UTC),
        "metadata": [("carrier", "DHL"), ("parcels", "2"), ("weight", "[1.5]")],
        "_window": dt.date(2026, 3, 11),
        "event_date": dt.date(2026, 3, 10),
    }


def test_the_order_is_the_values_else_the_keys(rows_of: MakeFrame) -> None:
    without = json.dumps({"event_id": "3", "event_type": "PAID"})
    values = [
        event(event_id="1", order_id="O2"),
        event(event_id="2", order_id=None),
        without,
        event(event_id="4", order_id=""),
    ]
    frame = order_events(rows_of(BRONZE, *(message(place, value) for place, value in enumerate(values))))
    assert collected(frame, "event_id", "order_id") == [("1", "O2"), ("2", "O1"), ("3", "O1"), ("4", "")]


def test_texts_stay_as_delivered_and_other_values_become_json(rows_of: MakeFrame) -> None:
    value = '{"event_id": 12345678901234567890, "order_id": " 0042", "customer_id": {"id": 1.0}, "event_type": "paid", "ts": 5}'
    frame = order_events(rows_of(BRONZE, message(1, value)))
    assert collected(frame, "event_id", "order_id", "customer_id", "event_type", "ts") == [
        ("12345678901234567890", " 0042", '{"id":1.0}', "paid", None)
    ]


def test_metadata_that_is_null_or_missing_is_empty(rows_of: MakeFrame) -> None:
    frame = order_events(
        rows_of(BRONZE, message(1, event()), message(2, event(metadata=None)), message(3, event(metadata={})))
    )
    assert collected(frame, "metadata") == [([],)] * 3


def test_each_rule_is_broken_by_its_own_name_and_the_message_is_kept(
    rows_of: MakeFrame, contracts: Mapping[str, Contract]
) -> None:
    unusable = ["event_id_required", "event_type_required", "ts_required", "metadata_json", "event_date_required"]
    broken = {
        None: unusable,
        "": unusable,
        "null": unusable,
        "[]": unusable,
        '"text"': unusable,
        event()[:-1]: unusable,
        event(event_id=None): ["event_id_required"],
        event(event_type="paid"): ["event_type_known"],
        event(event_type=None): ["event_type_required"],
        event(ts="2026-02-30T00:00:00Z"): ["ts_required", "event_date_required"],
        event(ts=None): ["ts_required", "event_date_required"],
        event(metadata=[1]): ["metadata_json"],
        event(metadata="text"): ["metadata_json"],
        event(metadata=1): ["metadata_json"],
    }
    rows = [message(offset, value) for offset, value in enumerate(broken)]
    audited = with_broken_rules(order_events(rows_of(BRONZE, *rows)), contracts[SILVER])
    found = [(json.loads(raw), rules) for raw, rules in collected(audited, "_raw", "_broken_rules")]
    assert {raw["offset"]: (raw.get("value"), sorted(rules)) for raw, rules in found} == {
        offset: (value, sorted(rules)) for offset, (value, rules) in enumerate(broken.items())
    }
    assert {name for raw, _ in found for name in raw} == {"key", "value", "topic", "partition", "offset", "timestamp"}


def test_every_message_is_a_change_of_its_window(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    frame = order_events(rows_of(BRONZE, message(1, event()), message(1, event()), message(2, event())))
    assert collected(frame, "event_id") == [("e1",)] * 3
    names = [column.name for column in contracts[SILVER].columns]
    assert sorted(frame.columns) == sorted([*names, "_raw", "_window"])
