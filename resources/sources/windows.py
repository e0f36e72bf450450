"""Which arrival windows a row belongs to, by its cursor: the one place that knows the contract's exceptions."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.model import Contract
from resources.sources.interface import Window

Days = npt.NDArray[np.int32]
"""Days since 1970-01-01."""

_EPOCH = dt.date(1970, 1, 1)
NO_DAY = np.iinfo(np.int32).min
"""Stands for the day of a cursor that is null or unreadable."""


def day_number(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def date_of(number: int) -> dt.date:
    """The date that is a number of days after 1970-01-01."""
    return _EPOCH + dt.timedelta(days=number)


def cursor_days(cursor: pa.Array) -> Days:
    """The UTC day of each date or timestamp; `NO_DAY` where it is null."""
    days = pc.cast(pc.cast(cursor, pa.date32(), safe=False), pa.int32())
    return pc.fill_null(days, NO_DAY).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Placement:
    """Rows of a batch and the window in which each arrives; a row occurs once for each of its windows."""

    rows: npt.NDArray[np.int64]
    windows: Days


def place(days: Days, contract: Contract, window: Window) -> Placement:
    """The rows that arrive within a window, by the day of their cursor, in window order for overlapping windows."""
    first, last, start = (day_number(day) for day in (window.first, window.last, window.lake_start))
    without_cursor = days == NO_DAY
    own = np.where(without_cursor, start, days)
    if contract.open_to_past:
        own = np.maximum(own, start)
    rows, windows = [], []
    for later in range(contract.window_days):
        arrives = own + later
        kept = (arrives >= first) & (arrives <= last)
        if later:
            kept &= ~without_cursor
        rows.append(np.flatnonzero(kept))
        windows.append(arrives[kept])
    return Placement(np.concatenate(rows), np.concatenate(windows).astype(np.int32))


def windows_of_days(days: range, contract: Contract, window: Window) -> range:
    """The windows, as days since 1970-01-01, in which cursors of a range of days arrive, cut to those of a window."""
    first, last, start = (day_number(day) for day in (window.first, window.last, window.lake_start))
    earliest, latest = days.start, days.stop - 1
    if contract.open_to_past:
        earliest, latest = max(earliest, start), max(latest, start)
    return range(max(earliest, first), min(latest + contract.window_days - 1, last) + 1)


class WindowCount:
    """Counts rows by window from the days of their cursors alone: a second opinion on where `place` puts rows."""

    def __init__(self, contract: Contract, window: Window) -> None:
        self._contract = contract
        self._window = window
        self._earliest = day_number(window.first) - contract.window_days + 1
        self._rows_by_day = np.zeros(day_number(window.last) - self._earliest + 1, dtype=np.int64)
        self._rows_before_start = 0
        self._rows_without_cursor = 0

    def add(self, days: Days) -> None:
        """Counts the rows of a batch."""
        self._rows_without_cursor += int((days == NO_DAY).sum())
        self._rows_before_start += int(((days < day_number(self._window.lake_start)) & (days != NO_DAY)).sum())
        within = (days >= self._earliest) & (days < self._earliest + len(self._rows_by_day))
        self._rows_by_day += np.bincount(days[within] - self._earliest, minlength=len(self._rows_by_day))

    @property
    def by_window(self) -> Mapping[dt.date, int]:
        """The rows of every window, windows without rows included."""
        sums = np.convolve(self._rows_by_day, np.ones(self._contract.window_days, dtype=np.int64), mode="valid")
        counts = dict(zip(self._window.days, sums.tolist(), strict=True))
        if self._window.has_lake_start:
            counts[self._window.first] += self._rows_without_cursor
            counts[self._window.first] += self._rows_before_start if self._contract.open_to_past else 0
        return counts
