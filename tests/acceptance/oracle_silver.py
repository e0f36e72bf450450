"""What arrives of delivered rows and what silver must hold of them, from the data model's definitions in plain Python.

Nothing here is the lakehouse's code, except that its engine is asked for the hash that decides between versions with one
key and sequence.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

from oracle_channel import channel, host, path, utm

Row = dict[str, Any]
Greatest = Callable[[str, list[Row]], Row]
"""Of different rows of a table with one key and sequence, the one with the greatest hash."""

STATUSES = {"PLACED", "PAID", "SHIPPED", "DELIVERED", "CANCELLED", "RETURNED"}
EVENT_NAMES = {"page_view", "search", "view_product", "add_to_cart", "checkout", "purchase", "signup"}
CURRENCIES = {"EUR", "GBP", "USD", "JPY", "ISK", "XOF", "CHF", "SEK"}
COUNTRIES = {"DE", "FR", "NA", "GB", "JP", "SE"}
"""The codes that the tests' data use, out of those that are valid."""
UNKNOWN = "Unknown"
CENT = Decimal("0.01")
DAY = dt.timedelta(days=1)
WEEK = 7 * DAY


class Unreadable(str):
    """A delivered text that can't be read into its column's type."""

    __slots__ = ()


@dataclass(frozen=True)
class Delivered:
    """What every source has, typed; columns have the names of bronze. A row without its cursor is of a file without that column."""

    orders: list[Row] = field(default_factory=list)
    customers: list[Row] = field(default_factory=list)
    products: list[Row] = field(default_factory=list)
    behavior: list[Row] = field(default_factory=list)
    accounts: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)
    opportunities: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    """Of Kafka."""
    rates: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """How a bronze table gets its rows."""

    table: str
    key: str
    cursor: str
    fallback: str | None = None
    """The date or time that stands in for a cursor that the file doesn't have; the lake's start where none is named."""
    open_to_past: bool = False
    windows: int = 1
    """In how many arrival windows a row arrives."""


ORDERS = Source("snowflake_orders", "order_id", "last_modified_ts", "order_date")
CUSTOMERS = Source("snowflake_customers", "customer_id", "last_modified_ts", "signup_date", open_to_past=True)
PRODUCTS = Source("snowflake_products", "product_id", "last_modified_ts", open_to_past=True)
BEHAVIOR = Source("redshift_customer_behavior", "event_id", "loaded_at", "event_ts")
ACCOUNTS = Source("crm_accounts", "account_id", "system_modstamp", open_to_past=True)
CONTACTS = Source("crm_contacts", "contact_id", "system_modstamp", open_to_past=True)
OPPORTUNITIES = Source("crm_opportunities", "opportunity_id", "system_modstamp", open_to_past=True)
MESSAGES = Source("kafka_order_events", "offset", "timestamp")
RATES = Source("fx_rates", "rate_date", "rate_date", windows=8)


@dataclass(frozen=True)
class Silver:
    """Silver of a lake that starts on a day, once all that arrives up to another one is loaded."""

    delivered: Delivered
    start: dt.date
    end: dt.date
    greatest: Greatest
    quarantined: Counter[tuple[str, dt.date, Any]] = field(default_factory=Counter)
    """How many delivered rows each table sets aside, by table, arrival window and source's key; filled as tables are asked for."""

    @cached_property
    def orders(self) -> list[Row]:
        histories = self._histories("silver/orders", ORDERS, self.delivered.orders, valid_order, lambda row: row)
        return [versions[-1] for versions in histories.values()]

    @cached_property
    def behavior(self) -> list[Row]:
        histories = self._histories("silver/behavior", BEHAVIOR, self.delivered.behavior, valid_event, event)
        return [versions[-1] for versions in histories.values()]

    @cached_property
    def order_events(self) -> list[Row]:
        source = Source(MESSAGES.table, "event_id", "ts")
        histories = self._histories(
            "silver/order_events", source, self.delivered.messages, valid_order_event, order_event, arrival=MESSAGES
        )
        return [versions[-1] for versions in histories.values()]

    @cached_property
    def customers(self) -> dict[str, list[Row]]:
        """Every customer's versions, deletions included, from the oldest on; so for the other tables with a history."""
        return self._with_validity(
            self._histories(
                "silver/customers", CUSTOMERS, self.delivered.customers, valid_customer, clean_contact_details
            )
        )

    @cached_property
    def products(self) -> dict[str, list[Row]]:
        return self._with_validity(
            self._histories("silver/products", PRODUCTS, self.delivered.products, valid_product, lambda row: row)
        )

    @cached_property
    def accounts(self) -> dict[str, list[Row]]:
        return self._with_validity(
            self._histories("silver/accounts", ACCOUNTS, self.delivered.accounts, anything, clean_account)
        )

    @cached_property
    def contacts(self) -> dict[str, list[Row]]:
        return self._with_validity(
            self._histories("silver/contacts", CONTACTS, self.delivered.contacts, anything, clean_contact_details)
        )

    @cached_property
    def opportunities(self) -> dict[str, list[Row]]:
        return self._with_validity(
            self._histories(
                "silver/opportunities", OPPORTUNITIES, self.delivered.opportunities, anything, without_null_deletion
            )
        )

    @cached_property
    def fx_rates(self) -> list[Row]:
        """What a unit of a currency is worth on the days with a rate; the sequence of one is its latest arrival window."""
        rates: dict[tuple[dt.date, str], list[Row]] = {}
        for window, row in self._arrived(RATES, self.delivered.rates):
            usable = row["base"] == "EUR" and row["quote"] != "EUR" and row["rate"] is not None and row["rate"] > 0
            if not usable:
                self.quarantined["silver/fx_rates", window, row["rate_date"]] += 1
                continue
            rate = {
                "rate_date": row["rate_date"],
                "currency": row["quote"],
                "rate": row["rate"],
                "eur_per_unit": half_up(1 / row["rate"], Decimal("1e-10")),
                "rate_month": f"{row['rate_date']:%Y-%m}",
            }
            found = rates.setdefault((row["rate_date"], row["quote"]), [])
            if rate not in found:
                found.append(rate)
        return [self._standing("silver/fx_rates", different) for different in rates.values()]

    def all_quarantined(self) -> Counter[tuple[str, dt.date, Any]]:
        for table in ("orders", "behavior", "order_events", "customers", "products", "accounts", "contacts", "opportunities", "fx_rates"):  # fmt: skip
            getattr(self, table)
        return self.quarantined

    def _arrived(self, source: Source, rows: Iterable[Row]) -> Iterator[tuple[dt.date, Row]]:
        """The rows that bronze publishes, each with every arrival window that has it."""
        for delivered in rows:
            row = delivered
            if source.cursor not in row:
                row = row | {source.cursor: as_time(row[source.fallback] if source.fallback else self.start)}
            cursor = row[source.cursor]
            timeless = cursor is None or isinstance(cursor, Unreadable)
            day = self.start if timeless else as_day(cursor)
            if source.open_to_past:
                day = max(day, self.start)
            for window in (day + later * DAY for later in range(1 if timeless else source.windows)):
                if not self.start <= window <= self.end:
                    continue
                if timeless or any(isinstance(value, Unreadable) for value in row.values()):
                    self.quarantined[f"bronze/{source.table}", window, row[source.key]] += 1
                else:
                    yield window, row

    def _histories(
        self,
        table: str,
        source: Source,
        delivered: list[Row],
        valid: Callable[[Row], bool],
        clean: Callable[[Row], Row],
        arrival: Source | None = None,
    ) -> dict[str, list[Row]]:
        """The valid versions of every key from the oldest on, one a sequence."""
        versions: dict[tuple[str, dt.datetime], list[Row]] = {}
        for window, row in self._arrived(arrival or source, delivered):
            version = clean(row)
            if version[source.key] is None or not valid(version):
                self.quarantined[table, window, row[(arrival or source).key]] += 1
                continue
            tied = versions.setdefault((version[source.key], version[source.cursor]), [])
            if version not in tied:
                tied.append(version)
        histories: dict[str, list[Row]] = {}
        for (key, _), tied in sorted(versions.items()):
            histories.setdefault(key, []).append(self._standing(table, tied))
        return histories

    def _standing(self, table: str, tied: list[Row]) -> Row:
        return tied[0] if len(tied) == 1 else self.greatest(table, tied)

    def _with_validity(self, histories: dict[str, list[Row]]) -> dict[str, list[Row]]:
        return {key: list(with_validity(versions)) for key, versions in histories.items()}


def with_validity(versions: list[Row]) -> Iterator[Row]:
    begins = [version.get("last_modified_ts") or version["system_modstamp"] for version in versions]
    for version, begin, end in zip(versions, begins, [*begins[1:], None], strict=True):
        yield version | {
            "valid_from": begin,
            "valid_to": end,
            "is_current": end is None,
            "valid_to_month": "current" if end is None else f"{end:%Y-%m}",
        }


def anything(_row: Row) -> bool:
    return True


def valid_order(row: Row) -> bool:
    return (
        all(value is not None for value in row.values())
        and row["amount"] >= 0
        and row["quantity"] > 0
        and row["status"] in STATUSES
        and row["currency"] in CURRENCIES
        and row["order_date"] <= row["last_modified_ts"].date()
    )


def valid_customer(row: Row) -> bool:
    return row["country"] is None or row["country"] in COUNTRIES


def valid_product(row: Row) -> bool:
    return row["unit_price"] is None or row["unit_price"] > 0


def valid_event(row: Row) -> bool:
    return (
        row["event_name"] in EVENT_NAMES
        and row["event_ts"] is not None
        and row["event_ts"] <= row["loaded_at"]
        and row["metadata"] is not None
    )


def valid_order_event(row: Row) -> bool:
    return row["event_type"] in STATUSES and row["ts"] is not None and row["metadata"] is not None


def event(row: Row) -> Row:
    page, referrer = row["url_1"], row["url_2"]
    return row | {
        "metadata": {} if row["metadata"] is None else texts_by_name(row["metadata"]),
        "page_host": host(page),
        "page_path": path(page),
        **{name: utm(page, name) for name in ("utm_source", "utm_medium", "utm_campaign")},
        "channel": channel(page, referrer),
        "event_date": row["event_ts"] and row["event_ts"].date(),
    }


def order_event(message: Row) -> Row:
    """What a message says; the metadata of one that says nothing are none."""
    said = json_value(message["value"])
    is_object = isinstance(said, dict)
    value = {name: as_text(one) for name, one in said.items() if name != "metadata"} if is_object else {}
    time = time_of(value.get("ts"))
    metadata = said.get("metadata") if is_object else None
    return {
        "event_id": value.get("event_id"),
        "order_id": message["key"] if value.get("order_id") is None else value["order_id"],
        "customer_id": value.get("customer_id"),
        "event_type": value.get("event_type"),
        "ts": time,
        "metadata": {} if is_object and metadata is None else texts_by_name(json.dumps(metadata)),
        "event_date": time and time.date(),
    }


def texts_by_name(text: str) -> Row | None:
    """A JSON object as a map of texts, none where the text is no JSON object."""
    found = json_value(text)
    if not isinstance(found, dict):
        return None
    return {name: as_text(value) for name, value in found.items()}


def as_text(value: Any) -> str | None:
    """A JSON value as text: what is no text as JSON prints it."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def json_value(text: str | None) -> Any:
    """None too where the text is no JSON."""
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def clean_contact_details(row: Row) -> Row:
    return without_null_deletion(row) | {"email": (row["email"] or "").strip(" ").lower() or None}


def clean_account(row: Row) -> Row:
    return without_null_deletion(row) | {"industry": (row["industry"] or "").strip(" ") or UNKNOWN}


def without_null_deletion(row: Row) -> Row:
    return row | {"is_deleted": bool(row["is_deleted"])}


def time_of(text: str | None) -> dt.datetime | None:
    """None too where the text is no time."""
    try:
        return None if text is None else dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except ValueError:
        return None


def as_time(value: dt.date | None) -> dt.datetime | None:
    """A date's midnight; a time as it is."""
    return value if value is None or isinstance(value, dt.datetime) else midnight(value)


def as_day(value: dt.date) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def half_up(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, ROUND_HALF_UP)
