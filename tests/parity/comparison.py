"""Two lakes table by table: the same rows, as multisets, in columns of the same names, types and order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from contracts.model import Contract
from io_managers.quarantine import read_quarantine
from io_managers.storage import Storage

TECHNICAL = frozenset({"_ingested_at", "_attempt", "_run_id"})
"""Columns that say when and by which run a row came."""
EXAMPLES = 3


@dataclass(frozen=True)
class Parity:
    """What two lakes hold of a table."""

    table: str
    rows: int
    """In the first lake."""
    checksum: str
    """Of the first lake's rows, whatever their order: the sum of their 64-bit hashes, in hexadecimal."""
    differences: tuple[str, ...]
    """In what the lakes differ; examples of rows where it is rows."""


def compare_lakes(first: str, second: str, contracts: Mapping[str, Contract]) -> Iterator[Parity]:
    """Compares every table of two lakes, and then what each has set aside.

    Raises:
        TableNotFoundError: a lake lacks a table.
    """
    for contract in contracts.values():
        left, right = (
            DeltaTable(Storage(root).table_uri(contract.table)).to_pyarrow_dataset() for root in (first, second)
        )
        yield _compare(contract.table, left, left.schema, right, right.schema)
    for contract in contracts.values():
        aside = [read_quarantine(Storage(root), contract) for root in (first, second)]
        if any(one.num_rows for one in aside):
            yield _compare(f"{contract.table}__quarantine", aside[0], aside[0].schema, aside[1], aside[1].schema)


def _compare(table: str, left: object, schema: pa.Schema, right: object, other: pa.Schema) -> Parity:
    described, against = ([(field.name, field.type) for field in one] for one in (schema, other))
    if described != against:
        differing = [f"{ours} or {theirs}" for ours, theirs in zip(described, against, strict=False) if ours != theirs]
        return Parity(table, 0, "", tuple(differing) or ("one has more columns",))
    names = ", ".join(f'"{name}"' for name, _ in described if name not in TECHNICAL)
    with duckdb.connect() as connection:
        connection.register("ours", left)
        connection.register("theirs", right)
        (rows, checksum), found = (
            connection.sql(f"select count(*), coalesce(sum(hash({names})), 0) from {side}").fetchall()[0]
            for side in ("ours", "theirs")
        )
        differences: list[str] = []
        if (rows, checksum) != found:
            differences.append(f"{rows:,} rows or {found[0]:,}")
            for side, one, another in (("first", "ours", "theirs"), ("second", "theirs", "ours")):
                alone = connection.sql(
                    f"select {names} from {one} except all select {names} from {another} limit {EXAMPLES}"
                )
                differences += [f"only in the {side}: {row}" for row in alone.fetchall()]
    return Parity(table, rows, f"{int(checksum) % 2**64:016x}", tuple(differences))
