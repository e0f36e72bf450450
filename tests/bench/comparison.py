"""Whether two tables hold the same rows, whatever their order: what is published of a lake, and what another program wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from contracts.model import Contract

EXAMPLES = 5
TOLERANCE = 1e-9
"""Doubles are the same when they differ by no more than this share of the greater one; everything else must be equal."""


@dataclass(frozen=True)
class Difference:
    """A key whose rows differ."""

    key: Mapping[str, Any]
    reason: str
    """`only in the first`, `only in the second`, `repeated`, or the columns that differ with both values."""


@dataclass(frozen=True)
class Comparison:
    """Two tables, side by side."""

    rows: tuple[int, int]
    differing: int
    """Keys whose rows differ, and columns that only one side has."""
    examples: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not self.differing


def compare_gold(contracts: Mapping[str, Contract], root: str, written: Path) -> dict[str, Comparison]:
    """Compares every gold table of a lake with the Parquet files in `<written>/<table>`, wherever there are any."""
    gold = (contract for contract in contracts.values() if (written / contract.name).exists())
    return {
        contract.name: compare_published(contract, root, written / contract.name)
        for contract in gold
        if contract.layer == "gold"
    }


def compare_published(contract: Contract, root: str, written: Path) -> Comparison:
    """Compares what is published of a table with the Parquet files in a folder; columns that begin with `_` are left out."""
    with duckdb.connect() as database:
        database.execute("set timezone = 'UTC'; set enable_progress_bar = false")
        database.register("published", DeltaTable(f"{root}/{contract.table}").to_pyarrow_dataset())
        database.execute(f"create view first as select {_listed(contract.data_columns)} from published")
        database.execute(f"create view second as select * from read_parquet('{written}/*.parquet')")
        return compare(database, "first", "second", tuple(dict.fromkeys((contract.partition_column, *contract.key))))


def compare(database: duckdb.DuckDBPyConnection, first: str, second: str, key: Sequence[str]) -> Comparison:
    """Compares two tables of a database by their key: column by column, nulls and nested values included."""
    kinds = {name: _columns(database, name) for name in (first, second)}
    columns = [name for name in kinds[first] if name in kinds[second] and name not in key]
    found = [
        Difference({}, f"column {name} only in the {'first' if name in kinds[first] else 'second'}")
        for name in sorted(kinds[first].keys() ^ kinds[second].keys())
    ]
    for side, table in (("first", first), ("second", second)):
        repeated = database.execute(f"select {_listed(key)} from {table} group by all having count(*) > 1")
        found += [
            Difference(dict(zip(key, row, strict=True)), f"repeated in the {side}") for row in repeated.fetchall()
        ]
    differs = {name: _differs(name, kinds[first][name], kinds[second][name]) for name in columns}
    database.execute(f"""
        create or replace temporary table differing as
        select {", ".join(f'coalesce(a."{name}", b."{name}") as "{name}"' for name in key)},
          a.side is null as only_second, b.side is null as only_first,
          [{", ".join(f"if({condition}, '{name}', null)" for name, condition in differs.items())}] as names,
          a as row_a, b as row_b
        from (select *, 1 as side from {first}) a full join (select *, 1 as side from {second}) b
          on {" and ".join(f'a."{name}" = b."{name}"' for name in key)}
        where a.side is null or b.side is null or {" or ".join(f"({one})" for one in differs.values()) or "false"}
    """)
    rows = database.execute(
        f"select {_listed(key)}, only_first, only_second, names, row_a, row_b from differing order by all limit {EXAMPLES}"
    )
    found += [
        Difference(dict(zip(key, values, strict=True)), _reason(only_first, only_second, names, row_a, row_b))
        for *values, only_first, only_second, names, row_a, row_b in rows.fetchall()
    ]
    counted = [_count(database, table) for table in (first, second, "differing")]
    beside = sum(1 for one in found if one.reason.startswith(("column", "repeated")))
    return Comparison((counted[0], counted[1]), counted[2] + beside, tuple(found[:EXAMPLES]))


def _columns(database: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in database.execute(f"describe {table}").fetchall()}


def _count(database: duckdb.DuckDBPyConnection, table: str) -> int:
    counted = database.execute(f"select count(*) from {table}").fetchone()
    return counted[0] if counted else 0


def _differs(name: str, first_kind: str, second_kind: str) -> str:
    first, second = f'a."{name}"', f'b."{name}"'
    if "DOUBLE" not in (first_kind, second_kind):
        return f"{first} is distinct from {second}"
    close = f"abs({first} - {second}) <= {TOLERANCE} * greatest(abs({first}), abs({second}))"
    return f"{first} is distinct from {second} and coalesce(not {close}, true)"


def _reason(
    only_first: bool,
    only_second: bool,
    names: Sequence[str | None],
    first: Mapping[str, Any],
    second: Mapping[str, Any],
) -> str:
    if only_first or only_second:
        return f"only in the {'first' if only_first else 'second'}"
    return "; ".join(f"{name}: {first[name]!r} and {second[name]!r}" for name in names if name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
