"""The hash of a partition's content: tells whether a replaced partition differs from what it replaces.

Two contents have the same hash when they hold the same rows as often, in any order, on any engine; columns whose names
begin with `_` don't count.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from contracts.hashes import hash_of
from contracts.model import Contract
from contracts.row_rules import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True)
class ContentHash:
    """How many rows a partition has, and their hash between 0 and 2**63 - 1."""

    rows: int
    value: int


def content_hashes(frame: "DataFrame", contract: Contract, by: str | None = None) -> dict[str, int]:
    """The hash of each storage partition's rows, by the partition's value as text; between 0 and 2**63 - 1.

    Partitions without rows are left out. `by` is Spark SQL that groups the rows otherwise.
    """
    return {partition: content.value for partition, content in hashed_partitions(frame, contract, by).items()}


def hashed_partitions(frame: "DataFrame", contract: Contract, by: str | None = None) -> dict[str, ContentHash]:
    """The row count and hash of each storage partition, by the partition's value as text, from one scan of the rows.

    The halves of the rows' hashes are summed apart because a sum of whole hashes overflows, which one engine refuses and
    another wraps.
    """
    group = by or quoted(contract.partition_column)
    hashed = frame.selectExpr(f"cast({group} as string) as partition", f"{row_hash(contract)} as hash")
    halves = hashed.selectExpr(
        "partition", "1 as rows", "shiftrightunsigned(hash, 32) as high", "hash & 4294967295 as low"
    )
    sums = halves.groupBy("partition").agg({"rows": "sum", "high": "sum", "low": "sum"}).collect()
    return {partition: ContentHash(rows, combined(rows, high, low)) for partition, rows, high, low in sums}


def combined(rows: int, high: int, low: int) -> int:
    """One number from a content's row count and the sums of the high and low halves of its rows' hashes."""
    total = (high << 32) + low
    return int.from_bytes(hashlib.blake2b(f"{rows}:{total}".encode(), digest_size=8).digest()) >> 1


def row_hash(contract: Contract) -> str:
    """Spark SQL text of a row's signed 64-bit hash, never null."""
    columns = [contract.by_name[name] for name in contract.data_columns]
    return hash_of(part for column in columns for part in _parts(quoted(column.name), column.arrow, 0))


def _parts(value: str, kind: pa.DataType, depth: int) -> list[str]:
    """What of a value goes into a hash so that values that differ, differ there.

    The engine's hash passes over nulls, chains the items of arrays and fields without saying where one ends, and is
    undefined for maps: hence the marks of null, the sizes, and the sorted hashes of a map's entries.
    """
    item = f"v{depth}"
    if pa.types.is_map(kind):
        entry = ", ".join(
            _parts(f"{item}.key", kind.key_type, depth + 1) + _parts(f"{item}.value", kind.item_type, depth + 1)
        )
        return [
            f"coalesce(size({value}), -1)",
            f"array_sort(transform(map_entries({value}), {item} -> xxhash64({entry})))",
        ]
    if pa.types.is_list(kind):
        hashed = ", ".join(_parts(item, kind.value_type, depth + 1))
        return [f"coalesce(size({value}), -1)", f"transform({value}, {item} -> xxhash64({hashed}))"]
    if pa.types.is_struct(kind):
        # Of a null struct, one engine gives whatever lies beneath it.
        fields = [
            (f"case when {value} is not null then {value}.{quoted(field.name)} end", field.type) for field in kind
        ]
        return [f"isnull({value})", *(part for text, field_type in fields for part in _parts(text, field_type, depth))]
    if pa.types.is_decimal(kind) and kind.precision > _LONGEST_NUMBER:
        return [f"cast({value} as string)", f"isnull({value})"]
    return [value, f"isnull({value})"]


_LONGEST_NUMBER = 18
"""Digits up to which engines hash a decimal alike, as a 64-bit number."""
