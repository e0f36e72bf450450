"""The 64-bit hash that rows, keys and payloads are compared by: Spark's xxhash64, on every engine alike."""

from collections.abc import Iterable

VARYING_NULL = "nullif(rand() * 0, 0)"
"""Spark SQL of a null that an engine has to compute for each row; the hash passes over it.

Where a file's statistics say that a column has one value, the embedded engine reads it as a constant; its xxhash64 panics
when all arguments are such, and the rows are more than one.
"""


def hash_of(values: Iterable[str]) -> str:
    """Spark SQL text of the signed 64-bit hash of some values, never null. It passes over values that are null."""
    return f"xxhash64({', '.join((*values, VARYING_NULL))})"
