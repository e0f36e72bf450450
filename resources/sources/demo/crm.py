"""What the generated tables of the CRM have in common.

Entries are written again at intervals, deleted, and at times taken back. The first window also delivers what stood before
it, and every window has the flaws of the way here.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa

from resources.sources.demo.columns import DAY, HOUR, SECOND
from resources.sources.demo.draws import Draws, Flags, Integers
from resources.sources.demo.flaws import Flaw, altered, delivered_rows, flawed, puts

_LOST_CURSORS = (puts("SystemModstamp", None), puts("SystemModstamp", "2026-02-30T08:00:00Z"))
_FIRST_FLAWS = (*_LOST_CURSORS, puts("Id", None))
"""What the first window has of every table, since most days are too small to have broken rows."""
_ROWS_PER_FIRST_FLAW = 7
_NEVER = 1 << 30

Versions = TypeVar("Versions", bound=Sized)


class CrmTable(ABC, Generic[Versions]):
    """A generated table of the CRM; versions are rows that were written, before they are made into columns."""

    def __init__(self, draws: Draws, flaws: Sequence[Flaw]) -> None:
        self._draws = draws
        self._flaws = flaws

    @abstractmethod
    def _written_on(self, day: int) -> Versions:
        """The versions that are written on a day."""

    @abstractmethod
    def _standing(self, lake_start: int) -> Iterator[Versions]:
        """The last version before a day of every entry in living memory, in parts."""

    @abstractmethod
    def _rows(self, versions: Versions) -> pa.RecordBatch:
        """The rows of versions, under the source's column names."""

    def count(self, day: int, lake_start: int) -> int:
        """See `DemoTable.count`."""
        own = delivered_rows(len(self._written_on(day)), self._draws, day)
        if day != lake_start:
            return own
        parts = enumerate(self._standing(lake_start))
        before = sum(delivered_rows(len(part), self._draws, day, number) for number, part in parts)
        return before + own + self._first_flaws(lake_start)

    def rows_without_cursor(self, lake_start: int) -> int:
        """See `DemoTable.rows_without_cursor`."""
        return min(len(_LOST_CURSORS), self._first_flaws(lake_start))

    def batches(self, day: int, lake_start: int) -> Iterator[pa.RecordBatch]:
        """The rows written on a day; on the first day what stood before it, too."""
        rows = self._rows(self._written_on(day))
        if day == lake_start:
            for number, part in enumerate(self._standing(lake_start)):
                yield from flawed(self._rows(part), self._flaws, self._draws, day, number)
            if broken := self._first_flaws(lake_start):
                yield altered(rows.slice(0, broken), _FIRST_FLAWS[:broken])
        yield from flawed(rows, self._flaws, self._draws, day)

    def _first_flaws(self, lake_start: int) -> int:
        return min(len(_FIRST_FLAWS), len(self._written_on(lake_start)) // _ROWS_PER_FIRST_FLAW)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How entries that are written at intervals are kept up, by the numbers of their versions."""

    versions: Integers
    """How many there are; after the last one the entry stays as it is."""
    deleted: Integers
    """The version that deletes the entry; beyond the last where none does."""
    revived: Integers
    """The version that takes the deletion back, and is followed by others again."""

    def has(self, version: Integers) -> Flags:
        """Whether a version is written."""
        kept: Flags = (version <= self.deleted) | (version >= self.revived)
        return kept & (version < self.versions)

    def deletes(self, version: Integers) -> Flags:
        """Whether a version says that the entry is deleted."""
        deletes: Flags = version == self.deleted
        return deletes

    def latest(self, version: Integers) -> Integers:
        """The last version that is written up to one."""
        last = np.minimum(version, self.versions - 1)
        return np.where((last > self.deleted) & (last < self.revived), self.deleted, last)


@dataclass(frozen=True, slots=True)
class Fate:
    """How likely entries are deleted, and how likely it is that a deletion is taken back."""

    deleted: float
    revived: float

    def upkeep(self, versions: Integers, draws: Draws, purpose: str, *identity: Any) -> Upkeep:
        """The upkeep of entries with so many versions, two or more."""
        is_deleted = draws.happens(self.deleted, f"{purpose} deleted", *identity)
        deleted = np.where(is_deleted, 1 + draws.below(versions - 1, f"{purpose} deletion", *identity), _NEVER)
        is_revived = draws.happens(self.revived, f"{purpose} revived", *identity)
        return Upkeep(versions, deleted, np.where(is_revived, deleted + 2, _NEVER))


def in_office_hours(days: Integers, draws: Draws, purpose: str, *identity: Any) -> Integers:
    """A time of these days at which people keep a CRM, in microseconds since 1970-01-01 UTC, to the second."""
    return days * DAY + 6 * HOUR + draws.below(13 * 3_600, purpose, *identity) * SECOND
