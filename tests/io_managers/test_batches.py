"""Into which runs days that are due are joined."""

import datetime as dt
from collections.abc import Iterable

from io_managers.batches import Batch, exact_batches, gold_batches, next_batches
from io_managers.staleness import Cause, Outstanding, TableState
from tests.support import bare_contract

TODAY = dt.date(2026, 3, 31)


CONTRACTS = {
    "bronze/a": bare_contract("bronze/a", restatement_days=0),
    "silver/a": bare_contract("silver/a", restatement_days=30),
    "gold/fact": bare_contract("gold/fact", restatement_days=30),
    "gold/sum": bare_contract("gold/sum", restatement_days=30),
    "gold/snapshot": bare_contract("gold/snapshot", restatement_days=3),
}
LOADED = {"gold/fact": TableState(frozenset({dt.date(2026, 3, 1)}))}


def march(day: int) -> dt.date:
    return dt.date(2026, 3, day)


def due(table: str, days: Iterable[int], cause: Cause = Cause.STALE) -> list[Outstanding]:
    return [Outstanding(table, march(day), cause, "why") for day in days]


def gold(*found: Outstanding) -> list[Batch]:
    return gold_batches(found, CONTRACTS, TODAY)


def test_an_empty_lake_is_loaded_by_one_run() -> None:
    every = [one for table in CONTRACTS for one in due(table, range(1, 31), Cause.MISSING)]
    assert next_batches(every, {}, CONTRACTS, TODAY) == [Batch(march(1), march(30), tuple(CONTRACTS))]


def test_bronze_and_silver_go_before_gold_that_has_days() -> None:
    new = [one for table in CONTRACTS for one in due(table, [30], Cause.MISSING)]
    assert next_batches(new, LOADED, CONTRACTS, TODAY) == [Batch(march(30), march(30), ("bronze/a", "silver/a"))]
    assert next_batches(new[2:], LOADED, CONTRACTS, TODAY) == [
        Batch(march(30), march(30), ("gold/fact", "gold/sum", "gold/snapshot"))
    ]


def test_scattered_days_of_facts_are_one_run_and_snapshots_another() -> None:
    facts = due("gold/fact", [5, 8, 9, 15, 22, 29, 30])
    assert gold(*facts, *due("gold/sum", [8, 30]), *due("gold/snapshot", [28, 29, 30])) == [
        Batch(march(5), march(30), ("gold/fact", "gold/sum")),
        Batch(march(28), march(30), ("gold/snapshot",)),
    ]


def test_a_long_gap_is_left_out() -> None:
    assert gold(*due("gold/fact", [5, 12]), *due("gold/sum", [20, 30])) == [
        Batch(march(5), march(12), ("gold/fact",)),
        Batch(march(20), march(20), ("gold/sum",)),
        Batch(march(30), march(30), ("gold/sum",)),
    ]


def test_what_is_older_than_the_window_is_loaded_alone() -> None:
    """The snapshots of 2 and 4 March are missing; that of 3 March is what was known then, and stays."""
    assert gold(*due("gold/snapshot", [2, 4, 29, 30], Cause.MISSING)) == [
        Batch(march(2), march(2), ("gold/snapshot",)),
        Batch(march(4), march(4), ("gold/snapshot",)),
        Batch(march(29), march(30), ("gold/snapshot",)),
    ]


def test_snapshots_come_after_the_facts_that_they_are_made_from_whatever_their_days() -> None:
    """Nobody loaded anything for two weeks: the snapshots of these days are made from facts as they are now."""
    missing = range(17, 31)
    assert gold(*due("gold/fact", [2, *missing]), *due("gold/snapshot", missing, Cause.MISSING)) == [
        Batch(march(2), march(2), ("gold/fact",)),
        Batch(march(17), march(30), ("gold/fact",)),
        Batch(march(17), march(27), ("gold/snapshot",)),
        Batch(march(28), march(30), ("gold/snapshot",)),
    ]


def test_days_with_the_same_tables_are_one_run() -> None:
    assert exact_batches([*due("gold/fact", [1, 2, 4]), *due("gold/sum", [2])]) == [
        Batch(march(1), march(1), ("gold/fact",)),
        Batch(march(2), march(2), ("gold/fact", "gold/sum")),
        Batch(march(4), march(4), ("gold/fact",)),
    ]
