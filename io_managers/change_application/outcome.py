"""What a fold did, as the run reports it and as publish needs it: counts, replaced partitions, touched dates."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from contracts.errors import PermanentError
from contracts.json_text import json_of_row
from contracts.model import WINDOW, Contract
from io_managers.change_application.decisions import (
    APPLIED,
    ARRIVED,
    PARTITION_BEFORE,
    REWRITE,
    TOUCHED,
    TOUCHED_BEFORE,
)
from io_managers.change_application.versions import comparable, comparable_expression, hash_columns, split_by_repetition

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


class ChangesNotConservedError(PermanentError):
    """More changes were applied than came in, or the new content holds fewer or more rows than what it is made of."""


@dataclass(frozen=True)
class Outcome:
    """What is different after a fold."""

    applied: Mapping[dt.date, int]
    """Incoming rows that stand in the new content, by arrival window; windows without any are left out."""
    replaced: frozenset[str]
    """Storage partitions whose rows differ, those that lose their last row included."""
    added: int
    """Rows that the new content has beside those that are stored: new keys (scd1), new versions (scd2)."""
    touched: frozenset[dt.date]
    """Business dates whose rows, technical columns aside, differ; both homes of a row that moved."""


def outcome_of(decisions: "DataFrame", contract: Contract) -> Outcome:
    """What decisions change. One aggregate over them."""
    rewrite = F.col(REWRITE)
    groups = (
        decisions.where(F.col(APPLIED) | rewrite)
        .groupBy(
            F.col(ARRIVED),
            F.when(rewrite, F.col(contract.partition_column).cast("string")).alias("partition"),
            F.when(rewrite, F.col(PARTITION_BEFORE)).alias(PARTITION_BEFORE),
            F.col(TOUCHED),
            F.col(TOUCHED_BEFORE),
        )
        .agg(F.count("*").alias("rows"))
        .collect()
    )
    applied: Counter[dt.date] = Counter()
    added = 0
    for group in groups:
        if group[ARRIVED] is not None:
            applied[group[ARRIVED]] += group["rows"]
        if group["partition"] is not None and group[PARTITION_BEFORE] is None:
            added += group["rows"]
    return Outcome(
        applied=dict(applied),
        added=added,
        replaced=frozenset(group[name] for group in groups for name in ("partition", PARTITION_BEFORE)) - {None},
        touched=frozenset(group[name] for group in groups for name in (TOUCHED, TOUCHED_BEFORE)) - {None},
    )


def incoming_by_window(changes: "DataFrame") -> dict[dt.date, int]:
    """How many changes there are, by arrival window."""
    return dict(changes.groupBy(WINDOW).agg(F.count("*")).collect())


def superseded(
    incoming: Mapping[dt.date, int], applied: Mapping[dt.date, int], contract: Contract
) -> dict[dt.date, int]:
    """How many incoming rows don't stand in the new content, by arrival window: copies, older versions, lost ties.

    Raises:
        ChangesNotConservedError: a window has more rows applied than came in, since a key is stored twice.
    """
    for window, rows in sorted(applied.items()):
        if rows > incoming.get(window, 0):
            raise ChangesNotConservedError(
                f"{contract.table}, window {window}: {rows} changes would be applied, but only {incoming.get(window, 0)}"
                f" came in: a key ({', '.join(contract.key)}) is stored more than once, for instance because it moved"
                f" further than the contract's {contract.drift_days} days of drift. Correct the drift, then rebuild the table."
            )
    return {window: rows - applied.get(window, 0) for window, rows in incoming.items()}


def conflicting_versions(changes: "DataFrame", existing: "DataFrame | None", contract: Contract) -> int:
    """How many versions, each a key and sequence, come with different payloads, incoming and stored ones taken together."""
    version = [*contract.key, contract.sequence or ""]
    stated = [*version, *contract.payload]
    versions = changes.select(*stated)
    if existing is not None:
        stored = existing.join(changes.select(*version), version, "left_semi")
        versions = versions.unionByName(stored.select(*stated))
    _, repeated = split_by_repetition(versions, version)
    # Digests of nested columns are dear, and few versions are repeated.
    digests = repeated.select(*version, _payload_digest(contract).alias("_payload"))
    spread = digests.groupBy(*version).agg(F.min("_payload").alias("_least"), F.max("_payload").alias("_greatest"))
    return spread.where("_least <> _greatest").count()


def _payload_digest(contract: Contract) -> "Column":
    """A hash that also sees where nulls are: JSON would, and takes ten times as long."""
    parts = []
    for name in contract.payload:
        value = comparable(contract, name)
        is_nested = "<" in contract.by_name[name].type
        json = json_of_row([(name, *comparable_expression(contract, name))])
        parts += [F.expr(json) if is_nested else value, value.isNull()]
    return hash_columns(*parts)
