"""Into which runs the days and tables that have to be loaded are joined: a run has a contiguous range of days, and some tables."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.days import ranges
from contracts.model import Contract
from io_managers.staleness import Outstanding, TableState

SHORT_GAP = 7
"""Days. A run costs seconds before it loads anything, so that a gap of a few days is loaded again rather than left out."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One run: a contiguous range of days, and the tables that are loaded for all of them."""

    first: dt.date
    last: dt.date
    tables: tuple[str, ...]


def next_batches(
    due: Sequence[Outstanding], states: Mapping[str, TableState], contracts: Mapping[str, Contract], today: dt.date
) -> list[Batch]:
    """The runs to start now. Bronze and silver go first: what they touch decides which days of gold follow.

    Gold without any day has none that could be touched, and comes along.
    """
    fresh = [one for one in due if contracts[one.table].layer != "gold"]
    if not any(state.loaded for table, state in states.items() if contracts[table].layer == "gold"):
        return exact_batches(due)
    return exact_batches(fresh) if fresh else gold_batches(due, contracts, today)


def exact_batches(due: Iterable[Outstanding]) -> list[Batch]:
    """As few runs as contiguous ranges of days with the same tables allow, oldest first; nothing but what is due."""
    tables_by_day: dict[dt.date, list[str]] = {}
    for one in due:
        tables_by_day.setdefault(one.day, []).append(one.table)
    joined: list[Batch] = []
    for day in sorted(tables_by_day):
        tables = tuple(tables_by_day[day])
        if joined and joined[-1].tables == tables and joined[-1].last + dt.timedelta(days=1) == day:
            joined[-1] = Batch(joined[-1].first, day, tables)
        else:
            joined.append(Batch(day, day, tables))
    return joined


def gold_batches(due: Sequence[Outstanding], contracts: Mapping[str, Contract], today: dt.date) -> list[Batch]:
    """Few runs for days of gold that are scattered: tables with the same restatement window go together, over short gaps.

    What is loaded besides comes out as it was, if it is within the window; older days, which a load would restate, are never
    loaded unless they are due.
    """
    by_window: dict[int, list[Outstanding]] = {}
    for one in due:
        by_window.setdefault(contracts[one.table].restatement_days, []).append(one)
    runs: list[Batch] = []
    # Facts, whose window is the longest, come before the snapshots that are made from them.
    for window in sorted(by_window, reverse=True):
        oldest = today - dt.timedelta(days=window)
        runs += exact_batches(one for one in by_window[window] if one.day < oldest)
        runs += _over_short_gaps([one for one in by_window[window] if one.day >= oldest])
    return _together(runs)


def _over_short_gaps(due: Sequence[Outstanding]) -> list[Batch]:
    return [
        Batch(first, last, tuple(dict.fromkeys(one.table for one in due if first <= one.day <= last)))
        for first, last in ranges((one.day for one in due), step=SHORT_GAP)
    ]


def _together(runs: Iterable[Batch]) -> list[Batch]:
    """Runs of the same range joined, where no other comes between them."""
    joined: list[Batch] = []
    for run in runs:
        if joined and (joined[-1].first, joined[-1].last) == (run.first, run.last):
            joined[-1] = Batch(run.first, run.last, tuple(dict.fromkeys((*joined[-1].tables, *run.tables))))
        else:
            joined.append(run)
    return joined
