"""A table as it becomes over the years reads alike on every engine and in delta-rs, whichever engine wrote which part of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable

from contracts.model import Contract
from io_managers.publish import Publication, publish, rebuild
from io_managers.reads import read_frame
from io_managers.snapshot import open_snapshot
from io_managers.staging import stage
from io_managers.storage import Storage
from io_managers.upkeep import CHECKPOINT_EVERY
from tests.io_managers.publish_support import (
    AMOUNT,
    CLOCK,
    DAY,
    KEY,
    ODD,
    TABLE,
    VALUE,
    arrow,
    make_contract,
    new_run,
    stage_arrow,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Rows = Sequence[tuple[object, ...]]

NARROW = make_contract(DAY, KEY, replace(VALUE, type="int"), replace(AMOUNT, type="decimal(9,2)"))
WIDE = make_contract(
    DAY,
    KEY,
    VALUE,
    replace(AMOUNT, type="decimal(38,2)"),
    replace(VALUE, name="more", type="string"),
    version="1.1.0",
)
LARGEST, SMALLEST = Decimal("9" * 36 + ".99"), Decimal("-" + "9" * 36 + ".99")
OLD = [(day, "k", number - 2**31, Decimal("1234567.89")) for number, day in enumerate(ODD)]
NEW = [
    ("2026-10-01", "k", 2**40, LARGEST, "added"),
    ("2026-10-01", "l", None, SMALLEST, None),
    ("2026-10-02", "é→木", 2**31, Decimal("12345678901234567890.12"), ""),
]
EMPTIED = ODD[0]


class Life:
    """What happens to one table, its loads staged by one engine after the other."""

    def __init__(self, storage: Storage, engines: Sequence["SparkSession"]) -> None:
        self.storage = storage
        self._engines = cycle(engines)
        self.contract = NARROW

    def load(self, rows: Rows, days: Sequence[str], contract: Contract, send: Callable[..., object] = publish) -> None:
        """Stages by the next engine, and publishes."""
        types = ", ".join(f"{column.name} {column.type}" for column in contract.columns)
        frame = next(self._engines).createDataFrame(arrow(rows, contract), types)
        staged = stage(frame, self.storage, TABLE, new_run(), "step", 0, [contract.partition_column])
        self._send(contract, send, staged=(staged,), replaced=frozenset(days))

    def grow_to_a_checkpoint(self) -> None:
        """Loads one day so often that a checkpoint stands for the log."""
        for number in range(CHECKPOINT_EVERY):
            staged = stage_arrow(self.storage, arrow([("2026-10-03", "k", number, None, None)], WIDE), new_run())
            self._send(WIDE, publish, staged=(staged,), replaced=frozenset({"2026-10-03"}))

    def _send(self, contract: Contract, send: Callable[..., object], **given: object) -> None:
        self.contract = contract
        snapshot = open_snapshot(self.storage, contract, rebuild=send is rebuild)
        publication = Publication(contract=contract, run_id=new_run(), step="step", clock=CLOCK, **given)  # type: ignore[arg-type]
        send(self.storage, snapshot, publication)

    def read_by(self, session: "SparkSession", predicate: str | None = None) -> list[tuple[object, ...]]:
        """The rows as an engine reads them, sorted."""
        path = self.storage.engine_path(self.storage.table_uri(TABLE))
        version = open_snapshot(self.storage, self.contract).version
        return in_order(read_frame(session, path, version, self.contract, predicate).collect())

    def read_without_engine(self) -> list[tuple[object, ...]]:
        """The rows as delta-rs reads them, sorted."""
        names = [column.name for column in self.contract.columns]
        rows = DeltaTable(self.storage.table_uri(TABLE)).to_pyarrow_table(columns=names).to_pylist()
        return in_order(row.values() for row in rows)


def in_order(rows: Iterable[Iterable[object]]) -> list[tuple[object, ...]]:
    """Rows, nulls among them, in an order of their own."""
    return sorted((tuple(row) for row in rows), key=repr)


@pytest.fixture(params=["sail first", "spark first"])
def engines(spark: "SparkSession", jvm: "SparkSession", request: pytest.FixtureRequest) -> list["SparkSession"]:
    """Both, in the order in which they stage."""
    return [spark, jvm] if request.param == "sail first" else [jvm, spark]


def test_a_table_reads_alike_whatever_became_of_it_and_whoever_wrote_it(
    storage: Storage, engines: list["SparkSession"]
) -> None:
    life = Life(storage, engines)

    def holds(*expected: tuple[object, ...]) -> None:
        assert life.read_without_engine() == in_order(expected)
        for engine in engines:
            assert life.read_by(engine) == in_order(expected)

    life.load(OLD, ODD, NARROW)
    holds(*OLD)
    for day in ODD:
        for engine in engines:
            literal = day.replace("\\", "\\\\").replace("'", "\\'")
            assert [row[0] for row in life.read_by(engine, f"day = '{literal}'")] == [day]

    life.load(NEW, ["2026-10-01", "2026-10-02"], WIDE)
    life.load([], [EMPTIED], WIDE)
    kept = [(*row, None) for row in OLD if row[0] != EMPTIED]
    holds(*kept, *NEW)
    for engine in engines:
        assert life.read_by(engine, f"amount = cast('{LARGEST}' as decimal(38,2))") == [NEW[0]]
        assert life.read_by(engine, f"amount <= cast('{SMALLEST}' as decimal(38,2))") == [NEW[1]]
        assert life.read_by(engine, "value > 2147483647") == in_order([NEW[0], NEW[2]])
        assert life.read_by(engine, f"value = {1 - 2**31}") == [row for row in kept if row[2] == 1 - 2**31]

    life.grow_to_a_checkpoint()
    assert DeltaTable(storage.table_uri(TABLE)).version() >= CHECKPOINT_EVERY
    last = ("2026-10-03", "k", CHECKPOINT_EVERY - 1, None, None)
    holds(*kept, *NEW, last)

    life.load(NEW[:1], ["2026-10-01"], WIDE, rebuild)
    holds(NEW[0])
