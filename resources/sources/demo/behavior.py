"""The generated behaviour events: what visitors did on the shop's pages, by which way they came, and what the tracker noted.

The window of a day has the events that are loaded on it: nearly all of the day's own, and late ones of the days before.
"""

import json
from collections.abc import Iterator
from urllib.parse import quote_plus

import numpy as np
import pyarrow as pa

from resources.sources.demo.columns import DAY, instants, joined, padded, words
from resources.sources.demo.customers import Customers
from resources.sources.demo.draws import Draws, Flags, Integers
from resources.sources.demo.flaws import altered, delivered_rows, flawed, moves, puts
from resources.sources.demo.orders import Orders, order_ids
from resources.sources.demo.products import Products
from resources.sources.demo.sessions import (
    ADD,
    BASKET,
    CHECKOUT,
    DAYS_UNTIL_LOADED,
    HELP,
    HOME,
    LISTING,
    LOGIN,
    NO_ORDER,
    OTHER_PRODUCT,
    PRODUCT,
    PURCHASE,
    SALE,
    SEARCH,
    SIGNUP,
    Traffic,
    Visitors,
)
from resources.sources.demo.vocabulary import ARRIVALS, CATEGORIES, COUNTRIES, DEVICE_WEIGHTS, DEVICES, DOMAINS, SHOP

# With the repeats among them, they still fit into one batch of the source.
_EVENTS_PER_PART = 64_000
_ORDERS_PER_LOST_CURSOR = 50

FLAWS = (
    puts("event_id", None),
    puts("event_name", None),
    puts("event_name", "pageview"),
    puts("event_ts", None),
    puts("event_ts", "2026-02-30T08:00:00Z"),
    moves("event_ts", "loaded_at", 1),
    puts("metadata", '{"product_id": "00'),
    puts("metadata", "undefined"),
    puts("metadata", '["0001", "0002"]'),
)
_LOST_CURSORS = (puts("loaded_at", None), puts("loaded_at", "2026-02-30T08:00:00Z"))

_EVENT_NAMES = {
    SEARCH: "search",
    PRODUCT: "view_product",
    OTHER_PRODUCT: "view_product",
    ADD: "add_to_cart",
    SIGNUP: "signup",
    CHECKOUT: "checkout",
    PURCHASE: "purchase",
}
_NAME_OF_STEP = [_EVENT_NAMES.get(step, "page_view") for step in range(PURCHASE + 1)]
_PATHS = {
    HOME: "/",
    SALE: "/sale",
    HELP: "/help/delivery",
    BASKET: "/basket",
    LOGIN: "/login",
    SIGNUP: "/signup",
    CHECKOUT: "/checkout",
}
_PATH_OF_STEP = [_PATHS.get(step) for step in range(PURCHASE + 1)]
_HAS_OWN_PATH = np.array([path is None for path in _PATH_OF_STEP])


def _path(category: str) -> str:
    return "/c/" + category.lower().replace(" & ", "-").replace(" ", "-")


_LISTINGS = [_path(category.name) for category in CATEGORIES]
_LISTED = [json.dumps({"category": category.name}) for category in CATEGORIES]
_TERMS_OF_CATEGORY = [[term.lower() for term in (*category.nouns, *category.brands)] for category in CATEGORIES]
_TERM_NUMBER = np.array([len(terms) for terms in _TERMS_OF_CATEGORY], dtype=np.int64)
_FIRST_TERM = np.cumsum(_TERM_NUMBER) - _TERM_NUMBER
_TERMS = [term for terms in _TERMS_OF_CATEGORY for term in terms]
_SEARCHES = [f"/search?q={quote_plus(term)}" for term in _TERMS]
_SEARCHED = [json.dumps({"query": term}, ensure_ascii=False) for term in _TERMS]
_SIGNUP_METHODS = ['{"method": "email"}', '{"method": "google"}', '{"method": "apple"}']
_VIEWED = ['"}', '", "experiment": {"name": "gallery", "variant": "b"}}']

_LOOKING_WEIGHTS = tuple(arrival.looking for arrival in ARRIVALS)
_BUYING_WEIGHTS = tuple(arrival.buying for arrival in ARRIVALS)
_QUERIES = [f"?{query}" if query else "" for arrival in ARRIVALS for query in arrival.queries] + [""]
_NO_QUERY = len(_QUERIES) - 1
_QUERY_NUMBER = np.array([len(arrival.queries) for arrival in ARRIVALS], dtype=np.int64)
_FIRST_QUERY = np.cumsum(_QUERY_NUMBER) - _QUERY_NUMBER
_REFERRER_NUMBER = np.array([len(arrival.referrers) for arrival in ARRIVALS], dtype=np.int64)
_FIRST_REFERRER = np.cumsum(_REFERRER_NUMBER) - _REFERRER_NUMBER
# By referrer, then by country.
_REFERRERS = [
    referrer and referrer.format(domain=DOMAINS[country.code])
    for arrival in ARRIVALS
    for referrer in arrival.referrers
    for country in COUNTRIES
]


class Behavior:
    """The events on the pages of a shop."""

    def __init__(self, draws: Draws, customers: Customers, products: Products, orders: Orders) -> None:
        self._draws = draws
        self._customers = customers
        self._products = products
        self._orders = orders
        self._visitors = Visitors(draws, customers, products, orders)

    def count(self, day: int, lake_start: int) -> int:
        own = sum(
            delivered_rows(len(events), self._draws, day, traffic.day, part)
            for traffic, part, events in self._loaded_on(day)
        )
        return own + (self.rows_without_cursor(lake_start) if day == lake_start else 0)

    def rows_without_cursor(self, lake_start: int) -> int:
        return min(len(_LOST_CURSORS), len(self._orders.placed(lake_start).products) // _ORDERS_PER_LOST_CURSOR)

    def batches(self, day: int, lake_start: int) -> Iterator[pa.RecordBatch]:
        """The events loaded on a day."""
        lost = self.rows_without_cursor(lake_start) if day == lake_start else 0
        for traffic, part, events in self._loaded_on(day):
            rows = self._rows(traffic, events)
            if lost and traffic.day == day:
                yield altered(rows.slice(0, lost), _LOST_CURSORS[:lost])
                lost = 0
            yield from flawed(rows, FLAWS, self._draws, day, traffic.day, part)

    def _loaded_on(self, day: int) -> Iterator[tuple[Traffic, int, Integers]]:
        """The events that a window delivers, from the oldest day on, in numbered parts that a batch can hold."""
        # In this order the day that the next window no longer needs is the one that was used least recently.
        for traffic in map(self._visitors.traffic, range(day - DAYS_UNTIL_LOADED, day + 1)):
            events = np.flatnonzero((traffic.loaded >= day * DAY) & (traffic.loaded < (day + 1) * DAY))
            for part, start in enumerate(range(0, len(events), _EVENTS_PER_PART)):
                yield traffic, part, events[start : start + _EVENTS_PER_PART]

    def _rows(self, traffic: Traffic, events: Integers) -> pa.RecordBatch:
        sessions, place = np.unique(traffic.session_of[events], return_inverse=True)
        country = self._countries(traffic, sessions)
        customers = traffic.sessions.visitors.take(sessions).ids
        url, referrer = self._addresses(traffic, events, sessions, place, country)
        columns = {
            "event_id": joined(f"E{traffic.day:05d}", padded(events, 7)),
            "customer_id": customers.take(pa.array(place, mask=~traffic.identified(events))),
            "event_name": words(traffic.steps(events), _NAME_OF_STEP),
            "event_ts": instants(traffic.happened[events]),
            "session_id": joined(f"S{traffic.day:05d}", padded(sessions, 6)).take(pa.array(place)),
            "device": words(self._devices(traffic, sessions)[place], DEVICES),
            "geo": words(
                self._located(traffic, sessions, country)[place], [*(known.code for known in COUNTRIES), None]
            ),
            "url_1": url,
            "url_2": referrer,
            "metadata": self._metadata(traffic, events),
            "loaded_at": instants(traffic.loaded[events]),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _countries(self, traffic: Traffic, sessions: Integers) -> Integers:
        weights = tuple(country.weight for country in COUNTRIES)
        return np.where(
            traffic.sessions.known[sessions],
            self._customers.country_of(traffic.sessions.visitors.take(sessions)),
            self._draws.choice(weights, "stranger country", traffic.day, sessions),
        )

    def _located(self, traffic: Traffic, sessions: Integers, country: Integers) -> Integers:
        """Where a visit seems to come from: some are on a journey, some can't be told."""
        identity = (traffic.day, sessions)
        elsewhere = self._draws.below(len(COUNTRIES), "session country", *identity)
        seen = np.where(self._draws.happens(0.03, "session on a journey", *identity), elsewhere, country)
        return np.where(self._draws.happens(0.01, "session not located", *identity), len(COUNTRIES), seen)

    def _devices(self, traffic: Traffic, sessions: Integers) -> Integers:
        """Customers mostly use one and the same."""
        draws, visitors = self._draws, traffic.sessions.visitors.take(sessions)
        usual = draws.happens(0.75, "session device as usual", traffic.day, sessions) & traffic.sessions.known[sessions]
        return np.where(
            usual,
            draws.choice(DEVICE_WEIGHTS, "customer device", visitors.signed_up, visitors.numbers),
            draws.choice(DEVICE_WEIGHTS, "session device", traffic.day, sessions),
        )

    def _addresses(
        self, traffic: Traffic, events: Integers, sessions: Integers, place: Integers, country: Integers
    ) -> tuple[pa.Array, pa.Array]:
        """Each event's page and referrer: on a session's first page those of the way by which it came."""
        draws, identity = self._draws, (traffic.day, sessions)
        arrival = np.where(
            traffic.sessions.orders[sessions] == NO_ORDER,
            draws.choice(_LOOKING_WEIGHTS, "session arrival", *identity),
            draws.choice(_BUYING_WEIGHTS, "session arrival", *identity),
        )
        query = _FIRST_QUERY[arrival] + draws.below(_QUERY_NUMBER[arrival], "session query", *identity)
        referrer = _FIRST_REFERRER[arrival] + draws.below(_REFERRER_NUMBER[arrival], "session referrer", *identity)
        is_first = traffic.positions[events] == 0
        page = joined(SHOP, self._pages(traffic, events), words(np.where(is_first, query[place], _NO_QUERY), _QUERIES))
        came_from = _gathered(
            (is_first, words((referrer * len(COUNTRIES) + country)[place[is_first]], _REFERRERS)),
            (~is_first, joined(SHOP, self._pages(traffic, events[~is_first] - 1))),
        )
        return page, came_from

    def _pages(self, traffic: Traffic, events: Integers) -> pa.Array:
        """Path and query of the page of each event."""
        steps = traffic.steps(events)
        has_fixed_path, is_listing, is_search = ~_HAS_OWN_PATH[steps], steps == LISTING, steps == SEARCH
        is_purchase, is_product = steps == PURCHASE, np.isin(steps, (PRODUCT, OTHER_PRODUCT, ADD))
        return _gathered(
            (has_fixed_path, words(steps[has_fixed_path], _PATH_OF_STEP)),
            (is_listing, words(self._categories(traffic, events[is_listing]), _LISTINGS)),
            (is_search, words(self._terms(traffic, events[is_search]), _SEARCHES)),
            (is_product, joined("/products/", self._product_ids(traffic, events[is_product]))),
            (is_purchase, joined("/order/", self._order_ids(traffic, events[is_purchase]))),
        )

    def _metadata(self, traffic: Traffic, events: Integers) -> pa.Array:
        """What the tracker noted about each event as JSON text; null for pages that are always the same."""
        steps = traffic.steps(events)
        is_listing, is_search, is_signup = steps == LISTING, steps == SEARCH, steps == SIGNUP
        is_view, is_cart, is_purchase = (
            np.isin(steps, (PRODUCT, OTHER_PRODUCT)),
            np.isin(steps, (ADD, CHECKOUT)),
            steps == PURCHASE,
        )
        in_experiment = self._draws.happens(0.03, "event in an experiment", traffic.day, events[is_view])
        method = self._draws.choice((60, 30, 10), "signup method", traffic.day, events[is_signup])
        carts, purchases = events[is_cart], events[is_purchase]
        return _gathered(
            (is_listing, words(self._categories(traffic, events[is_listing]), _LISTED)),
            (is_search, words(self._terms(traffic, events[is_search]), _SEARCHED)),
            (is_signup, words(method, _SIGNUP_METHODS)),
            (
                is_view,
                joined(
                    '{"product_id": "',
                    self._product_ids(traffic, events[is_view]),
                    words(in_experiment.astype(np.int64), _VIEWED),
                ),
            ),
            (is_cart, joined("{", self._bought(traffic, carts), "}")),
            (
                is_purchase,
                joined(
                    '{"order_id": "', self._order_ids(traffic, purchases), '", ', self._bought(traffic, purchases), "}"
                ),
            ),
        )

    def _bought(self, traffic: Traffic, events: Integers) -> pa.Array:
        orders = traffic.sessions.orders[traffic.session_of[events]]
        quantities = np.where(orders == NO_ORDER, 1, self._orders.placed(traffic.day).quantities[orders])
        return joined('"product_id": "', self._product_ids(traffic, events), '", "quantity": ', padded(quantities, 1))

    def _order_ids(self, traffic: Traffic, events: Integers) -> pa.Array:
        return order_ids(np.full(len(events), traffic.day), traffic.sessions.orders[traffic.session_of[events]])

    def _product_ids(self, traffic: Traffic, events: Integers) -> pa.Array:
        is_other: Flags = traffic.steps(events) == OTHER_PRODUCT
        other = self._products.picked("event product", traffic.day, events)
        return self._products.ids(np.where(is_other, other, self._in_mind(traffic, events)))

    def _categories(self, traffic: Traffic, events: Integers) -> Integers:
        return self._products.category_of(self._in_mind(traffic, events))

    def _terms(self, traffic: Traffic, events: Integers) -> Integers:
        categories = self._categories(traffic, events)
        return _FIRST_TERM[categories] + self._draws.below(_TERM_NUMBER[categories], "event term", traffic.day, events)

    @staticmethod
    def _in_mind(traffic: Traffic, events: Integers) -> Integers:
        products: Integers = traffic.sessions.products[traffic.session_of[events]]
        return products


def _gathered(*parts: tuple[Flags, pa.Array]) -> pa.Array:
    """Texts of rows that are told apart by flags, each part's in the order of its rows; null in rows of no part."""
    positions = np.full(len(parts[0][0]), -1, dtype=np.int64)
    texts = 0
    for flags, values in parts:
        positions[flags] = np.arange(texts, texts + len(values))
        texts += len(values)
    return pa.concat_arrays([values for _, values in parts]).take(pa.array(positions, mask=positions < 0))
