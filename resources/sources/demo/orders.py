"""The generated orders: placed on a day, then paid, shipped, delivered, cancelled or returned over the following days.

An order is the day on which it was placed and a number on that day. Each change of status is a new version of its row.
All of it happens within `LIFE_DAYS`, so a day's versions are found by looking at that many days before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from resources.sources.demo.columns import DAY, HOUR, dates, instants, joined, money, padded, words
from resources.sources.demo.customers import Customers, Visits, together
from resources.sources.demo.draws import Draws, Flags, Integers
from resources.sources.demo.flaws import altered, delivered_rows, flawed, moves, puts
from resources.sources.demo.products import Products
from resources.sources.demo.vocabulary import COUNTRIES, ORDER_STATUSES, PRICE_LEVELS, WHOLE_UNITS
from resources.sources.windows import date_of

LIFE_DAYS = 30
"""Days, that of placing included, in which all versions of an order are written."""
NEVER = np.iinfo(np.int64).max
PLACED, PAID, SHIPPED, DELIVERED, CANCELLED, RETURNED = range(len(ORDER_STATUSES))

_CANCELLED_UNPAID, _CANCELLED_PAID, _DELIVERED_FOR_GOOD, _SENT_BACK = range(4)
_END_WEIGHTS = (3.0, 3.0, 89.0, 5.0)
_WEEKDAYS = (0.97, 0.93, 0.92, 0.95, 1.08, 1.20, 0.95)
"""How much of the usual is ordered from Monday to Sunday."""
_CURRENCIES = tuple(PRICE_LEVELS)
_LEVELS = np.array(tuple(PRICE_LEVELS.values()))
_CURRENCY_OF_COUNTRY = np.array([_CURRENCIES.index(country.currency) for country in COUNTRIES])
_IS_WHOLE = np.isin(_CURRENCIES, WHOLE_UNITS)
_ROWS_PER_LOST_CURSOR = 300

FLAWS = (
    *(puts(column, None) for column in ("order_id", "customer_id", "order_date", "product_id")),
    *(puts(column, None) for column in ("quantity", "amount", "currency", "status")),
    puts("amount", "-19.99"),
    puts("amount", "12.345"),
    puts("amount", "n/a"),
    puts("quantity", "0"),
    puts("currency", "ZZZ"),
    puts("status", "UNKNOWN"),
    puts("order_date", "2026-02-30"),
    moves("order_date", "last_modified_ts", 2),
)
_LOST_CURSORS = (puts("last_modified_ts", None), puts("last_modified_ts", "2026-02-30T08:00:00Z"))


@dataclass(frozen=True, slots=True)
class PlacedOrders:
    """All orders placed on a day, in the order of their numbers."""

    day: int
    times: Integers
    """Orders x statuses: when each status was reached, in microseconds since 1970-01-01 UTC; `NEVER` where it wasn't."""
    customers: Visits
    known_customer: Flags
    products: Integers
    known_product: Flags
    quantities: Integers
    cents: Integers
    """What one unit costs, in hundredths of the currency."""
    currencies: Integers
    corrected_days: Integers
    """By how many days the order date turns out to have been earlier; corrected with the payment."""
    corrected_quantity: Integers
    """By how many units more; corrected with the payment."""

    def ids(self) -> pa.Array:
        return order_ids(np.full(len(self.products), self.day), np.arange(len(self.products)))


@dataclass(frozen=True, slots=True)
class _Versions:
    """Versions of orders of one day, as positions in it."""

    placed: PlacedOrders
    orders: Integers
    statuses: Integers


class Orders:
    """The orders of a customer base."""

    def __init__(self, draws: Draws, scale: float, customers: Customers, products: Products) -> None:
        self._draws = draws
        self._scale = scale
        self._customers = customers
        self._products = products
        # Each day of a range looks at the same days before it; what reports on orders, at a few more.
        self.placed = lru_cache(maxsize=LIFE_DAYS + 5)(self._place)

    def count(self, day: int, lake_start: int) -> int:
        own = delivered_rows(self._versions_written(day), self._draws, day)
        return own + (self.rows_without_cursor(lake_start) if day == lake_start else 0)

    def rows_without_cursor(self, lake_start: int) -> int:
        return min(len(_LOST_CURSORS), self._versions_written(lake_start) // _ROWS_PER_LOST_CURSOR)

    def batches(self, day: int, lake_start: int) -> Iterator[pa.RecordBatch]:
        """The versions written on a day."""
        rows = self._rows(list(self._written_on(day)))
        if day == lake_start and (lost := self.rows_without_cursor(lake_start)):
            yield altered(rows.slice(0, lost), _LOST_CURSORS[:lost])
        yield from flawed(rows, FLAWS, self._draws, day)

    def _versions_written(self, day: int) -> int:
        return sum(int(_within(self.placed(placed).times, day).sum()) for placed in range(day - LIFE_DAYS + 1, day + 1))

    def _written_on(self, day: int) -> Iterator[_Versions]:
        for placed in map(self.placed, range(day - LIFE_DAYS + 1, day + 1)):
            orders, statuses = np.nonzero(_within(placed.times, day))
            yield _Versions(placed, orders, statuses)

    def _place(self, day: int) -> PlacedOrders:
        draws = self._draws
        orders = np.arange(self._number_placed(day), dtype=np.int64)
        pool = self._customers.active_on(day)
        chosen = (len(pool) * draws.share("order customer", day, orders) ** 1.6).astype(np.int64)
        customers = pool.take(chosen)
        products = self._products.picked("order product", day, orders)
        currencies = _CURRENCY_OF_COUNTRY[self._customers.country_of(customers)]
        price = self._products.price_in_euro(products, self._products.version_on(products, day))
        discount = np.array([1.0, 0.95, 0.9, 0.8])[draws.choice((80, 9, 8, 3), "order discount", day, orders)]
        cents = np.rint(price * _LEVELS[currencies] * discount).astype(np.int64)
        return PlacedOrders(
            day=day,
            times=self._times(day, orders),
            customers=customers,
            known_customer=~draws.happens(0.002, "order customer unknown", day, orders),
            products=products,
            known_product=~draws.happens(0.001, "order product unknown", day, orders),
            quantities=self._quantities(day, orders),
            cents=np.where(_IS_WHOLE[currencies], np.maximum(cents // 100, 1) * 100, cents),
            currencies=currencies,
            corrected_days=np.where(
                draws.happens(0.004, "order date corrected", day, orders),
                1 + draws.below(3, "order date correction", day, orders),
                0,
            ),
            corrected_quantity=draws.happens(0.003, "order quantity corrected", day, orders).astype(np.int64),
        )

    def _number_placed(self, day: int) -> int:
        date = date_of(day)
        season = 1.3 if date.month in (11, 12) else 0.97
        chance = 0.92 + 0.16 * float(self._draws.share("orders of the day", day))
        return max(1, round(1_000 * self._scale * _WEEKDAYS[date.weekday()] * season * chance))

    def _times(self, day: int, orders: Integers) -> Integers:
        draws = self._draws
        times = np.full((len(orders), len(ORDER_STATUSES)), NEVER, dtype=np.int64)
        end = draws.choice(_END_WEIGHTS, "order end", day, orders)
        is_paid, is_shipped = end != _CANCELLED_UNPAID, (end == _DELIVERED_FOR_GOOD) | (end == _SENT_BACK)
        daytime = 0.4 * draws.share("order hour", day, orders) + 0.6 * draws.share("order minute", day, orders)
        placed = day * DAY + (daytime * DAY).astype(np.int64)
        paid = placed + 60_000_000 + (12 * HOUR * draws.share("order paid", day, orders) ** 3).astype(np.int64)
        shipped = paid + 8 * HOUR + draws.below(48 * HOUR, "order shipped", day, orders)
        delivered = shipped + 20 * HOUR + draws.below(96 * HOUR, "order delivered", day, orders)
        returned = delivered + 2 * DAY + draws.below(16 * DAY, "order returned", day, orders)
        times[:, PLACED] = placed
        times[:, PAID] = np.where(is_paid, paid, NEVER)
        times[:, SHIPPED] = np.where(is_shipped, shipped, NEVER)
        times[:, DELIVERED] = np.where(is_shipped, delivered, NEVER)
        times[:, RETURNED] = np.where(end == _SENT_BACK, returned, NEVER)
        cancelled = np.where(is_paid, paid, placed) + 60_000_000 + draws.below(7 * HOUR, "order cancelled", day, orders)
        times[:, CANCELLED] = np.where(is_shipped, NEVER, cancelled)
        return times

    def _quantities(self, day: int, orders: Integers) -> Integers:
        draws = self._draws
        usual = 1 + draws.choice((70, 17, 7, 4, 2), "order quantity", day, orders)
        bulk = 10 + (50 * draws.share("order bulk quantity", day, orders) ** 2).astype(np.int64)
        return np.where(draws.happens(0.01, "order bulk", day, orders), bulk, usual)

    def _rows(self, parts: Sequence[_Versions]) -> pa.RecordBatch:
        def of_orders(column: str) -> npt.NDArray[Any]:
            return np.concatenate([getattr(part.placed, column)[part.orders] for part in parts])

        placed_on = np.repeat([part.placed.day for part in parts], [len(part.orders) for part in parts])
        orders = np.concatenate([part.orders for part in parts])
        statuses = np.concatenate([part.statuses for part in parts])
        corrected = statuses != PLACED
        quantities = of_orders("quantities") + of_orders("corrected_quantity") * corrected
        columns = {
            "order_id": order_ids(placed_on, orders),
            "customer_id": customer_ids([(part.placed, part.orders) for part in parts]),
            "order_date": dates(placed_on - of_orders("corrected_days") * corrected),
            "product_id": _unless(
                of_orders("known_product"), self._products.ids(of_orders("products")), "discontinued"
            ),
            "quantity": pa.array(quantities.astype(np.int32)),
            "amount": money(of_orders("cents") * quantities),
            "currency": words(of_orders("currencies"), _CURRENCIES),
            "status": words(statuses, ORDER_STATUSES),
            "last_modified_ts": instants(
                np.concatenate([part.placed.times[part.orders, part.statuses] for part in parts])
            ),
        }
        return pa.RecordBatch.from_pydict(columns)


def order_ids(days: Integers, orders: Integers) -> pa.Array:
    """The identifiers of orders, by the day on which they were placed and their number on it."""
    return joined("O", padded(days, 5), padded(orders, 6))


def customer_ids(parts: Sequence[tuple[PlacedOrders, Integers]]) -> pa.Array:
    """Who placed orders, given by their days and numbers; a few give an identifier that no customer has."""
    known = np.concatenate([placed.known_customer[orders] for placed, orders in parts])
    return _unless(known, together([placed.customers.take(orders) for placed, orders in parts]).ids, "C0000000000")


def _within(times: Integers, day: int) -> Flags:
    return (times >= day * DAY) & (times < (day + 1) * DAY)


def _unless(known: Flags, values: pa.Array, otherwise: str) -> pa.Array:
    return pc.if_else(pa.array(known), values, pa.scalar(otherwise))
