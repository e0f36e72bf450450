"""Which version of a key stands: the rule for ties, the latest of many, and an incoming version against a stored one.

The rule, for versions of one key: the greatest sequence; then the greatest signed xxhash64 of the payload columns in
the contract's order; then the greatest payload as JSON. A hash passes over null, so payloads that differ in where a
null stands can share it, and JSON tells them apart. Versions that are still equal are copies of each other.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Literal

from pyspark.sql import Window
from pyspark.sql import functions as F

from contracts.hashes import VARYING_NULL
from contracts.json_text import json_of_row
from contracts.model import WINDOW, Contract
from contracts.row_rules import quoted
from contracts.types import nested

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

STORED = "_stored_"
"""What the names of a stored row's columns begin with where it stands beside an incoming one."""


def comparable(contract: Contract, name: str, prefix: str = "") -> "Column":
    """A column's value in a form that can be hashed and compared: a map as its entries, sorted by key."""
    return F.expr(comparable_expression(contract, name, prefix)[0])


def comparable_expression(contract: Contract, name: str, prefix: str = "") -> tuple[str, str]:
    """The same as an SQL expression, and its type."""
    value, kind = quoted(prefix + name), contract.by_name[name].type
    match nested(kind):
        case "map", [key, item]:
            return f"sort_array(map_entries({value}))", f"array<struct<key:{key},value:{item}>>"
        case _:
            return value, kind


def hash_columns(*columns: "Column") -> "Column":
    """The signed 64-bit hash of some columns; it passes over null."""
    return F.xxhash64(*columns, F.expr(VARYING_NULL))


def payload_hash(contract: Contract, prefix: str = "") -> "Column":
    """The signed 64-bit hash that breaks ties first."""
    return hash_columns(*(comparable(contract, name, prefix) for name in contract.payload))


def payload_json(contract: Contract, prefix: str = "") -> "Column":
    """The JSON text that breaks ties last: equal just where payloads are."""
    return F.expr(json_of_row((name, *comparable_expression(contract, name, prefix)) for name in contract.payload))


def same_values(contract: Contract, names: Iterable[str]) -> "Column":
    """Whether a row has the same values, nulls included, as the stored row beside it."""
    return reduce(
        and_,
        (comparable(contract, name).eqNullSafe(comparable(contract, name, STORED)) for name in names),
        F.lit(True),
    )


def split_by_repetition(frame: "DataFrame", columns: Sequence[str]) -> "tuple[DataFrame, DataFrame]":
    """The rows whose values in the columns occur once, and all others.

    A hash stands for the values, so a collision may put a row among the others that belongs to the first: the caller
    treats those exactly, and none of the first occurs twice. Counting hashes is what lets wide windows see few rows.
    """
    hashed = frame.select("*", hash_columns(*map(F.col, columns)).alias("_hash"))
    repeated = hashed.groupBy("_hash").agg(F.count("*").alias("_count")).where("_count > 1").select("_hash")
    return (
        hashed.join(repeated, "_hash", "left_anti").drop("_hash"),
        hashed.join(repeated, "_hash", "left_semi").drop("_hash"),
    )


def latest(changes: "DataFrame", contract: Contract, identity: Sequence[str]) -> "DataFrame":
    """One row an identity: the version that stands, of copies the one that arrived first."""
    single, repeated = split_by_repetition(changes, identity)
    one = Window.partitionBy(*identity)
    newest = repeated.withColumn("_rank", F.rank().over(one.orderBy(F.col(contract.sequence or "").desc())))
    tied = newest.where("_rank = 1").withColumn("_tied", F.count("*").over(one) > 1)
    # Of ties alone: JSON of all versions would take longer than everything else.
    order = [
        F.when(F.col("_tied"), payload_hash(contract)).desc(),
        F.when(F.col("_tied"), payload_json(contract)).desc(),
        F.col(WINDOW).asc(),
    ]
    first = tied.withColumn("_rank", F.row_number().over(one.orderBy(*order))).where("_rank = 1")
    return single.unionByName(first.drop("_rank", "_tied"))


def beside_stored(
    incoming: "DataFrame",
    existing: "DataFrame | None",
    contract: Contract,
    identity: Sequence[str],
    how: Literal["left", "full"] = "left",
) -> "DataFrame":
    """The incoming rows, each with the stored row of its identity beside it: the same columns as `_stored_<name>`, null where none is.

    A full join also keeps the stored rows that no incoming one meets.
    """
    if existing is None:
        nothing = (F.lit(None).cast(column.type).alias(STORED + column.name) for column in contract.columns)
        return incoming.select("*", *nothing)
    stored = existing.select(*(F.col(column.name).alias(STORED + column.name) for column in contract.columns))
    return incoming.join(stored, [F.col(name) == F.col(STORED + name) for name in identity], how)


def is_new(contract: Contract) -> "Column":
    """Whether no stored row stands beside a row."""
    return F.col(STORED + contract.key[0]).isNull()


def prevails(contract: Contract) -> "Column":
    """Whether an incoming row stands against the stored row beside it: a copy of it does, no row does not."""
    sequence, stored_sequence = F.col(contract.sequence or ""), F.col(STORED + (contract.sequence or ""))
    incoming_hash, stored_hash = payload_hash(contract), payload_hash(contract, STORED)
    # Cases, not a conjunction: JSON is made only for the few rows that get that far.
    return (
        F.when(is_new(contract), F.lit(True))
        .when(F.col(contract.key[0]).isNull(), F.lit(False))
        .when(sequence != stored_sequence, sequence > stored_sequence)
        .when(same_values(contract, contract.payload), F.lit(True))
        .when(incoming_hash != stored_hash, incoming_hash > stored_hash)
        .otherwise(payload_json(contract) >= payload_json(contract, STORED))
    )
