"""A retailer's own data, made up from a seed: what happens in practice, often enough for every rule to matter."""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lake_support import ORDER_COLUMNS, OwnLake, Row, write_rows
from oracle_silver import Delivered

START = dt.date(2026, 1, 1)
END = dt.date(2026, 2, 28)
CUSTOMER_COLUMNS = (
    "customer_id", "first_name", "last_name", "email", "phone", "country", "city", "signup_date", "is_deleted", "last_modified_ts",
)  # fmt: skip
PRODUCT_COLUMNS = ("product_id", "name", "category", "brand", "unit_price", "currency", "is_active", "last_modified_ts")
RATE_COLUMNS = ("rate_date", "base", "quote", "rate")
FORMATS = ("csv", "jsonl", "csv.gz", "json", "jsonl.gz")

_NAMES = ('"Mo" O\'Brien', "Łukasz", "Ana, Maria", "émile", "Li\nWei", "NULL", None)
_EMAILS = (" Shop{0}@Example.com", "user{0}@example.org", "USER{0}@EXAMPLE.ORG ", "  ", None)
_PHONES = ("+49 (0)30 1234-5{0}", "555 0{0}", None)
_CITIES = ("Berlin", "Saint-Denis, La Réunion", "Windhoek", None)
_COUNTRIES = ("DE", "FR", "NA", "GB", "JP", None)
_CATEGORIES = ("Books", "Toys", "Food", None)
_BRANDS = ("Acme", 'Say "Yes"', None)
_CURRENCIES = ("EUR", "EUR", "EUR", "GBP", "GBP", "USD", "JPY", "ISK")
_AWKWARD_RATE = Decimal("1.0940")
"""1 / 1.0940 goes on with 497 after its tenth decimal place: whoever rounds it there twice, first to 12 places, rounds it up."""


@dataclass(frozen=True)
class OwnData:
    """Delivered rows, in any order, and files that have them."""

    delivered: Delivered

    def write_into(self, lake: OwnLake, seed: int, *, backwards: bool = False) -> None:
        """Spreads the rows over files in mixed formats; backwards, the same rows come in the opposite order and in other formats."""
        draw = random.Random(seed)
        for table, columns, rows, files in (
            ("snowflake/orders", ORDER_COLUMNS, self.delivered.orders, 12),
            ("snowflake/customers", CUSTOMER_COLUMNS, self.delivered.customers, 5),
            ("snowflake/products", PRODUCT_COLUMNS, self.delivered.products, 3),
            ("fx/rates", RATE_COLUMNS, self.delivered.rates, 2),
        ):
            place = lake.files(table)
            undated = [row for row in rows if "last_modified_ts" not in row and "last_modified_ts" in columns]
            if undated:
                without_cursor = [name for name in columns if name != "last_modified_ts"]
                write_rows(place / ("zz_base.jsonl" if backwards else "base.csv"), without_cursor, undated)
            dated = [row for row in rows if row not in undated]
            draw.shuffle(dated)
            parts = [dated[number::files] for number in range(files)]
            for number, part in enumerate(parts):
                name = f"{files - number:02}" if backwards else f"{number:02}"
                format_ = "csv" if table == "fx/rates" else FORMATS[(number + backwards) % len(FORMATS)]
                write_rows(place / f"{name}.{format_}", columns, part[::-1] if backwards else part)


def own_data(seed: int) -> OwnData:
    draw = random.Random(seed)
    orders, customers, products, rates = _orders(draw), _customers(draw), _products(draw), _rates(draw)
    return OwnData(
        Delivered(orders=list(orders), customers=list(customers), products=list(products), rates=list(rates))
    )


def _moment(draw: random.Random, day: dt.date) -> dt.datetime:
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    if draw.random() < 0.2:
        # Midnight itself, and the last microsecond of a day, are where a window or a validity ends.
        return midnight + draw.choice((dt.timedelta(), dt.timedelta(days=1, microseconds=-1)))
    return midnight + dt.timedelta(microseconds=draw.randrange(86_400 * 10**6))


def _day(draw: random.Random, first: dt.date, last: dt.date) -> dt.date:
    return first + dt.timedelta(days=draw.randrange((last - first).days + 1))


def _orders(draw: random.Random) -> Iterator[Row]:
    for number in range(360):
        day = _day(draw, START - dt.timedelta(days=5), END)
        row = {
            "order_id": f"{number:04}",
            "customer_id": f"C{draw.randrange(64)}",
            "order_date": day,
            "product_id": f"P{draw.randrange(22)}",
            "quantity": draw.randint(1, 9),
            "amount": Decimal(draw.randint(0, 40_000)) / 100,
            "currency": "XOF" if number % 60 == 7 else draw.choice(_CURRENCIES),
            "status": "PLACED",
            "last_modified_ts": _moment(draw, day),
        }
        yield row
        for version in _later_versions(draw, row):
            yield version
            if draw.random() < 0.05:
                yield version
        if number % 40 == 3:
            yield row | {"last_modified_ts": _later(draw, row, 3)} | _broken(number // 40)


def _later_versions(draw: random.Random, first: Row) -> Iterator[Row]:
    row = first
    for status in ("PAID", "SHIPPED", "DELIVERED", "RETURNED")[: draw.randrange(5)]:
        row = row | {"status": status, "last_modified_ts": _later(draw, row, 4)}
        yield row
    if draw.random() < 0.12:
        row = row | {"status": "CANCELLED", "last_modified_ts": _later(draw, row, 2)}
        yield row
    if draw.random() < 0.2:
        modified = _later(draw, row, 12)
        moved = first["order_date"] + dt.timedelta(days=draw.randint(-10, 10))
        yield row | {"order_date": min(moved, modified.date()), "last_modified_ts": modified}
    if draw.random() < 0.1:
        modified = _later(draw, row, 25)
        yield row | {"amount": row["amount"] + Decimal("0.01"), "quantity": 10, "last_modified_ts": modified}
        # Two lines of one order under one identifier and time.
        yield row | {"amount": row["amount"] + Decimal("5.00"), "last_modified_ts": modified}


def _later(draw: random.Random, row: Row, days: int) -> dt.datetime:
    modified: dt.datetime = row["last_modified_ts"]
    return modified + dt.timedelta(microseconds=draw.randrange(1, days * 86_400 * 10**6))


def _broken(number: int) -> dict[str, Any]:
    """A version that breaks a rule, so that the one before it stands."""
    kinds: tuple[dict[str, Any], ...] = (
        {"amount": Decimal("-0.01")},
        {"quantity": 0},
        {"status": "LOST"},
        {"currency": "ZZZ"},
        {"customer_id": None},
        {"order_date": END + dt.timedelta(days=300)},
        {"amount": None},
        {"currency": "eur"},
    )
    return kinds[number % len(kinds)]


def _customers(draw: random.Random) -> Iterator[Row]:
    for number in range(60):
        signup = _day(draw, START - dt.timedelta(days=90), END - dt.timedelta(days=10))
        row = {
            "customer_id": f"C{number}",
            "first_name": draw.choice(_NAMES),
            "last_name": draw.choice(_NAMES),
            "email": text(draw.choice(_EMAILS), number),
            "phone": text(draw.choice(_PHONES), number),
            "country": draw.choice(_COUNTRIES),
            "city": draw.choice(_CITIES),
            "signup_date": signup if number % 20 else None,
            "is_deleted": draw.choice((False, None)),
            "last_modified_ts": _moment(draw, signup),
        }
        yield without_time_of_change(row) if number % 3 == 0 else row
        for change in range(draw.randrange(4)):
            row = row | {
                "country": draw.choice(_COUNTRIES),
                "email": text(draw.choice(_EMAILS), number + 100),
                "is_deleted": draw.random() < 0.4,
                "last_modified_ts": _moment(draw, _day(draw, signup + dt.timedelta(days=1), END)),
            }
            yield row
            if number % 10 == 4 and change == 0:
                yield row | {"country": "JP", "city": "Kobe", "is_deleted": False}
        if number % 15 == 8:
            yield row | {"country": "XX", "last_modified_ts": _moment(draw, END)}


def _products(draw: random.Random) -> Iterator[Row]:
    for number in range(20):
        row = {
            "product_id": f"P{number}",
            "name": draw.choice(_NAMES),
            "category": draw.choice(_CATEGORIES),
            "brand": draw.choice(_BRANDS),
            "unit_price": draw.choice((Decimal(draw.randint(1, 9_999)) / 100, None)),
            "currency": draw.choice((*_CURRENCIES, "XOF", None)),
            "is_active": draw.choice((True, False, None)),
        }
        yield row
        for _ in range(draw.randrange(4)):
            row = row | {
                "unit_price": Decimal(draw.randint(-300, 9_999)) / 100,
                "category": draw.choice(_CATEGORIES),
                "is_active": draw.random() < 0.5,
                "last_modified_ts": _moment(draw, _day(draw, START + dt.timedelta(days=1), END)),
            }
            yield row


def _rates(draw: random.Random) -> Iterator[Row]:
    """Rates of working days; ISK ends after three weeks, JPY has a gap of two, and XOF has none."""
    for number in range(-14, (END - START).days + 1):
        day = START + dt.timedelta(days=number)
        if day.weekday() >= 5:
            continue
        rates = {
            "GBP": Decimal("0.8") if number % 10 == 5 else Decimal(draw.randint(80_000, 90_000)) / 10**5,
            "USD": _AWKWARD_RATE if number % 9 == 0 else Decimal(draw.randint(10_000, 12_500)) / 10**4,
        }
        if not 18 <= number < 32:
            rates["JPY"] = Decimal(draw.randint(15_000, 19_000)) / 100
        if number < 20:
            rates["ISK"] = Decimal(draw.randint(14_000, 15_000)) / 100
        for quote, rate in rates.items():
            yield {"rate_date": day, "base": "EUR", "quote": quote, "rate": rate}
    for day, base, quote, unusable in (
        (START + dt.timedelta(days=20), "EUR", "JPY", None),
        (START + dt.timedelta(days=25), "EUR", "ISK", Decimal(0)),
        (END, "EUR", "EUR", Decimal(1)),
        (END, "USD", "XOF", Decimal(560)),
    ):
        yield {"rate_date": day, "base": base, "quote": quote, "rate": unusable}


def without_time_of_change(row: Row) -> Row:
    """The row as a file has it that doesn't have the column."""
    return {name: value for name, value in row.items() if name != "last_modified_ts"}


def text(pattern: str | None, number: int) -> str | None:
    return None if pattern is None else pattern.format(number)
