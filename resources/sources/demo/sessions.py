"""The generated visits to the shop: who comes on a day and what for, the steps of each, and when they are loaded.

A session is the day for which it is drawn and a number on that day. Five kinds of visitors come: those who place the
day's orders, those who will place an order within days and look around first, others of the day's active customers,
people who are never known, and people who sign up. What a visit consists of is one of a few scripts.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from resources.sources.demo.columns import DAY, HOUR, SECOND
from resources.sources.demo.customers import Customers, Visits, together
from resources.sources.demo.draws import Draws, Flags, Integers
from resources.sources.demo.orders import PLACED, Orders
from resources.sources.demo.products import Products

DAYS_UNTIL_LOADED = 3
"""How many days after that of a session its last event is loaded, at most."""
NO_ORDER = -1
# An own product page is that of the session's product; another one is that of any product.
HOME, SALE, HELP, LISTING, SEARCH, PRODUCT, OTHER_PRODUCT, ADD, BASKET, LOGIN, SIGNUP, CHECKOUT, PURCHASE = range(13)

_MINUTE = 60 * SECOND
_LONGEST = 3 * HOUR
_ORDERED_ON_THE_WEB = 0.85
_RESEARCHED_DAYS_BEFORE = {1: 0.2, 2: 0.14, 3: 0.1, 4: 0.08, 5: 0.07, 6: 0.06}
"""How many of the buyers of a day look around so many days before."""
_BROWSING = 0.26
_ANONYMOUS_PER_ORDER = 1.0
_ON_TIME = 0.97

_Scripts = tuple[tuple[float, tuple[int, ...]], ...]
_BUYING: _Scripts = (
    (16, (PRODUCT, ADD, CHECKOUT, PURCHASE)),
    (15, (HOME, PRODUCT, ADD, CHECKOUT, PURCHASE)),
    (10, (HOME, SEARCH, PRODUCT, ADD, CHECKOUT, PURCHASE)),
    (9, (LISTING, PRODUCT, ADD, BASKET, CHECKOUT, PURCHASE)),
    (8, (SALE, PRODUCT, ADD, BASKET, CHECKOUT, PURCHASE)),
    (9, (PRODUCT, ADD, BASKET, LOGIN, CHECKOUT, PURCHASE)),
    (8, (PRODUCT, OTHER_PRODUCT, PRODUCT, ADD, CHECKOUT, PURCHASE)),
    (6, (HOME, LISTING, OTHER_PRODUCT, PRODUCT, ADD, LOGIN, CHECKOUT, PURCHASE)),
    (4, (HOME, SEARCH, OTHER_PRODUCT, OTHER_PRODUCT, PRODUCT, ADD, BASKET, CHECKOUT, PURCHASE)),
    (
        2,
        (LISTING, OTHER_PRODUCT, OTHER_PRODUCT, SEARCH, PRODUCT, HELP, PRODUCT, ADD, BASKET, LOGIN, CHECKOUT, PURCHASE),
    ),
)
_JOINING: _Scripts = (
    (3, (PRODUCT, ADD, SIGNUP, CHECKOUT, PURCHASE)),
    (2, (HOME, SEARCH, PRODUCT, ADD, BASKET, SIGNUP, CHECKOUT, PURCHASE)),
    (1, (SALE, PRODUCT, HELP, SIGNUP, PRODUCT, ADD, CHECKOUT, PURCHASE)),
)
_STROLLING: _Scripts = (
    (20, (PRODUCT,)),
    (9, (HOME,)),
    (6, (LISTING,)),
    (5, (SALE,)),
    (11, (HOME, LISTING, PRODUCT)),
    (10, (HOME, SEARCH, PRODUCT)),
    (9, (PRODUCT, OTHER_PRODUCT)),
    (8, (LISTING, OTHER_PRODUCT, PRODUCT)),
    (5, (SALE, PRODUCT, ADD)),
    (4, (PRODUCT, ADD, BASKET)),
    (3, (HOME, SEARCH, SEARCH, OTHER_PRODUCT, PRODUCT)),
    (2, (PRODUCT, ADD, BASKET, CHECKOUT)),
    (2, (HOME, LISTING, OTHER_PRODUCT, OTHER_PRODUCT, PRODUCT, LISTING, OTHER_PRODUCT, HELP)),
)
_LOOKING: _Scripts = (
    *_STROLLING,
    (4, (PRODUCT, LOGIN, OTHER_PRODUCT)),
    (4, (HOME, LOGIN, LISTING, PRODUCT, ADD)),
    (2, (HOME, LOGIN, HELP)),
)
_SIGNING_UP: _Scripts = (
    (3, (HOME, SIGNUP)),
    (2, (PRODUCT, SIGNUP, PRODUCT, OTHER_PRODUCT)),
    (2, (SALE, SIGNUP, LISTING, PRODUCT)),
)
_KINDS = (_BUYING, _JOINING, _LOOKING, _STROLLING, _SIGNING_UP)
_ALL_STEPS = [steps for scripts in _KINDS for _, steps in scripts]
_LENGTHS = np.array([len(steps) for steps in _ALL_STEPS], dtype=np.int64)
_FIRST_STEPS = np.cumsum(_LENGTHS) - _LENGTHS
_STEPS = np.array([step for steps in _ALL_STEPS for step in steps], dtype=np.int64)
_IDENTIFIED_AT = np.array(
    [next((place for place, step in enumerate(steps) if step in {LOGIN, SIGNUP}), 0) for steps in _ALL_STEPS],
    dtype=np.int64,
)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions of one day."""

    visitors: Visits
    known: Flags
    """Whether the visitor is a customer; nobody is meant where it isn't."""
    orders: Integers
    """The number, among the day's, of the order that the session ends with, or `NO_ORDER`."""
    products: Integers
    scripts: Integers
    times: Integers
    """When the order is confirmed, else when the session starts."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """All sessions of a day, and their events in the order of their numbers: session by session, step by step."""

    day: int
    sessions: Sessions
    session_of: Integers
    """The session of each event."""
    positions: Integers
    """The place of each event in its session, 0 being the first."""
    happened: Integers
    """Microseconds since 1970-01-01 UTC."""
    loaded: Integers

    def steps(self, events: Integers) -> Integers:
        steps: Integers = _STEPS[_FIRST_STEPS[self.sessions.scripts[self.session_of[events]]] + self.positions[events]]
        return steps

    def identified(self, events: Integers) -> Flags:
        """Whether it is known, at an event, who the visitor is."""
        sessions = self.session_of[events]
        login = _IDENTIFIED_AT[self.sessions.scripts[sessions]]
        identified: Flags = self.sessions.known[sessions] & (self.positions[events] >= login)
        return identified


class Visitors:
    """Who comes to the shop."""

    def __init__(self, draws: Draws, customers: Customers, products: Products, orders: Orders) -> None:
        self._draws = draws
        self._customers = customers
        self._products = products
        self._orders = orders
        # Neighbouring days of a range look at the same days.
        self.traffic = lru_cache(maxsize=DAYS_UNTIL_LOADED + 1)(self._traffic)

    def _traffic(self, day: int) -> Traffic:
        active = self._customers.active_on(day)
        web = self._orders_on_the_web(day)
        joining = self._joining(day, web)
        newcomers = active.take(active.visits == 0)
        buyers_among_them = self._orders.placed(day).customers.numbers[joining]
        sessions = _together(
            self._buyers(day, _BUYING, np.setdiff1d(web, joining)),
            self._buyers(day, _JOINING, joining),
            self._researchers(day),
            self._browsers(day, active.take(active.visits > 0)),
            self._strangers(day),
            self._signups(day, newcomers.take(~np.isin(newcomers.numbers, buyers_among_them))),
        )
        return self._with_events(day, sessions)

    def _orders_on_the_web(self, day: int) -> Integers:
        placed = self._orders.placed(day)
        orders = np.arange(len(placed.products), dtype=np.int64)
        on_web = self._draws.happens(_ORDERED_ON_THE_WEB, "order on the web", day, orders)
        return orders[placed.known_customer & placed.known_product & on_web]

    def _joining(self, day: int, web: Integers) -> Integers:
        """The first order of everyone who signs up on the day and orders at once."""
        placed = self._orders.placed(day)
        orders = web[placed.customers.visits[web] == 0]
        orders = orders[np.argsort(placed.times[orders, PLACED], kind="stable")]
        _, first = np.unique(placed.customers.numbers[orders], return_index=True)
        joining: Integers = orders[first]
        return joining

    def _buyers(self, day: int, scripts: _Scripts, orders: Integers) -> Sessions:
        placed = self._orders.placed(day)
        confirmed = placed.times[orders, PLACED] + SECOND // 5
        return Sessions(
            visitors=placed.customers.take(orders),
            known=np.ones(len(orders), dtype=bool),
            orders=orders,
            products=placed.products[orders],
            scripts=self._drawn(scripts, "buyer", day, orders),
            times=confirmed + self._draws.below(SECOND, "order confirmed", day, orders),
        )

    def _researchers(self, day: int) -> Sessions:
        """Those who will order in the days to come, and were customers already."""
        draws, parts = self._draws, []
        for ahead, chance in _RESEARCHED_DAYS_BEFORE.items():
            placed = self._orders.placed(day + ahead)
            orders = np.arange(len(placed.products), dtype=np.int64)
            comes = draws.happens(chance, "order researched", day, ahead, orders)
            orders = orders[comes & placed.known_customer & placed.known_product & (placed.customers.visits > 0)]
            identity = (day, ahead, orders)
            parts.append(
                Sessions(
                    visitors=placed.customers.take(orders),
                    known=np.ones(len(orders), dtype=bool),
                    orders=np.full(len(orders), NO_ORDER),
                    products=placed.products[orders],
                    scripts=self._drawn(_LOOKING, "researcher", *identity),
                    times=self._starts("researcher", *identity),
                )
            )
        return _together(*parts)

    def _browsers(self, day: int, active: Visits) -> Sessions:
        comes = self._draws.happens(_BROWSING, "customer browses", day, active.signed_up, active.numbers)
        return self._undecided(day, _LOOKING, "browser", active.take(comes), known=True)

    def _strangers(self, day: int) -> Sessions:
        number = round(_ANONYMOUS_PER_ORDER * len(self._orders.placed(day).products))
        nobody = np.zeros(number, dtype=np.int64)
        return self._undecided(day, _STROLLING, "stranger", Visits(nobody, nobody, nobody), known=False)

    def _signups(self, day: int, newcomers: Visits) -> Sessions:
        return self._undecided(day, _SIGNING_UP, "newcomer", newcomers, known=True)

    def _undecided(self, day: int, scripts: _Scripts, who: str, visitors: Visits, *, known: bool) -> Sessions:
        """Sessions of visitors who have no product in mind that is known of."""
        numbers = np.arange(len(visitors), dtype=np.int64)
        return Sessions(
            visitors=visitors,
            known=np.full(len(visitors), known),
            orders=np.full(len(visitors), NO_ORDER),
            products=self._products.picked(f"{who} product", day, numbers),
            scripts=self._drawn(scripts, who, day, numbers),
            times=self._starts(who, day, numbers),
        )

    def _drawn(self, scripts: _Scripts, who: str, *identity: Integers | int) -> Integers:
        before = sum(len(others) for others in _KINDS[: _KINDS.index(scripts)])
        return before + self._draws.choice(tuple(weight for weight, _ in scripts), f"{who} script", *identity)

    def _starts(self, who: str, day: int, *identity: Integers | int) -> Integers:
        """Times of the day: mostly in its middle, some at any time, until midnight."""
        draws = self._draws
        usual = 0.4 * draws.share(f"{who} hour", day, *identity) + 0.6 * draws.share(f"{who} minute", day, *identity)
        any_time = 1 - draws.share(f"{who} time", day, *identity) ** 1.5
        at_any_time = draws.happens(0.25, f"{who} comes at any time", day, *identity)
        return day * DAY + (np.where(at_any_time, any_time, usual) * DAY).astype(np.int64)

    def _with_events(self, day: int, sessions: Sessions) -> Traffic:
        lengths = _LENGTHS[sessions.scripts]
        firsts = np.cumsum(lengths) - lengths
        session_of = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        positions = np.arange(len(session_of), dtype=np.int64) - firsts[session_of]
        happened = self._happened(day, sessions, session_of, positions)
        loaded = happened + self._delays(day, len(happened))
        return Traffic(day, sessions, session_of, positions, happened, loaded)

    def _happened(self, day: int, sessions: Sessions, session_of: Integers, positions: Integers) -> Integers:
        """Some seconds to minutes from step to step; a few take their time, and no order's session begins before its day."""
        draws, lasts = self._draws, np.flatnonzero(np.append(positions[1:], 0) == 0)
        slow = draws.happens(0.03, "session slow", day, np.arange(len(lasts)))
        share = draws.share("event pause", day, np.arange(len(positions)))
        pauses = (4 * SECOND + 4 * _MINUTE * share**2) * np.where(slow, 20, 1)[session_of]
        elapsed = np.cumsum(np.where(positions == 0, 0.0, pauses))
        elapsed -= elapsed[positions == 0][session_of]
        lasting = elapsed[lasts]
        ends_with_order = sessions.orders != NO_ORDER
        longest = np.where(ends_with_order, np.minimum(sessions.times - day * DAY, _LONGEST), _LONGEST)
        haste = np.minimum(1.0, longest / np.maximum(lasting, 1.0))
        since_given_time = (elapsed - np.where(ends_with_order, lasting, 0.0)[session_of]) * haste[session_of]
        happened: Integers = sessions.times[session_of] + since_given_time.astype(np.int64)
        return happened

    def _delays(self, day: int, events: int) -> Integers:
        """From an event to its load: within the hour mostly, else up to three days with the longest session's excess."""
        share = self._draws.share("event loaded", day, np.arange(events))
        usual = _MINUTE + 59 * _MINUTE * (share / _ON_TIME) ** 2
        latest = DAYS_UNTIL_LOADED * DAY - _LONGEST - 2 * HOUR
        late = HOUR + latest * (share - _ON_TIME) / (1 - _ON_TIME)
        return np.where(share < _ON_TIME, usual, late).astype(np.int64)


def _together(*parts: Sessions) -> Sessions:
    return Sessions(
        visitors=together([part.visitors for part in parts]),
        known=np.concatenate([part.known for part in parts]),
        orders=np.concatenate([part.orders for part in parts]),
        products=np.concatenate([part.products for part in parts]),
        scripts=np.concatenate([part.scripts for part in parts]),
        times=np.concatenate([part.times for part in parts]),
    )
