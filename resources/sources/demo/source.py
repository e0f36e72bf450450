"""The demo source: which generated table a bronze table is loaded from, and its extraction day by day."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import pyarrow as pa

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
from resources.sources.interface import SOURCE, Extraction, SourceError, Window, delivered_schema, source_table
from resources.sources.read_types import read_types
from resources.sources.windows import day_number

_ROWS_PER_BATCH = 65_536


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

    def __init__(self, lake_start: dt.date, *, seed: int = 42, scale: float = 1.0) -> None:
        self._lake_start = lake_start
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
        table = self._table(contract)
        return Extraction(
            batches=self._batches(table, contract, window),
            rows_by_window=self._counts(table, window),
            rows_without_cursor=table.rows_without_cursor(day_number(window.lake_start)),
        )

    def count(self, contract: Contract, first: dt.date, last: dt.date) -> Mapping[dt.date, int]:
        """See `Source.count`."""
        return self._counts(self._table(contract), Window(first, last, self._lake_start))

    def _table(self, contract: Contract) -> DemoTable:
        wanted = source_table(contract)
        if wanted not in self._tables:
            known = ", ".join("/".join(table) for table in self._tables)
            raise SourceError(
                f"{contract.table}: the demo source has no table {'/'.join(wanted)}, only {known}: choose another "
                f"source by LAKEHOUSE_{wanted[0].upper()}"
            )
        return self._tables[wanted](contract)

    def _counts(self, table: DemoTable, window: Window) -> Mapping[dt.date, int]:
        start = day_number(window.lake_start)
        return {day: table.count(day_number(day), start) for day in window.days}

    def _batches(self, table: DemoTable, contract: Contract, window: Window) -> Iterator[pa.RecordBatch]:
        schema = delivered_schema(contract)
        for day in window.days:
            for delivered in table.batches(day_number(day), day_number(window.lake_start)):
                for start in range(0, delivered.num_rows, _ROWS_PER_BATCH):
                    part = delivered.slice(start, _ROWS_PER_BATCH)
                    yield _arrived(part, day, contract).select(schema.names).cast(schema)


def _arrived(delivered: pa.RecordBatch, day: dt.date, contract: Contract) -> pa.RecordBatch:
    """Rows in their types, with their window and where they are from."""
    if SOURCE in delivered.schema.names:
        source = delivered.column(SOURCE)
        delivered = delivered.drop_columns([SOURCE])
    else:
        source = pa.repeat(pa.scalar("demo"), delivered.num_rows)
    window = pa.repeat(pa.scalar(day, pa.date32()), delivered.num_rows)
    return read_types(delivered, contract).append_column(WINDOW, window).append_column(SOURCE, source)
