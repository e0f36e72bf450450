"""The generated topic of order events: a message for every status that an order reaches, at the time it does.

A message is a status of an order. Most reach the broker within seconds, some days later, so that a day's messages are
found by looking at the orders of as many days as those take, and at the few that the broker can be behind.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.sources.demo.columns import DAY, SECOND, instants, joined, padded, words
from resources.sources.demo.draws import Draws, Integers
from resources.sources.demo.flaws import Flaw, TextRow, delivered_rows, flawed, puts
from resources.sources.demo.orders import LIFE_DAYS, NEVER, Orders, PlacedOrders, customer_ids, order_ids
from resources.sources.demo.vocabulary import ORDER_EVENT_METADATA, ORDER_STATUSES

_TOPIC = "orders_events"
_PARTITIONS = 6
_OFFSETS_PER_DAY = 1_000_000_000
_LATEST_DAYS = 3
"""Days that a message can come late."""
_MILLISECOND = SECOND // 1_000
_METADATA = [text for status in ORDER_STATUSES for text in ORDER_EVENT_METADATA[status]]
_METADATA_NUMBER = np.array([len(ORDER_EVENT_METADATA[status]) for status in ORDER_STATUSES], dtype=np.int64)
_FIRST_METADATA = np.cumsum(_METADATA_NUMBER) - _METADATA_NUMBER
_HEADERS = ('{"producer":"shop","schema":"order-event/2"}', '{"producer":"warehouse","schema":"order-event/2"}', None)
_HEADER_WEIGHTS = (60, 35, 5)


def _sends(name: str, value: object) -> Flaw:
    """The flaw of another value in a field of the message."""

    def sent(row: TextRow) -> TextRow:
        return {**row, "value": _compact({**json.loads(row["value"] or "{}"), name: value})}

    return sent


def _omits(name: str) -> Flaw:
    """The flaw of a field that the message lacks."""

    def omitted(row: TextRow) -> TextRow:
        message = json.loads(row["value"] or "{}")
        return {**row, "value": _compact({field: value for field, value in message.items() if field != name})}

    return omitted


def _cut_off(row: TextRow) -> TextRow:
    """The flaw of a message that ends too early to be JSON."""
    value = row["value"] or ""
    return {**row, "value": value[: len(value) // 2]}


def _compact(message: object) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


FLAWS = (
    puts("value", None),
    _cut_off,
    _sends("event_type", "TELEPORTED"),
    _omits("event_type"),
    _omits("event_id"),
    _sends("ts", "yesterday"),
    _omits("ts"),
    _sends("metadata", "web"),
)


@dataclass(frozen=True, slots=True)
class _Messages:
    """Messages about orders that were placed on one day."""

    placed: PlacedOrders
    orders: Integers
    statuses: Integers
    received: Integers
    """When the broker got them, in microseconds since 1970-01-01 UTC, to the millisecond."""


class OrderEvents:
    """The messages about the orders of a customer base."""

    def __init__(self, draws: Draws, orders: Orders) -> None:
        self._draws = draws
        self._orders = orders
        # Each day of a range looks at the same days before it.
        self._received = lru_cache(maxsize=LIFE_DAYS + _LATEST_DAYS)(self._received_of)

    def count(self, day: int, lake_start: int) -> int:  # noqa: ARG002 - every table answers for a start
        messages = sum(len(part.orders) for part in self._received_on(day))
        return delivered_rows(messages, self._draws, day)

    def rows_without_cursor(self, lake_start: int) -> int:  # noqa: ARG002 - every table answers for a start
        """None: a broker gives every message a timestamp."""
        return 0

    def batches(self, day: int, lake_start: int) -> Iterator[pa.RecordBatch]:  # noqa: ARG002 - every table answers for a start
        """The messages that the broker got on a day, in that order."""
        yield from flawed(self._rows(day, list(self._received_on(day))), FLAWS, self._draws, day)

    def _received_on(self, day: int) -> Iterator[_Messages]:
        """The messages of a day by the days on which their orders were placed."""
        for placed_on in range(day - LIFE_DAYS - _LATEST_DAYS + 1, day + 1):
            every = self._received(placed_on)
            kept = every.received // DAY == day
            yield _Messages(every.placed, every.orders[kept], every.statuses[kept], every.received[kept])

    def _received_of(self, placed_on: int) -> _Messages:
        """All messages about the orders of a day."""
        placed = self._orders.placed(placed_on)
        orders, statuses = np.nonzero(placed.times != NEVER)
        received = placed.times[orders, statuses] + self._delay(placed_on, orders, statuses)
        return _Messages(placed, orders, statuses, received - received % _MILLISECOND)

    def _delay(self, placed_on: int, orders: Integers, statuses: Integers) -> Integers:
        """From an event to the broker's receipt: milliseconds at least, days at most."""
        share = self._draws.share("event delay", placed_on, orders, statuses)
        is_late = self._draws.happens(0.03, "event late", placed_on, orders, statuses)
        usual = 50 * _MILLISECOND + 20 * SECOND * share**4
        late = 60 * SECOND + (_LATEST_DAYS * DAY - 60 * SECOND) * share**3
        return np.where(is_late, late, usual).astype(np.int64)

    def _rows(self, day: int, parts: list[_Messages]) -> pa.RecordBatch:
        draws = self._draws
        placed_on = np.repeat([part.placed.day for part in parts], [len(part.orders) for part in parts])
        orders = np.concatenate([part.orders for part in parts])
        statuses = np.concatenate([part.statuses for part in parts])
        received = np.concatenate([part.received for part in parts])
        customers = customer_ids([(part.placed, part.orders) for part in parts])
        times = np.concatenate([part.placed.times[part.orders, part.statuses] for part in parts])
        sequence = np.argsort(received, kind="stable")
        placed_on, orders, statuses = placed_on[sequence], orders[sequence], statuses[sequence]
        identity = (placed_on, orders, statuses)
        ids = order_ids(placed_on, orders)
        columns = {
            "key": ids,
            "value": self._values(identity, ids, customers.take(pa.array(sequence)), times[sequence]),
            "headers": words(draws.choice(_HEADER_WEIGHTS, "event headers", *identity), _HEADERS),
            "topic": pa.repeat(pa.scalar(_TOPIC), len(orders)),
            "partition": pa.array(draws.below(_PARTITIONS, "event partition", placed_on, orders).astype(np.int32)),
            "offset": pa.array(day * _OFFSETS_PER_DAY + np.arange(len(orders), dtype=np.int64)),
            "timestamp": instants(received[sequence]),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _values(
        self, identity: tuple[Integers, Integers, Integers], ids: pa.Array, customers: pa.Array, times: Integers
    ) -> pa.Array:
        """The messages' JSON; nothing in it needs escaping."""
        draws, statuses = self._draws, identity[2]
        has_order = pa.array(~draws.happens(0.01, "event without order", *identity))
        chosen = _FIRST_METADATA[statuses] + draws.below(_METADATA_NUMBER[statuses], "event metadata", *identity)
        has_metadata = draws.happens(0.95, "event has metadata", *identity)
        endings = [*(f'","metadata":{text}}}' for text in _METADATA), '"}']
        return joined(
            '{"event_id":"E',
            ids,
            padded(statuses, 1),
            pc.if_else(has_order, joined('","order_id":"', ids), pa.scalar("")),
            '","customer_id":"',
            customers,
            '","event_type":"',
            words(statuses, ORDER_STATUSES),
            '","ts":"',
            _iso(times),
            words(np.where(has_metadata, chosen, len(_METADATA)), endings),
        )


def _iso(microseconds: Integers) -> pa.Array:
    """Times in ISO 8601, UTC."""
    text = pc.cast(pa.array(microseconds).cast(pa.timestamp("us")), pa.string())
    return joined(pc.utf8_replace_slice(text, start=10, stop=11, replacement="T"), "Z")
