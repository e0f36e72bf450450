"""The demo source: which generated table a bronze table is loaded from, and its extraction day by day.

Of the day that is still open, it delivers what has happened by now, so that new rows arrive while one looks.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.model import WINDOW, Contract
from resources.sources.demo.accounts import Accounts
from resources.sources.demo.behavior import Behavior
from resources.sources.demo.contacts import Contacts
from resources.sources.demo.customers import Customers
from resources.sources.demo.draws import Draws
from resources.sources.demo.opportunities import Opportunities
from resources.sources.demo.order_events import OrderEvents
from resources.sources.demo.orders import Orders
from resources.sources.demo.products import Products
from resources.sources.demo.rates import Rates
from resources.sources.interface import (
    SOURCE,
    Extraction,
    SourceError,
    Window,
    cursor_name,
    delivered_schema,
    source_table,
)
from resources.sources.read_types import read_types
from resources.sources.windows import day_number

Instants = npt.NDArray[np.int64]
"""Microseconds since 1970-01-01 UTC."""

_ROWS_PER_BATCH = 65_536
_OVER = "over"
"""Stands for everything that a closed day delivers."""
_EVER = np.iinfo(np.int64).min
"""When a row without a cursor was written: it is always there."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class DemoTable(Protocol):
    """A generated table. Days count from 1970-01-01; what is delivered on the lake's first day may be more."""

    def count(self, day: int, lake_start: int) -> int:
        """How many rows the window of a day delivers, by arithmetic on what is drawn, without the rows."""
        ...

    def rows_without_cursor(self, lake_start: int) -> int:
        """How many rows of the table have no readable cursor; the first window delivers them."""
        ...

    def batches(self, day: int, lake_start: int) -> Iterator[pa.RecordBatch]:
        """The rows that the window of a day delivers, under the source's column names, as text or typed."""
        ...


class DemoSource:
    """Generates all tables of one retailer."""

    name = "demo"

    def __init__(
        self, lake_start: dt.date, *, seed: int = 42, scale: float = 1.0, clock: Callable[[], dt.datetime] | None = None
    ) -> None:
        """Generates nothing yet.

        Args:
            lake_start: the lake's first day.
            seed: which of the possible retailers.
            scale: its size; 1 is about 1,000 orders a day.
            clock: what time it is, UTC; without one, every day is over.
        """
        self._lake_start = lake_start
        self._clock = clock or (lambda: dt.datetime.max.replace(tzinfo=dt.UTC))
        self._open_days: dict[tuple[str, dt.date], Instants] = {}
        draws = Draws(seed)
        customers = Customers(draws, scale)
        products = Products(draws, scale)
        orders = Orders(draws, scale, customers, products)
        accounts = Accounts(draws, scale)
        contacts = Contacts(draws, scale, customers, accounts)
        opportunities = Opportunities(draws, scale, accounts)
        order_events = OrderEvents(draws, orders)
        behavior = Behavior(draws, customers, products, orders)
        self._tables: Mapping[tuple[str, str], Callable[[Contract], DemoTable]] = {
            ("snowflake", "customers"): lambda _: customers,
            ("snowflake", "orders"): lambda _: orders,
            ("snowflake", "products"): lambda _: products,
            ("salesforce", "Account"): lambda _: accounts,
            ("salesforce", "Contact"): lambda _: contacts,
            ("salesforce", "Opportunity"): lambda _: opportunities,
            ("kafka", "orders_events"): lambda _: order_events,
            ("redshift", "customer_behavior"): lambda _: behavior,
            ("fx", "rates"): Rates,
        }

    def extract(self, contract: Contract, first: dt.date, last: dt.date) -> Extraction:
        """See `Source.extract`."""
        window = Window(first, last, self._lake_start)
        table, now = self._table(contract), self._clock()
        return Extraction(
            batches=self._batches(table, contract, window, now),
            rows_by_window=self._counts(contract, window, now),
            rows_without_cursor=table.rows_without_cursor(day_number(window.lake_start)),
            marks=self._marks(contract, window, now),
        )

    def marks(self, contract: Contract, first: dt.date, last: dt.date) -> Mapping[dt.date, frozenset[str]]:
        """See `Source.marks`: that a day is over, or the last thing that was written on the open one."""
        return self._marks(contract, Window(first, last, self._lake_start), self._clock())

    def count(self, contract: Contract, first: dt.date, last: dt.date) -> Mapping[dt.date, int]:
        """See `Source.count`."""
        return self._counts(contract, Window(first, last, self._lake_start), self._clock())

    def _table(self, contract: Contract) -> DemoTable:
        wanted = source_table(contract)
        if wanted not in self._tables:
            known = ", ".join("/".join(table) for table in self._tables)
            raise SourceError(
                f"{contract.table}: the demo source has no table {'/'.join(wanted)}, only {known}: choose another "
                f"source by LAKEHOUSE_{wanted[0].upper()}"
            )
        return self._tables[wanted](contract)

    def _counts(self, contract: Contract, window: Window, now: dt.datetime) -> Mapping[dt.date, int]:
        table, start = self._table(contract), day_number(window.lake_start)
        return {
            day: table.count(day_number(day), start) if day < now.date() else len(self._written(contract, day, now))
            for day in window.days
        }

    def _marks(self, contract: Contract, window: Window, now: dt.datetime) -> Mapping[dt.date, frozenset[str]]:
        return {
            day: frozenset((_OVER,))
            if day < now.date()
            else frozenset(map(str, self._written(contract, day, now)[-1:]))
            for day in window.days
        }

    def _batches(
        self, table: DemoTable, contract: Contract, window: Window, now: dt.datetime
    ) -> Iterator[pa.RecordBatch]:
        schema = delivered_schema(contract)
        for day in window.days:
            for delivered in table.batches(day_number(day), day_number(window.lake_start)):
                for start in range(0, delivered.num_rows, _ROWS_PER_BATCH):
                    part = _arrived(delivered.slice(start, _ROWS_PER_BATCH), day, contract)
                    if day >= now.date():
                        part = part.filter(pa.array(_instants(part, contract) <= _microseconds(now)))
                    yield part.select(schema.names).cast(schema)

    def _written(self, contract: Contract, day: dt.date, now: dt.datetime) -> Instants:
        """When each row that a window delivers by now was written, in order; drawn once a day, since one asks often."""
        key = contract.table, day
        written = self._open_days.get(key)
        if written is None:
            table, lake_start = self._table(contract), day_number(self._lake_start)
            drawn = [
                _instants(_arrived(rows, day, contract), contract)
                for rows in table.batches(day_number(day), lake_start)
            ]
            written = np.sort(np.concatenate([np.empty(0, np.int64), *drawn]))
            # Replaced as a whole: sensors of several tables may ask at the same time.
            self._open_days = {other: found for other, found in self._open_days.items() if other[1] == day} | {
                key: written
            }
        return written[: np.searchsorted(written, _microseconds(now), side="right")]


def _arrived(delivered: pa.RecordBatch, day: dt.date, contract: Contract) -> pa.RecordBatch:
    """Rows in their types, with their window and where they are from."""
    if SOURCE in delivered.schema.names:
        source = delivered.column(SOURCE)
        delivered = delivered.drop_columns([SOURCE])
    else:
        source = pa.repeat(pa.scalar("demo"), delivered.num_rows)
    window = pa.repeat(pa.scalar(day, pa.date32()), delivered.num_rows)
    return read_types(delivered, contract).append_column(WINDOW, window).append_column(SOURCE, source)


def _instants(rows: pa.RecordBatch, contract: Contract) -> Instants:
    """When each row was written."""
    moments = pc.cast(pc.cast(rows.column(cursor_name(contract)), pa.timestamp("us", "UTC")), pa.int64())
    instants: Instants = pc.fill_null(moments, _EVER).to_numpy(zero_copy_only=False)
    return instants


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)
