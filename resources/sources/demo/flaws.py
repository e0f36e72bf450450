"""What goes wrong on the way: rows that are delivered twice, broken rows, and rows without a cursor.

Flaws sit at evenly spread positions of a day's rows, so that their share is bounded on every single day and their number
is known without generating a row.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from resources.sources.demo.draws import Draws, Integers

TextRow = dict[str, str | None]
Flaw = Callable[[TextRow], TextRow]

REPEATED_EVERY = 100
BROKEN_EVERY = 300
FEWEST_ROWS_WITH_BROKEN = 101
"""Below this, one broken row would be more than 1 % of its day."""


def puts(column: str, text: str | None) -> Flaw:
    """The flaw of another text in a column."""
    return lambda row: {**row, column: text}


def moves(column: str, reference: str, days: int) -> Flaw:
    """The flaw of a date that is some days after another column's."""

    def moved(row: TextRow) -> TextRow:
        day = dt.date.fromisoformat((row[reference] or "")[:10]) + dt.timedelta(days=days)
        return {**row, column: day.isoformat()}

    return moved


def delivered_rows(rows: int, draws: Draws, *identity: Any) -> int:
    """How many rows a number of generated rows are delivered as."""
    return rows + len(_spread(rows, REPEATED_EVERY, draws, "repeated", *identity))


def flawed(rows: pa.RecordBatch, flaws: Sequence[Flaw], draws: Draws, *identity: Any) -> Iterator[pa.RecordBatch]:
    """The rows as they are delivered: most as they are, some of them twice, then the broken ones as text."""
    number = rows.num_rows
    may_break = number >= FEWEST_ROWS_WITH_BROKEN
    broken = _spread(number if may_break else 0, BROKEN_EVERY, draws, "broken", *identity)
    order = np.concatenate([np.arange(number), _spread(number, REPEATED_EVERY, draws, "repeated", *identity)])
    is_broken = np.isin(order, broken)
    yield rows.take(pa.array(order[~is_broken]))
    positions = order[is_broken]
    if len(positions):
        kinds = draws.below(len(flaws), "flaw", *identity, positions).tolist()
        yield altered(rows.take(pa.array(positions)), [flaws[kind] for kind in kinds])


def altered(rows: pa.RecordBatch, flaws: Sequence[Flaw]) -> pa.RecordBatch:
    """Rows as text, each with its flaw."""
    texts = [flaw(_as_text(row)) for row, flaw in zip(rows.to_pylist(), flaws, strict=True)]
    return pa.RecordBatch.from_pylist(texts, pa.schema([(name, pa.string()) for name in rows.schema.names]))


def _as_text(row: Mapping[str, Any]) -> TextRow:
    return {name: None if value is None else str(value) for name, value in row.items()}


def _spread(rows: int, every: int, draws: Draws, purpose: str, *identity: Any) -> Integers:
    """Every so many positions, from a start that is drawn."""
    return np.arange(int(draws.below(every, purpose, *identity)), rows, every, dtype=np.int64)
