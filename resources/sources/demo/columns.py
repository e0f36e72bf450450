"""Generated numbers as Arrow columns, in bulk."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.sources.demo.draws import Flags, Integers

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
"""Times are in microseconds."""
MONEY = pa.decimal128(18, 2)


def words(indices: Integers, vocabulary: Sequence[str | None]) -> pa.Array:
    """The words at indices."""
    return _dictionary(tuple(vocabulary)).take(pa.array(indices))


@lru_cache(maxsize=256)
def _dictionary(vocabulary: tuple[str | None, ...]) -> pa.Array:
    return pa.array(vocabulary, pa.string())


def padded(numbers: Integers, width: int) -> pa.Array:
    """Numbers as digits with leading zeros."""
    return pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width=width, padding="0")


def joined(*parts: pa.Array | str, separator: str = "") -> pa.Array:
    """Texts one behind the other; null where a part is."""
    return pc.binary_join_element_wise(*parts, separator)


def money(cents: Integers) -> pa.Array:
    """Cents as decimal(18,2): the two's complement of 128 bits, low word first."""
    bits = np.empty((len(cents), 2), dtype=np.int64)
    bits[:, 0] = cents
    bits[:, 1] = cents >> 63
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(bits)])


def dates(days: Integers) -> pa.Array:
    """Days since 1970-01-01 as dates."""
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def instants(microseconds: Integers) -> pa.Array:
    """Microseconds since 1970-01-01 UTC as timestamps."""
    return pa.array(microseconds).cast(pa.timestamp("us", tz="UTC"))


def without(column: pa.Array, rows: Flags) -> pa.Array:
    """The column with null in the rows that are flagged."""
    return pc.if_else(pa.array(rows), pa.scalar(None, column.type), column)
