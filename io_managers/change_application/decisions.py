"""What changes make of the stored rows: decided for the keys that changed, then merged with everything else.

Decisions hold the rows of the changed keys as they stand afterwards, with the contract's columns and

- `_applied` boolean: an incoming row says so, also where an identical one was stored before;
- `_changed` boolean: its data columns differ from the stored row of its key (scd1) or key and sequence (scd2), or it is new;
- `_rewrite` boolean: `_changed`, or the sequence moved on in a technical column;
- `_arrived` date: the arrival window of the incoming row, null unless applied;
- `_partition_before` string: the partition in which it was stored, null for a new one;
- `_touched`, `_touched_before` date: the business dates whose rows are different from before, null where none is.

Scd1 decides on applied rows alone: a stored version that is newer than the incoming one stays as it is. Scd2 decides on
all versions read of a changed key, since a version's end is its successor's beginning.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from contracts.model import CURRENT, IS_CURRENT, VALID_FROM, VALID_TO, VALID_TO_MONTH, WINDOW, Contract
from contracts.partitions import in_partitions
from contracts.row_rules import quoted
from io_managers.change_application.versions import (
    STORED,
    beside_stored,
    is_new,
    latest,
    prevails,
    same_values,
)

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

APPLIED = "_applied"
CHANGED = "_changed"
REWRITE = "_rewrite"
ARRIVED = "_arrived"
PARTITION_BEFORE = "_partition_before"
TOUCHED = "_touched"
TOUCHED_BEFORE = "_touched_before"

_VALIDITY = (VALID_FROM, VALID_TO, IS_CURRENT, VALID_TO_MONTH)


def decide(changes: "DataFrame", existing: "DataFrame | None", contract: Contract) -> "DataFrame":
    """The rows of the changed keys as they stand afterwards, one a key (scd1) or a key and sequence (scd2).

    Changes have the contract's columns, validity aside for scd2, and `_window` date; each has passed its row rules.
    Existing are the rows of the partitions to read (`partitions_to_read`), None for a table without rows.
    """
    if contract.history == "scd2":
        return _decide_history(changes, existing, contract)
    return _decide_latest(changes, existing, contract)


def content(
    decisions: "DataFrame", existing: "DataFrame | None", contract: Contract, replaced: Collection[str]
) -> "DataFrame":
    """The new rows of the partitions to be replaced, in the contract's columns and types: the decided, and all others that stay."""
    columns = [column.name for column in contract.columns]
    decided = decisions.where(in_partitions(contract, replaced))
    if existing is None:
        return decided.select(*columns)
    stored = existing.where(in_partitions(contract, replaced))
    others = stored.join(decisions.select(*contract.key), list(contract.key), "left_anti")
    return _typed(others, contract).unionByName(decided.select(*columns))


def first_content(changes: "DataFrame", contract: Contract) -> "DataFrame":
    """The rows of partitions that hold nothing yet, in the contract's columns and types, and `_window`, in which each arrived."""
    columns = {column.name: F.col(column.name) for column in contract.columns}
    return decide(changes, None, contract).select(*{**columns, WINDOW: F.col(ARRIVED).alias(WINDOW)}.values())


def as_decisions(content: "DataFrame", contract: Contract) -> "DataFrame":
    """First content as the decisions that it comes from: every row of it is new."""
    return content.withColumns(
        {
            APPLIED: F.lit(True),
            CHANGED: F.lit(True),
            REWRITE: F.lit(True),
            ARRIVED: F.col(WINDOW),
            PARTITION_BEFORE: F.lit(None).cast("string"),
            TOUCHED: F.col(contract.touched_column).cast("date"),
            TOUCHED_BEFORE: F.lit(None).cast("date"),
        }
    )


def apply_changes(changes: "DataFrame", existing: "DataFrame | None", contract: Contract) -> "DataFrame":
    """The new rows of every partition that existing covers or changes name, with `_applied` and `_changed`.

    The whole fold in one frame. To publish, take the steps apart, so that only partitions that differ are rewritten.
    """
    decisions = decide(changes, existing, contract)
    columns = [column.name for column in contract.columns]
    decided = decisions.select(*columns, APPLIED, CHANGED)
    if existing is None:
        return decided
    others = existing.join(decisions.select(*contract.key), list(contract.key), "left_anti")
    return _typed(others, contract, F.lit(False).alias(APPLIED), F.lit(False).alias(CHANGED)).unionByName(decided)


def _decide_latest(changes: "DataFrame", existing: "DataFrame | None", contract: Contract) -> "DataFrame":
    incoming = latest(changes, contract, contract.key)
    compared = beside_stored(incoming, existing, contract, contract.key)
    applied = compared.where(prevails(contract)).withColumn(APPLIED, F.lit(True)).withColumn(ARRIVED, F.col(WINDOW))
    return _described(applied, contract)


def _decide_history(changes: "DataFrame", existing: "DataFrame | None", contract: Contract) -> "DataFrame":
    key, version = contract.key, (*contract.key, contract.sequence or "")
    incoming = latest(changes, contract, version)
    if existing is None:
        standing, versions = incoming.withColumns({APPLIED: F.lit(True), ARRIVED: F.col(WINDOW)}), changes
    else:
        existing = existing.join(changes.select(*key), list(key), "left_semi")
        standing = _standing(incoming, existing, contract)
        versions = changes.select(*version).unionByName(existing.select(*version))
    valid = (
        _successors(versions, contract)
        # The wide rows come second, since an engine holds the first side in memory.
        .join(standing, list(version), "right")
        .withColumn(VALID_FROM, F.col(contract.sequence or ""))
        .withColumn(IS_CURRENT, F.col(VALID_TO).isNull())
        .withColumn(VALID_TO_MONTH, F.coalesce(F.date_format(VALID_TO, "yyyy-MM"), F.lit(CURRENT)))
    )
    return _described(beside_stored(valid, None, contract, version) if existing is None else valid, contract)


def _standing(incoming: "DataFrame", existing: "DataFrame", contract: Contract) -> "DataFrame":
    """The versions that stand of the incoming and the stored ones, each with the stored row of its version beside it."""
    version = (*contract.key, contract.sequence or "")
    compared = beside_stored(incoming, existing, contract, version, how="full").withColumn(APPLIED, prevails(contract))
    stated = [column.name for column in contract.columns if column.name not in _VALIDITY]
    return compared.select(
        *(F.when(F.col(APPLIED), F.col(name)).otherwise(F.col(STORED + name)).alias(name) for name in stated),
        *(STORED + column.name for column in contract.columns),
        APPLIED,
        F.when(F.col(APPLIED), F.col(WINDOW)).alias(ARRIVED),
    )


def _successors(versions: "DataFrame", contract: Contract) -> "DataFrame":
    """When each version that isn't its key's last is followed by another: key, sequence and `valid_to`. Versions may repeat."""
    sequence = contract.sequence or ""
    following = F.lead(sequence).over(Window.partitionBy(*contract.key).orderBy(sequence))
    followed = versions.select(*contract.key, sequence, following.alias(VALID_TO))
    # Of copies, the last alone is followed by something later.
    return followed.where(f"{quoted(VALID_TO)} > {quoted(sequence)}")


def _described(compared: "DataFrame", contract: Contract) -> "DataFrame":
    """Decisions, from rows with the stored row of each beside it."""
    sequence = contract.sequence or ""
    changed = is_new(contract) | ~same_values(contract, contract.data_columns)
    rewrite = changed | ~same_values(contract, [sequence])
    if contract.history == "scd2":
        # A version that another one ends is different, but what it says of its first day is not.
        touched = is_new(contract) | ~same_values(
            contract, [name for name in contract.data_columns if name not in _VALIDITY]
        )
    else:
        touched = changed
    return _typed(
        compared,
        contract,
        F.col(APPLIED),
        changed.alias(CHANGED),
        rewrite.alias(REWRITE),
        F.col(ARRIVED),
        F.col(STORED + contract.partition_column).cast("string").alias(PARTITION_BEFORE),
        F.when(touched, F.col(contract.touched_column).cast("date")).alias(TOUCHED),
        F.when(touched, F.col(STORED + contract.touched_column).cast("date")).alias(TOUCHED_BEFORE),
    )


def _typed(frame: "DataFrame", contract: Contract, *others: "Column") -> "DataFrame":
    return frame.select(*(F.col(column.name).cast(column.type) for column in contract.columns), *others)
