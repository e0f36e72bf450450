"""The generated contacts of the CRM: customers who buy for a company, and people who never came to the shop.

A contact is entered on the day on which the customer signs up, under the customer's identity there; people from outside
the shop have the numbers after the day's last customer. The row is written again every twenty days for as long as the
contact is kept up.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.sources.demo.accounts import Accounts
from resources.sources.demo.columns import instants, joined, padded, without, words
from resources.sources.demo.crm import CrmTable, Fate, Upkeep, in_office_hours
from resources.sources.demo.customers import Customers, Visits
from resources.sources.demo.draws import Draws, Flags, Integers
from resources.sources.demo.flaws import puts
from resources.sources.demo.vocabulary import FIRST_NAMES, JOB_TITLES, LAST_NAMES, LEAD_SOURCES

BUYERS_SHARE = 0.12
"""How many customers are contacts of a company."""
_FOLLOWS_SHARE = 0.6
"""How many contacts learn of a customer's new address."""
_TWICE_SHARE = 0.05
_WRITTEN_EVERY = 20
_MOST_VERSIONS = 25
_MEMORY = _WRITTEN_EVERY * _MOST_VERSIONS
"""Days from a contact's entry on in which its row can be written."""
_DAYS_PER_PART = 50
_FATE = Fate(deleted=0.15, revived=0.4)

FLAWS = (puts("Id", None), puts("IsDeleted", "maybe"))


@dataclass(frozen=True, slots=True)
class _ContactVersions:
    """Contacts, and the version of each that is meant."""

    entered: Integers
    """Days since 1970-01-01."""
    numbers: Integers
    copies: Integers
    """1 where the same person is entered a second time, 0 elsewhere."""
    versions: Integers

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Integers | Flags) -> "_ContactVersions":
        return _ContactVersions(self.entered[rows], self.numbers[rows], self.copies[rows], self.versions[rows])

    @property
    def identity(self) -> tuple[Integers, Integers, Integers]:
        return self.entered, self.numbers, self.copies

    @property
    def days(self) -> Integers:
        """The days on which the versions are written."""
        return self.entered + self.versions * _WRITTEN_EVERY


class Contacts(CrmTable[_ContactVersions]):
    """The contacts of accounts, of which many are customers."""

    def __init__(self, draws: Draws, scale: float, customers: Customers, accounts: Accounts) -> None:
        super().__init__(draws, FLAWS)
        self._customers = customers
        self._accounts = accounts
        self._strangers_per_day = max(1, round(5 * scale))

    def _written_on(self, day: int) -> _ContactVersions:
        contacts = self._entered(np.arange(day, day - _MEMORY, -_WRITTEN_EVERY, dtype=np.int64), day)
        return contacts.take(self._upkeep(contacts).has(contacts.versions))

    def _standing(self, lake_start: int) -> Iterator[_ContactVersions]:
        for newest in range(lake_start - 1, lake_start - 1 - _MEMORY, -_DAYS_PER_PART):
            days = np.arange(newest, newest - _DAYS_PER_PART, -1, dtype=np.int64)
            contacts = self._entered(days, lake_start - 1)
            latest = self._upkeep(contacts).latest(contacts.versions)
            yield _ContactVersions(*contacts.identity, latest)

    def _entered(self, days: Integers, seen_on: int) -> _ContactVersions:
        """The contacts who were entered on these days, with the version that is due by a later day."""
        customers = self._customers.signups_per_day
        number = customers + self._strangers_per_day
        entered, numbers = np.repeat(days, number), np.tile(np.arange(number, dtype=np.int64), len(days))
        is_buyer = self._draws.happens(BUYERS_SHARE, "customer is a contact", entered, numbers)
        once = np.flatnonzero(is_buyer | (numbers >= customers))
        is_twice = self._draws.happens(_TWICE_SHARE, "contact twice", entered[once], numbers[once])
        rows = np.concatenate([once, once[is_twice]])
        copies = np.repeat([0, 1], [len(once), len(rows) - len(once)])
        return _ContactVersions(entered[rows], numbers[rows], copies, (seen_on - entered[rows]) // _WRITTEN_EVERY)

    def _upkeep(self, contacts: _ContactVersions) -> Upkeep:
        versions = 5 + self._draws.below(_MOST_VERSIONS - 4, "contact versions", *contacts.identity)
        return _FATE.upkeep(versions, self._draws, "contact", *contacts.identity)

    def _rows(self, contacts: _ContactVersions) -> pa.RecordBatch:
        draws, identity = self._draws, contacts.identity
        people = Visits(contacts.entered, contacts.numbers, np.zeros_like(contacts.versions))
        first, last = self._customers.names_of(people)
        digits = 10_000_000 + draws.below(90_000_000, "contact phone", *identity)
        titles = words(draws.below(len(JOB_TITLES), "contact title", *identity), JOB_TITLES)
        sources = words(draws.below(len(LEAD_SOURCES), "contact source", *identity), LEAD_SOURCES)
        columns = {
            "Id": joined("003", padded(contacts.entered, 5), padded(contacts.numbers, 6), padded(contacts.copies, 1)),
            "AccountId": self._account_ids(contacts),
            "FirstName": words(first, FIRST_NAMES),
            "LastName": words(last, LAST_NAMES),
            "Email": self._typed_emails(contacts, people),
            "Phone": without(joined("+", padded(digits, 8)), draws.happens(0.1, "contact phone missing", *identity)),
            "Title": without(titles, draws.happens(0.1, "contact title missing", *identity)),
            "LeadSource": without(sources, draws.happens(0.2, "contact source missing", *identity)),
            "SystemModstamp": instants(
                in_office_hours(contacts.days, draws, "contact time", *identity, contacts.versions)
            ),
            "IsDeleted": pa.array(self._upkeep(contacts).deletes(contacts.versions)),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _account_ids(self, contacts: _ContactVersions) -> pa.Array:
        """Who they work for: some nobody that is known, some somebody else after a while."""
        draws, identity = self._draws, contacts.identity
        moved = contacts.versions >= draws.below(60, "contact moves", *identity)
        accounts = self._accounts.picked(contacts.days, "contact account", *identity, moved)
        return without(accounts.ids, draws.happens(0.03, "contact without account", *identity))

    def _typed_emails(self, contacts: _ContactVersions, people: Visits) -> pa.Array:
        """Addresses as salespeople type them: some in capitals, some with blanks, some empty or missing."""
        now = self._customers.last_visits(people, contacts.days)
        follows = self._draws.happens(_FOLLOWS_SHARE, "contact follows", *contacts.identity)
        known = Visits(people.signed_up, people.numbers, np.where(follows, now.visits, people.visits))
        plain = self._customers.email_of(known)
        habit = pa.array(self._draws.share("contact e-mail habit", *contacts.identity))
        return pc.case_when(
            pc.make_struct(*(pc.less(habit, most) for most in (0.04, 0.05, 0.1, 0.15, 0.18))),
            pa.nulls(len(contacts), pa.string()),
            pa.scalar(""),
            pc.utf8_title(plain),
            pc.utf8_upper(plain),
            joined("  ", plain, " "),
            plain,
        )
