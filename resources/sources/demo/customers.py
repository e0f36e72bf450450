"""The generated customers: who signed up on which day, how long they stay, and what their rows say over time.

A customer is a sign-up day and a number on that day. From then on the row is written again every ten days for as long
as the customer is around: on those days the customer is active, so about 2,000 are on each day of scale 1, and
who was active on any day is known without looking at the days before.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.sources.demo.columns import DAY, dates, instants, joined, padded, words
from resources.sources.demo.draws import Draws, Flags, Integers
from resources.sources.demo.flaws import altered, delivered_rows, flawed, puts
from resources.sources.demo.vocabulary import COUNTRIES, FIRST_NAMES, LAST_NAMES, MAIL_HOSTS, MAIL_WEIGHTS

_ACTIVE_EVERY = 10
_MOST_VISITS = 48
_REVIVED_AFTER = 2
"""Visits from a deletion to the row that takes it back."""
_MEMORY = _ACTIVE_EVERY * (_MOST_VISITS + _REVIVED_AFTER)
"""Days after sign-up that a customer's row can still be written."""
_ROWS_PER_BATCH = 65_536
_ROWS_PER_LOST_CURSOR = 400

FLAWS = (
    puts("customer_id", None),
    puts("country", "ZZ"),
    puts("country", "Germany"),
    puts("signup_date", "2026-02-30"),
    puts("is_deleted", "maybe"),
)
_LOST_CURSORS = (puts("last_modified_ts", None), puts("last_modified_ts", "2026-02-30T08:00:00Z"))


@dataclass(frozen=True, slots=True)
class Visits:
    """Customers, and the visit of theirs that is meant: 0 is the sign-up."""

    signed_up: Integers
    """Days since 1970-01-01."""
    numbers: Integers
    visits: Integers

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Integers | Flags) -> "Visits":
        return Visits(self.signed_up[rows], self.numbers[rows], self.visits[rows])

    @property
    def ids(self) -> pa.Array:
        return joined("C", padded(self.signed_up, 5), padded(self.numbers, 5))


def together(parts: Sequence[Visits]) -> Visits:
    """All visits, one part's behind the other's."""
    return Visits(
        np.concatenate([visits.signed_up for visits in parts]),
        np.concatenate([visits.numbers for visits in parts]),
        np.concatenate([visits.visits for visits in parts]),
    )


@dataclass(frozen=True, slots=True)
class Customers:
    """The customer base at a scale."""

    draws: Draws
    scale: float

    @property
    def signups_per_day(self) -> int:
        return max(1, round(80 * self.scale))

    def active_on(self, day: int) -> Visits:
        """The customers who are around on a day, deleted ones aside, the keenest first."""
        visits = self._written_on(day)
        visits = visits.take(~self._deleted(visits))
        keenness = self.draws.bits("customer keenness", visits.signed_up, visits.numbers)
        return visits.take(np.argsort(keenness, kind="stable"))

    def country_of(self, visits: Visits) -> Integers:
        """The index of each customer's country at a visit; some move."""
        moved = visits.visits >= self.draws.below(300, "customer moves", visits.signed_up, visits.numbers)
        weights = tuple(country.weight for country in COUNTRIES)
        return self.draws.choice(weights, "customer country", visits.signed_up, visits.numbers, moved)

    def names_of(self, visits: Visits) -> tuple[Integers, Integers]:
        """The indices of each customer's given and family name."""
        identity = (visits.signed_up, visits.numbers)
        first = self.draws.below(len(FIRST_NAMES), "customer first name", *identity)
        return first, self.draws.below(len(LAST_NAMES), "customer last name", *identity)

    def email_of(self, visits: Visits) -> pa.Array:
        """The plain address of each customer at a visit, in lower case; some change theirs."""
        first, last = self.names_of(visits)
        identity = (visits.signed_up, visits.numbers)
        changed = visits.visits // (10 + self.draws.below(30, "customer e-mail kept", *identity))
        hosts = self.draws.choice(MAIL_WEIGHTS, "customer e-mail host", *identity, changed)
        tag = (visits.signed_up * self.signups_per_day + visits.numbers) % 10_000
        return joined(
            words(first, _ASCII_FIRST), ".", words(last, _ASCII_LAST), padded(tag, 1), "@", words(hosts, MAIL_HOSTS)
        )

    def last_visits(self, customers: Visits, day: int | Integers) -> Visits:
        """The same customers at the last visit of each up to a day, be it long ago."""
        most = (day - customers.signed_up) // _ACTIVE_EVERY
        lifetime = self._lifetime(customers)
        back = lifetime - 1 + _REVIVED_AFTER
        revived = self._is_revived(customers) & (most >= back)
        latest = np.where(revived, back, np.minimum(most, lifetime - 1))
        return Visits(customers.signed_up, customers.numbers, latest)

    def count(self, day: int, lake_start: int) -> int:
        own = delivered_rows(len(self._written_on(day)), self.draws, day)
        if day != lake_start:
            return own
        base = sum(delivered_rows(len(part), self.draws, day, number) for number, part in enumerate(self._base(day)))
        return base + own + self.rows_without_cursor(lake_start)

    def rows_without_cursor(self, lake_start: int) -> int:
        return min(len(_LOST_CURSORS), len(self._written_on(lake_start)) // _ROWS_PER_LOST_CURSOR)

    def batches(self, day: int, lake_start: int) -> Iterator[pa.RecordBatch]:
        """The rows written on a day; on the first day everyone's latest row from before, too."""
        rows = self._rows(self._written_on(day))
        if day == lake_start:
            for number, part in enumerate(self._base(day)):
                yield from flawed(self._rows(part), FLAWS, self.draws, day, number)
            if lost := self.rows_without_cursor(lake_start):
                yield altered(rows.slice(0, lost), _LOST_CURSORS[:lost])
        yield from flawed(rows, FLAWS, self.draws, day)

    def _base(self, lake_start: int) -> Iterator[Visits]:
        """The last visit before a day of everyone whose row was written in living memory."""
        days_per_batch = max(1, _ROWS_PER_BATCH // self.signups_per_day)
        for newest in range(lake_start - 1, lake_start - 1 - _MEMORY, -days_per_batch):
            oldest = max(newest - days_per_batch, lake_start - 1 - _MEMORY)
            everyone = self._signed_up(np.arange(newest, oldest, -1, dtype=np.int64))
            yield self.last_visits(everyone, lake_start - 1)

    def _written_on(self, day: int) -> Visits:
        candidates = self._signed_up(np.arange(day, day - _MEMORY, -_ACTIVE_EVERY, dtype=np.int64))
        visits = Visits(candidates.signed_up, candidates.numbers, (day - candidates.signed_up) // _ACTIVE_EVERY)
        lifetime = self._lifetime(visits)
        back = self._is_revived(visits) & (visits.visits == lifetime - 1 + _REVIVED_AFTER)
        return visits.take((visits.visits < lifetime) | back)

    def _signed_up(self, days: Integers) -> Visits:
        number = self.signups_per_day
        return Visits(
            np.repeat(days, number),
            np.tile(np.arange(number, dtype=np.int64), len(days)),
            np.zeros(number * len(days), dtype=np.int64),
        )

    def _lifetime(self, visits: Visits) -> Integers:
        return 2 + self.draws.below(_MOST_VISITS - 1, "customer lifetime", visits.signed_up, visits.numbers)

    def _leaves(self, visits: Visits) -> Flags:
        """Whether the last visit deletes the customer; others just stay away."""
        return self.draws.happens(0.4, "customer leaves", visits.signed_up, visits.numbers)

    def _is_revived(self, visits: Visits) -> Flags:
        return self._leaves(visits) & self.draws.happens(0.15, "customer returns", visits.signed_up, visits.numbers)

    def _deleted(self, visits: Visits) -> Flags:
        is_last: Flags = visits.visits == self._lifetime(visits) - 1
        return self._leaves(visits) & is_last

    def _rows(self, visits: Visits) -> pa.RecordBatch:
        draws, day, number, visit = self.draws, visits.signed_up, visits.numbers, visits.visits
        country = self.country_of(visits)
        first, last = self.names_of(visits)
        address = visit // (4 + draws.below(12, "customer address kept", day, number))
        city = draws.below(60, "customer city", day, number, address)
        written = (day + visit * _ACTIVE_EVERY) * DAY + draws.below(DAY, "customer time", day, number, visit)
        columns = {
            "customer_id": visits.ids,
            "first_name": words(first, FIRST_NAMES),
            "last_name": words(last, LAST_NAMES),
            "email": self._typed_emails(visits),
            "phone": self._phones(visits, country, address),
            "country": words(
                np.where(draws.happens(0.015, "customer country unknown", day, number), len(COUNTRIES), country),
                [*(known.code for known in COUNTRIES), None],
            ),
            "city": words(_FIRST_CITY[country] + city % _CITY_NUMBER[country], _CITIES),
            "signup_date": dates(day),
            "is_deleted": pa.array(self._deleted(visits)),
            "last_modified_ts": instants(written),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _typed_emails(self, visits: Visits) -> pa.Array:
        """Addresses as people type them: some in capitals, some with blanks, some empty or missing."""
        plain = self.email_of(visits)
        habit = pa.array(self.draws.share("customer e-mail habit", visits.signed_up, visits.numbers))
        return pc.case_when(
            pc.make_struct(pc.less(habit, 0.03), pc.less(habit, 0.035), pc.less(habit, 0.055), pc.less(habit, 0.065)),
            pa.nulls(len(visits), pa.string()),
            pa.scalar(""),
            pc.utf8_upper(plain),
            joined(" ", plain, " "),
            plain,
        )

    def _phones(self, visits: Visits, country: Integers, address: Integers) -> pa.Array:
        digits = self.draws.below(90_000_000, "customer phone", visits.signed_up, visits.numbers, address)
        phones = joined(
            words(country, [known.calling_code for known in COUNTRIES]), " ", padded(digits + 10_000_000, 8)
        )
        missing = self.draws.happens(0.08, "customer phone missing", visits.signed_up, visits.numbers)
        return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), phones)


def _ascii(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.translate(str.maketrans("øØłß", "oOls")))
    return "".join(letter for letter in folded.lower() if letter.isascii() and letter.isalpha())


_ASCII_FIRST = [_ascii(name) for name in FIRST_NAMES]
_ASCII_LAST = [_ascii(name) for name in LAST_NAMES]
_CITY_NUMBER = np.array([len(country.cities) for country in COUNTRIES], dtype=np.int64)
_FIRST_CITY = np.cumsum(_CITY_NUMBER) - _CITY_NUMBER
_CITIES = [city for country in COUNTRIES for city in country.cities]
