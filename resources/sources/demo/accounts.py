"""The generated companies of the CRM: each has a place in a sales territory for a year or more, then another one has it.

A company is a place and the number of its tenure there. Its row is written again every week of the tenure. So who holds a
place on a day, and what the CRM says about them, is known without looking at the days before.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.sources.demo.columns import instants, joined, money, padded, without, words
from resources.sources.demo.crm import CrmTable, Fate, Upkeep, in_office_hours
from resources.sources.demo.draws import Draws, Flags, Integers
from resources.sources.demo.flaws import puts
from resources.sources.demo.vocabulary import (
    COMPANY_NAMES,
    COMPANY_TRADES,
    COUNTRIES,
    COUNTRY_NAMES,
    INDUSTRIES,
    INDUSTRY_WEIGHTS,
    LEGAL_FORMS,
)

_WRITTEN_EVERY = 7
_SHORTEST_TENURE = 75
"""Versions of a row; longer than contacts are kept up, so that those of a former holder still find it."""
_LONGEST_TENURE = 180
_VERSIONS_PER_YEAR = 52
_FATE = Fate(deleted=0.4, revived=0.75)
"""Many are merged with another by mistake, and split again."""

FLAWS = (
    puts("Id", None),
    puts("AnnualRevenue", "n/a"),
    puts("AnnualRevenue", "1200000.005"),
    puts("NumberOfEmployees", "about 50"),
    puts("IsDeleted", "maybe"),
)


@dataclass(frozen=True, slots=True)
class AccountVersions:
    """Accounts, and the version of each that is meant."""

    places: Integers
    tenures: Integers
    versions: Integers

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: Integers | Flags) -> "AccountVersions":
        return AccountVersions(self.places[rows], self.tenures[rows], self.versions[rows])

    @property
    def ids(self) -> pa.Array:
        return joined("001", padded(self.places, 6), padded(self.tenures, 6))


class Accounts(CrmTable[AccountVersions]):
    """The accounts at a scale."""

    def __init__(self, draws: Draws, scale: float) -> None:
        super().__init__(draws, FLAWS)
        self.number = max(20, round(250 * scale))
        """How many companies are kept up at a time."""

    def picked(self, days: Integers, purpose: str, *identity: Integers | Flags) -> AccountVersions:
        """The holders, on these days, of places as business is done: much of it with few."""
        return self._held((self.number * self._draws.share(purpose, *identity) ** 1.5).astype(np.int64), days)

    def names(self, accounts: AccountVersions) -> pa.Array:
        """What companies are called; some are renamed."""
        draws, identity = self._draws, (accounts.places, accounts.tenures)
        renamed = accounts.versions >= draws.below(800, "account renamed", *identity)
        return joined(
            words(draws.below(len(COMPANY_NAMES), "account name", *identity, renamed), COMPANY_NAMES),
            words(draws.below(len(COMPANY_TRADES), "account trade", *identity), COMPANY_TRADES),
            words(self._country(accounts), [LEGAL_FORMS[country.code] for country in COUNTRIES]),
            separator=" ",
        )

    def _written_on(self, day: int) -> AccountVersions:
        places = np.arange(self.number, dtype=np.int64)
        held = self._held(places, day)
        due = (day + self._phase(places)) % _WRITTEN_EVERY == 0
        return held.take(due & self._upkeep(held).has(held.versions))

    def _standing(self, lake_start: int) -> Iterator[AccountVersions]:
        """Those who hold a place, and those who held it before them."""
        held = self._held(np.arange(self.number, dtype=np.int64), lake_start - 1)
        former = AccountVersions(held.places, held.tenures - 1, self._tenure(held.places) - 1)
        for accounts in (former, held):
            latest = self._upkeep(accounts).latest(accounts.versions)
            yield AccountVersions(accounts.places, accounts.tenures, latest)

    def _held(self, places: Integers, day: int | Integers) -> AccountVersions:
        """Who holds places on a day, with the version that is due by then."""
        written = (day + self._phase(places)) // _WRITTEN_EVERY
        tenure = self._tenure(places)
        return AccountVersions(places, written // tenure, written % tenure)

    def _tenure(self, places: Integers) -> Integers:
        return _SHORTEST_TENURE + self._draws.below(_LONGEST_TENURE - _SHORTEST_TENURE, "account tenure", places)

    def _phase(self, places: Integers) -> Integers:
        return self._draws.below(_WRITTEN_EVERY * _LONGEST_TENURE, "account phase", places)

    def _upkeep(self, accounts: AccountVersions) -> Upkeep:
        return _FATE.upkeep(self._tenure(accounts.places), self._draws, "account", accounts.places, accounts.tenures)

    def _country(self, accounts: AccountVersions) -> Integers:
        weights = tuple(country.weight for country in COUNTRIES)
        return self._draws.choice(weights, "account country", accounts.places, accounts.tenures)

    def _rows(self, accounts: AccountVersions) -> pa.RecordBatch:
        draws, identity = self._draws, (accounts.places, accounts.tenures)
        since = accounts.tenures * self._tenure(accounts.places) + accounts.versions
        days = since * _WRITTEN_EVERY - self._phase(accounts.places)
        employees = self._employees(accounts)
        columns = {
            "Id": accounts.ids,
            "Name": self.names(accounts),
            "Industry": self._industries(accounts),
            "BillingCountry": self._billing_countries(accounts),
            "AnnualRevenue": self._revenues(accounts, employees),
            "NumberOfEmployees": without(pa.array(employees), draws.happens(0.04, "account size unknown", *identity)),
            "SystemModstamp": instants(in_office_hours(days, draws, "account time", *identity, accounts.versions)),
            "IsDeleted": pa.array(self._upkeep(accounts).deletes(accounts.versions)),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _industries(self, accounts: AccountVersions) -> pa.Array:
        """As salespeople pick them: often later, some never, some with blanks around."""
        draws, identity = self._draws, (accounts.places, accounts.tenures)
        plain = words(draws.choice(INDUSTRY_WEIGHTS, "account industry", *identity), INDUSTRIES)
        is_late = draws.happens(0.3, "account industry late", *identity)
        pending = is_late & (accounts.versions < 1 + draws.below(30, "account industry picked", *identity))
        habit = pa.array(draws.share("account industry habit", *identity))
        return pc.case_when(
            pc.make_struct(pa.array(pending), *(pc.less(habit, most) for most in (0.04, 0.06, 0.1))),
            pa.nulls(len(accounts), pa.string()),
            pa.nulls(len(accounts), pa.string()),
            pa.scalar(""),
            joined(" ", plain, "  "),
            plain,
        )

    def _billing_countries(self, accounts: AccountVersions) -> pa.Array:
        """As people type them: most as code, others as a name, some not at all."""
        country = self._country(accounts)
        habit = pa.array(self._draws.share("account country habit", accounts.places, accounts.tenures))
        return pc.case_when(
            pc.make_struct(pc.less(habit, 0.03), pc.less(habit, 0.2)),
            pa.nulls(len(accounts), pa.string()),
            words(country, [COUNTRY_NAMES[known.code] for known in COUNTRIES]),
            words(country, [known.code for known in COUNTRIES]),
        )

    def _employees(self, accounts: AccountVersions) -> Integers:
        identity = (accounts.places, accounts.tenures)
        founded = 4 * 2_000 ** self._draws.share("account size", *identity)
        change = 0.9 + 0.2 * self._draws.share("account growth", *identity, accounts.versions // 6)
        return np.rint(founded * change).astype(np.int64)

    def _revenues(self, accounts: AccountVersions, employees: Integers) -> pa.Array:
        """Estimated once a year, in whole thousands."""
        draws, identity = self._draws, (accounts.places, accounts.tenures)
        year = accounts.versions // _VERSIONS_PER_YEAR
        thousands = employees * (60 + draws.below(240, "account revenue", *identity, year))
        return without(money(thousands * 100_000), draws.happens(0.06, "account revenue unknown", *identity))
