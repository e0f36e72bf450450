"""The generated opportunities of the CRM: opened on a day, then taken from stage to stage over weeks, and won or lost.

An opportunity is the day on which it was opened and a number on that day. Each step is a new version of its row; all of
them are taken within `LIFE_DAYS`, so a day's versions are found by looking at that many days before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.sources.demo.accounts import Accounts
from resources.sources.demo.columns import DAY, HOUR, SECOND, dates, instants, joined, money, padded, without, words
from resources.sources.demo.crm import CrmTable, in_office_hours
from resources.sources.demo.draws import Draws, Integers
from resources.sources.demo.flaws import puts
from resources.sources.demo.vocabulary import (
    DEAL_CURRENCIES,
    DEALS,
    LEAD_SOURCES,
    OPPORTUNITY_STAGES,
    PRICE_LEVELS,
    STAGE_PROBABILITIES,
    WHOLE_UNITS,
)

_PROSPECTING, _QUALIFICATION, _PROPOSAL, _NEGOTIATION, _WON, _LOST = range(len(OPPORTUNITY_STAGES))
_DELETED, _RESTORED = len(OPPORTUNITY_STAGES), len(OPPORTUNITY_STAGES) + 1
_STEPS = _RESTORED + 1
_NEVER = np.iinfo(np.int64).max
_LONGEST_STAGE = 18 * DAY
_LONGEST_REPAIR = 5 * DAY
"""From an opportunity's deletion to its restoration, and from there to its end."""
LIFE_DAYS = 1 + (4 * _LONGEST_STAGE + 2 * _LONGEST_REPAIR) // DAY
"""Days, that of opening included, in which all versions of an opportunity are written."""
_FURTHEST_WEIGHTS = (12, 14, 18, 56)
"""How many get no further than each of the open stages."""
_SATURDAY = 5
_CURRENCIES = tuple(DEAL_CURRENCIES)
_LEVELS = np.array([PRICE_LEVELS[currency] for currency in _CURRENCIES])
_IS_WHOLE = np.isin(_CURRENCIES, WHOLE_UNITS)

FLAWS = (
    puts("Id", None),
    puts("Amount", "tbd"),
    puts("Amount", "1000.005"),
    puts("CloseDate", "2026-02-30"),
    puts("Probability", "likely"),
    puts("IsDeleted", "maybe"),
)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps that opportunities took, each a version of the row."""

    opened: Integers
    """Days since 1970-01-01."""
    numbers: Integers
    furthest: Integers
    """The last of the open stages that the opportunity reaches."""
    steps: Integers
    """A stage that was reached, the deletion or the restoration."""
    times: Integers

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True, slots=True)
class _Courses:
    """Opportunities and when each takes its steps."""

    opened: Integers
    numbers: Integers
    furthest: Integers
    times: Integers
    """Opportunities x steps, in microseconds since 1970-01-01 UTC; `_NEVER` where a step isn't taken."""

    def at(self, rows: Integers, steps: Integers) -> _Steps:
        return _Steps(self.opened[rows], self.numbers[rows], self.furthest[rows], steps, self.times[rows, steps])


class Opportunities(CrmTable[_Steps]):
    """The opportunities of accounts."""

    def __init__(self, draws: Draws, scale: float, accounts: Accounts) -> None:
        super().__init__(draws, FLAWS)
        self._scale = scale
        self._accounts = accounts

    def _written_on(self, day: int) -> _Steps:
        courses = self._opened_up_to(day)
        return courses.at(*np.nonzero((courses.times >= day * DAY) & (courses.times < (day + 1) * DAY)))

    def _standing(self, lake_start: int) -> Iterator[_Steps]:
        courses = self._opened_up_to(lake_start - 1)
        taken = np.where(courses.times < lake_start * DAY, courses.times, -1)
        yield courses.at(np.arange(len(courses.numbers)), taken.argmax(axis=1))

    def _opened_up_to(self, day: int) -> _Courses:
        days = np.arange(day - LIFE_DAYS + 1, day + 1, dtype=np.int64)
        per_day = self._number_opened(days)
        opened = np.repeat(days, per_day)
        numbers = np.arange(len(opened), dtype=np.int64) - np.repeat(np.cumsum(per_day) - per_day, per_day)
        furthest = self._draws.choice(_FURTHEST_WEIGHTS, "opportunity furthest", opened, numbers)
        return _Courses(opened, numbers, furthest, self._times(opened, numbers, furthest))

    def _number_opened(self, days: Integers) -> Integers:
        is_weekend = (days + 3) % 7 >= _SATURDAY
        usual = np.where(is_weekend, 11, 16) * (0.9 + 0.2 * self._draws.share("opportunities of the day", days))
        return np.maximum(1, np.rint(usual * self._scale)).astype(np.int64)

    def _times(self, opened: Integers, numbers: Integers, furthest: Integers) -> Integers:
        draws, identity = self._draws, (opened, numbers)
        times = np.full((len(numbers), _STEPS), _NEVER, dtype=np.int64)
        time = in_office_hours(opened, draws, "opportunity opened", *identity)
        for stage in range(_PROSPECTING, _NEGOTIATION + 1):
            times[:, stage] = np.where(stage <= furthest, time, _NEVER)
            lasts = DAY + self._seconds(_LONGEST_STAGE - DAY, "opportunity stage", *identity, stage)
            time = np.where(stage <= furthest, time + lasts, time)
        is_deleted = draws.happens(0.06, "opportunity deleted", *identity)
        is_restored = is_deleted & draws.happens(0.4, "opportunity restored", *identity)
        restored = time + HOUR + self._seconds(_LONGEST_REPAIR - HOUR, "opportunity restoration", *identity)
        decided = restored + HOUR + self._seconds(_LONGEST_REPAIR - HOUR, "opportunity decision", *identity)
        is_won = (furthest == _NEGOTIATION) & draws.happens(0.6, "opportunity won", *identity)
        closed = np.where(is_restored, decided, np.where(is_deleted, _NEVER, time))
        times[:, _WON] = np.where(is_won, closed, _NEVER)
        times[:, _LOST] = np.where(is_won, _NEVER, closed)
        times[:, _DELETED] = np.where(is_deleted, time, _NEVER)
        times[:, _RESTORED] = np.where(is_restored, restored, _NEVER)
        return times

    def _seconds(self, most: int, purpose: str, *identity: Integers | int) -> Integers:
        """A time of whole seconds, in microseconds."""
        return self._draws.below(most // SECOND, purpose, *identity) * SECOND

    def _rows(self, steps: _Steps) -> pa.RecordBatch:
        draws, identity = self._draws, (steps.opened, steps.numbers)
        stages = np.where(steps.steps >= _DELETED, steps.furthest, steps.steps)
        is_open = stages <= _NEGOTIATION
        currencies = draws.choice(tuple(DEAL_CURRENCIES.values()), "opportunity currency", *identity)
        is_ours = draws.happens(0.95, "opportunity account known", *identity)
        accounts = self._accounts.picked(steps.opened, "opportunity account", *identity)
        deals = words(draws.below(len(DEALS), "opportunity deal", *identity), DEALS)
        sources = words(draws.below(len(LEAD_SOURCES), "opportunity source", *identity), LEAD_SOURCES)
        columns = {
            "Id": joined("006", padded(steps.opened, 5), padded(steps.numbers, 7)),
            "AccountId": without(accounts.ids, ~is_ours),
            "Name": pc.if_else(pa.array(is_ours), joined(self._accounts.names(accounts), " - ", deals), deals),
            "StageName": without(
                words(stages, OPPORTUNITY_STAGES),
                is_open & draws.happens(0.015, "opportunity stage missing", *identity, stages),
            ),
            "Amount": self._amounts(steps, stages, currencies),
            "CurrencyIsoCode": without(
                words(currencies, _CURRENCIES), draws.happens(0.005, "opportunity currency missing", *identity)
            ),
            "CloseDate": dates(np.where(is_open, self._expected_close(steps), steps.times // DAY)),
            "Probability": without(
                pa.array(STAGE_PROBABILITIES, pa.decimal128(5, 2)).take(pa.array(stages)),
                draws.happens(0.01, "opportunity probability missing", *identity, stages),
            ),
            "LeadSource": without(sources, draws.happens(0.15, "opportunity source missing", *identity)),
            "SystemModstamp": instants(steps.times),
            "IsDeleted": pa.array(steps.steps == _DELETED),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _amounts(self, steps: _Steps, stages: Integers, currencies: Integers) -> pa.Array:
        """Estimated at first, if at all, then quoted with the proposal."""
        draws, identity = self._draws, (steps.opened, steps.numbers)
        estimate = 400 * 200 ** draws.share("opportunity amount", *identity)
        quoted = 0.8 + 0.4 * draws.share("opportunity quote", *identity)
        cents = 100 * estimate * np.where(stages >= _PROPOSAL, quoted, 1.0) * _LEVELS[currencies]
        rounded = np.where(_IS_WHOLE[currencies], np.rint(cents / 100) * 100, np.rint(cents)).astype(np.int64)
        is_unknown = (stages < _PROPOSAL) & draws.happens(0.06, "opportunity amount unknown", *identity)
        return without(money(rounded), is_unknown)

    def _expected_close(self, steps: _Steps) -> Integers:
        """When it was meant to be closed at first; put off at times."""
        identity = (steps.opened, steps.numbers)
        first = steps.opened + 20 + self._draws.below(60, "opportunity close", *identity)
        is_put_off = self._draws.happens(0.2, "opportunity put off", *identity, steps.steps)
        return np.where(is_put_off, first + 14, first)
