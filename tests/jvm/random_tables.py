"""Random small tables that meet what their contracts promise a reader: keys are unique, required columns are filled, history has no gaps."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa

from contracts.model import CURRENT, IS_CURRENT, VALID_FROM, VALID_TO, VALID_TO_MONTH, Column, Contract

DAYS = [dt.date(2024, 2, 29), dt.date(2026, 3, 29), dt.date(2026, 10, 25)]
"""A leap day, and the days on which Europe's clocks change."""
_ROWS = 40
_TIMES = (
    dt.time(),
    dt.time(0, 59, 59, 999999),
    dt.time(1),
    dt.time(1, 30),
    dt.time(12, 0, 0, 123456),
    dt.time(23, 59, 59, 999999),
)
_TEXTS = (
    "", " ", "a", "A", "Ünïcødé 🎉", "it's \"quoted\"", "back\\slash", "line\nbreak", "%41", "null", "0", "EUR", "USD", "DE", "PAID",
    "order_placed", "purchase", "google", "cpc", "x@mail.example",
)  # fmt: skip
_PAGES = (
    "https://www.shop.example/products/1?utm_source=google&utm_medium=cpc",
    "https://www.shop.example/?utm_source=%C3%BC%20x&utm_campaign=",
    "http://other.example:8080/a%2Fb#part",
    "no url",
    "//",
)
_OBJECTS = ('{"product_id":"1","quantity":2}', '{"a":{"b":[1,null]},"ü":"🎉"}', "{}", "[]", "{broken", "null", "")
_INSTANTS = (
    "2026-03-29T01:30:00+01:00",
    "2026-10-25T02:30:00.123456Z",
    "2024-02-29T23:59:59Z",
    "2026-02-29T00:00:00Z",
    "never",
)
_POOLS = {"url_1": _PAGES, "url_2": _PAGES, "value": _OBJECTS, "metadata": _OBJECTS}


_QUOTIENTS = frozenset({"rate", "eur_per_unit"})
"""Columns that are divided by: as doubles, of which engines spell 15 digits alike. No currency needs more."""


def random_table(contract: Contract, random: Random) -> pa.Table:
    """Rows of a contract's table."""
    drawn = [{column.name: _value(column, contract, random) for column in contract.columns} for _ in range(_ROWS)]
    rows = list({tuple(str(row[name]) for name in contract.key): row for row in drawn}.values())
    if contract.history == "scd2":
        rows = _with_history(rows, contract)
    schema = pa.schema(field.with_nullable(True) for field in contract.arrow_schema)
    return pa.Table.from_pylist(rows, schema=schema)


def _with_history(rows: Sequence[dict[str, Any]], contract: Contract) -> list[dict[str, Any]]:
    """Makes rows the only versions of their keys, some of them closed."""
    versions = {}
    for number, row in enumerate(rows):
        start = dt.datetime.combine(DAYS[number % len(DAYS)], _TIMES[number % len(_TIMES)], dt.UTC)
        end = start + dt.timedelta(days=40) if number % 4 == 0 else None
        row |= {
            VALID_FROM: start,
            VALID_TO: end,
            IS_CURRENT: end is None,
            VALID_TO_MONTH: CURRENT if end is None else f"{end:%Y-%m}",
        }
        versions[tuple(row[name] for name in contract.key if name != VALID_FROM)] = row
    return list(versions.values())


def _value(column: Column, contract: Contract, random: Random) -> Any:
    required = column.required or column.name in contract.key
    if not required and random.random() < 0.2:
        return None
    return _of_type(contract.arrow_schema.field(column.name).type, column.name, random)


def _of_type(kind: pa.DataType, name: str, random: Random) -> Any:
    if pa.types.is_struct(kind):
        return {field.name: _of_type(field.type, field.name, random) for field in kind}
    if pa.types.is_list(kind):
        return [_of_type(kind.value_type, name, random) for _ in range(random.randint(0, 2))]
    if pa.types.is_map(kind):
        return {key: random.choice(_TEXTS) for key in random.sample(("a", "b", "ü"), random.randint(0, 3))}
    if pa.types.is_decimal(kind):
        return _decimal(kind.precision, kind.scale, name, random)
    day = random.choice(DAYS) + dt.timedelta(days=random.choice((0, 0, 0, -1, -30, 1)))
    if pa.types.is_timestamp(kind):
        return dt.datetime.combine(day, random.choice(_TIMES), dt.UTC)
    plain: dict[pa.DataType, Any] = {
        pa.date32(): day,
        pa.bool_(): random.random() < 0.5,
        pa.float64(): random.choice((0.0, 0.25, 1.0, 1 / 3, 1e6)),
        pa.int32(): random.choice((0, 1, 3, 1000, 2**31 - 1)),
        pa.int64(): random.choice((0, 1, 3, 1000, 2**40)),
        pa.string(): _text(name, day, random),
    }
    return plain[kind]


def _decimal(precision: int, scale: int, name: str, random: Random) -> Decimal:
    if name in _QUOTIENTS:
        return Decimal(random.randint(1, 10**9)).scaleb(-6)
    # Sums of all rows must still fit.
    largest = 10 ** (precision - 4) - 1
    return Decimal(random.choice((0, 1, -1, 5, 105, random.randint(-largest, largest), largest))).scaleb(-scale)


def _text(name: str, day: dt.date, random: Random) -> str:
    if name.endswith("_id"):
        return f"{name[0]}{random.randint(1, 12)}"
    if name.endswith("ts"):
        return random.choice(_INSTANTS)
    if name.endswith("month"):
        return f"{day:%Y-%m}"
    return str(day) if name == "_window" else random.choice(_POOLS.get(name, _TEXTS))
