"""What the automation would load now, decided from tables' logs and sources' marks alone. Pure; knows no Dagster.

History before a table's first loaded day is no news: loading it is a decision of people, by `lakehouse run` or a backfill.
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from contracts.model import Contract, Read
from io_managers.batches import Batch
from io_managers.reads import dates_read
from io_managers.staleness import NEVER, Arrived, Cause, Outstanding, TableState, dependency_order, plan

Held = Collection[tuple[str, dt.date]]
"""Days of tables that are left out, with whatever is due because of them alone."""

REST = dt.timedelta(minutes=10)
"""Between two loads of the same day of a gold table that isn't live; less than a quarter of an hour, after which it follows."""


@dataclass(frozen=True)
class Moment:
    """The lake as it was when a decision was made."""

    contracts: Mapping[str, Contract]
    states: Mapping[str, TableState]
    """What the tables' logs say."""
    start: dt.date
    """The lake's first day."""
    now: dt.datetime
    """The clock, UTC."""
    arrived: Arrived = field(default_factory=dict)
    """What sources hold, where they were asked."""

    @property
    def today(self) -> dt.date:
        return self.now.date()

    def rests(self, one: Outstanding) -> bool:
        """Whether a day of a gold table that isn't live was loaded a moment ago: it follows its inputs from time to time, not each of them."""
        contract, load = self.contracts[one.table], self.states[one.table].loads.get(one.day)
        return contract.layer == "gold" and not contract.live and load is not None and self.now < load.clock + REST

    def is_history(self, one: Outstanding) -> bool:
        """Whether a day is missing because its table was never loaded so far back."""
        return one.cause is Cause.MISSING and one.day < min(self.states[one.table].loaded, default=self.today)

    def has_all_that_is_read(self, contract: Contract, day: dt.date, loading: Held) -> bool:
        """Whether each table that a day reads has that day, or is loading it, and begins no later than the days that are read.

        A lake that is new has no history yet: orders would find no exchange rate of the days before.
        """

        def has(read: Read) -> bool:
            days = self.states[read.table].loaded
            since = max(dates_read(read, day)[0] or day, self.start) if read.kind == "days" else day
            begins = min(days, default=day)
            return (day in days or (read.table, day) in loading) and begins <= since

        return all(map(has, contract.reads))


def news_of_sources(moment: Moment, without: Held = frozenset()) -> list[Outstanding]:
    """The days, today included, that bronze tables have to load: never loaded, loaded too early, or with more at the source."""
    bronze = {table: contract for table, contract in moment.contracts.items() if contract.layer == "bronze"}

    def wanted(one: Outstanding) -> bool:
        return not moment.is_history(one) and (one.table, one.day) not in without

    found = plan(bronze, moment.states, moment.start, moment.now, moment.arrived, with_open_day=True, wanted=wanted)
    return list(found.due)


def with_followers(news: Iterable[Outstanding], moment: Moment, without: Held = frozenset()) -> list[Outstanding]:
    """Bronze, with what the same run loads after it: the silver tables that read it, and for today the live gold tables after those.

    Gold of which other inputs aren't there yet follows when they are. Which closed days of gold follow is known when silver says what it touched.
    """
    found = list(news)
    loaded = {(one.table, one.day) for one in found}
    for day in sorted({one.day for one in found}):
        for table in dependency_order(moment.contracts):
            contract = moment.contracts[table]
            follows = contract.layer == "silver" or (
                contract.live and day == moment.today and moment.has_all_that_is_read(contract, day, loaded)
            )
            if not follows or (table, day) in without:
                continue
            for read in contract.reads:
                if (read.table, day) in loaded:
                    loaded.add((table, day))
                    found.append(Outstanding(table, day, Cause.STALE, f"{read.table} is about to change"))
                    break
    return found


def news_of_tables(moment: Moment, without: Held = frozenset()) -> list[Outstanding]:
    """The days of silver and gold, today included, that are missing or stale, and for which everything that they read is there."""
    others = {table: contract for table, contract in moment.contracts.items() if contract.layer != "bronze"}
    kept: set[tuple[str, dt.date]] = set()

    def wanted(one: Outstanding) -> bool:
        place = one.table, one.day
        if place in without or moment.is_history(one) or moment.rests(one):
            return False
        if moment.has_all_that_is_read(moment.contracts[one.table], one.day, kept):
            kept.add(place)
            return True
        return False

    return list(plan(others, moment.states, moment.start, moment.now, with_open_day=True, wanted=wanted).due)


def late_news(moment: Moment, without: Held = frozenset()) -> list[Outstanding]:
    """Those of closed days, and of today what a run should have loaded and didn't; gold that isn't live follows today in its own time.

    A table without any day starts at once: tomorrow, today would be history.
    """
    return [
        one
        for one in news_of_tables(moment, without)
        if one.day < moment.today or is_immediate(moment.contracts[one.table]) or not moment.states[one.table].loaded
    ]


def beyond_restatement(moment: Moment) -> dict[str, list[dt.date]]:
    """The days of gold tables that are stale and too old to be loaded by themselves, by table."""
    found: dict[str, list[dt.date]] = {}
    for one in plan(moment.contracts, moment.states, moment.start, moment.now).beyond:
        found.setdefault(one.table, []).append(one.day)
    return found


def sees(batch: Batch, moment: Moment) -> dict[str, str]:
    """What a run would see of the sources of its bronze tables, as a short text each.

    As long as that stays the same, another run would do the same: fail again, if it failed for a reason that stays.
    """
    return {table: digest(_inputs(table, batch, moment)) for table in batch.tables if not moment.contracts[table].reads}


def inputs_changed(table: str, moment: Moment) -> dt.datetime:
    """When what a silver or gold table reads was last changed, by the clock of whoever changed it."""
    states = (moment.states[read.table] for read in moment.contracts[table].reads)
    return max((touch.timestamp for state in states for touch in state.touches), default=NEVER)


def run_key(batch: Batch, moment: Moment) -> str:
    """The same for a run that would do the same to the same versions of the same days, however often it is asked for."""
    own = [
        (table, str(day), load.version)
        for table in batch.tables
        for day, load in moment.states[table].loads.items()
        if batch.first <= day <= batch.last
    ]
    inputs = {table: _inputs(table, batch, moment) for table in batch.tables}
    return f"{batch.first}/{batch.last}/{digest((sorted(inputs.items()), sorted(own)))}"


def digest(content: object) -> str:
    """A short text that is the same for the same content."""
    return hashlib.blake2b(repr(content).encode(), digest_size=6).hexdigest()


def is_immediate(contract: Contract) -> bool:
    """Whether a table is loaded with its inputs, in the same run: silver is, and gold that is live."""
    return contract.layer == "silver" or contract.live


def _inputs(table: str, batch: Batch, moment: Moment) -> list[tuple[str, object]]:
    """The newest version of each table that is read, or the marks of the source's windows."""
    if reads := moment.contracts[table].reads:
        newest = {
            read.table: max((touch.version for touch in moment.states[read.table].touches), default=-1)
            for read in reads
        }
        return sorted(newest.items())
    marks = moment.arrived.get(table, {}).items()
    return sorted((str(day), sorted(found)) for day, found in marks if batch.first <= day <= batch.last)
