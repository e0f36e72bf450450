"""Values that rows have in common though they should not: found by hashes, confirmed by value."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asset_checks.shown import as_text, shortened
from contracts.hashes import hash_of
from contracts.model import Contract
from contracts.row_rules import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def repeats(
    contract: Contract, rows: "DataFrame", columns: Sequence[str], most: int
) -> tuple[int, list[dict[str, str | None]]]:
    """How many rows repeat another's values of some columns, and a few of those values. Rows with a null among them repeat nothing.

    Hashes are grouped first, as that is cheaper than the values; only rows that share a hash are compared by value.
    """
    complete = rows.where(" and ".join(f"{quoted(name)} is not null" for name in columns)).selectExpr(
        *map(quoted, columns), f"{_key_hash(columns)} as _hash"
    )
    shared = complete.groupBy("_hash").count().where("count > 1").select("_hash")
    if not shared.limit(1).collect():
        return 0, []
    repeated = complete.join(shared, "_hash", "left_semi").groupBy(*columns).count().where("count > 1")
    surplus: int = repeated.selectExpr("coalesce(sum(count - 1), 0) as surplus").collect()[0]["surplus"]
    if not surplus:
        return 0, []
    shown = as_text(contract, [(name, contract.by_name[name].type) for name in columns])
    return surplus, [shortened(row.asDict()) for row in repeated.limit(most).selectExpr(*shown).collect()]


def _key_hash(columns: Sequence[str]) -> str:
    """Spark SQL text of the hash that likely repeats are found by."""
    return hash_of(map(quoted, columns))
