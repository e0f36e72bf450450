"""What tests of staging and publishing share: a small contract, and staged tables written without an engine."""

import datetime as dt
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from contracts.model import Column, Contract, WriteMode
from io_managers.publish import Publication, PublishConflict, Published, publish
from io_managers.snapshot import Snapshot, open_snapshot
from io_managers.staging import Staged, read_staged_log, staging_path
from io_managers.storage import Storage

TABLE = "silver/things"
AT_ONCE = 25_000_000
"""Values in one write, far above what any of these tests stages."""
CLOCK = dt.datetime(2026, 10, 5, 2, tzinfo=dt.UTC)
DAY = Column("day", "string", "The storage partition.", required=True)
KEY = Column("key", "string", "The key.", required=True, key=True)
VALUE = Column("value", "bigint", "A number.")
AMOUNT = Column("amount", "decimal(20,2)", "Money.")

Row = tuple[str, str, int]

ODD = ["x y", "a/b", "50%", "a=b", "it's", 'say "x"', "é→木", "%20", "a%2Fb", "back\\slash", "a+b&c#d?e", "{x}", "[y]"]
"""Partition values that paths, URLs, SQL and logs encode in different ways."""

_runs = itertools.count()


def make_contract(
    *columns: Column,
    table: str = TABLE,
    partition_column: str = "day",
    mode: WriteMode = "partitions",
    version: str = "1.0.0",
) -> Contract:
    return Contract(
        table=table,
        version=version,
        title="Things",
        description="Things that are stored.",
        grain="key",
        owner="tests",
        columns=columns or (DAY, KEY, VALUE),
        mode=mode,
        partition_column=partition_column,
        available_by=dt.time(2, 30),
        retention_days=365,
    )


CONTRACT = make_contract()


def new_run() -> str:
    return f"run-{next(_runs)}"


def arrow(rows: Iterable[Sequence[object]], contract: Contract = CONTRACT) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(contract.columns)
    schema = pa.schema([field.with_nullable(True) for field in contract.arrow_schema])
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


def stage_arrow(
    storage: Storage,
    rows: pa.Table,
    run: str,
    *,
    table: str = TABLE,
    partition_by: Sequence[str] = ("day",),
    step: str = "step",
) -> Staged:
    """Stages as an engine would, by delta-rs, which starts in no time."""
    place = staging_path(run, step, 1)
    write_deltalake(f"{storage.table_uri(table)}/{place}", rows, partition_by=list(partition_by), mode="error")
    return read_staged_log(storage, table, place)


def publication(
    storage: Storage, rows: Iterable[Row], replaced: Iterable[str], run: str | None = None, **more: object
) -> Publication:
    """A publication of staged rows of the small contract."""
    run = run or new_run()
    staged = stage_arrow(storage, arrow(rows), run)
    given: dict[str, object] = {
        "contract": CONTRACT,
        "run_id": run,
        "step": "step",
        "clock": CLOCK,
        "staged": (staged,),
        "replaced": frozenset(replaced),
        **more,
    }
    return Publication(**given)  # type: ignore[arg-type]


def load(
    storage: Storage, rows: Iterable[Row], replaced: Iterable[str], snapshot: Snapshot | None = None, **more: object
) -> Published:
    """Stages and publishes rows of the small contract, on the given snapshot or on the table as it is."""
    given = publication(storage, rows, replaced, **more)
    return publish(storage, snapshot or open_snapshot(storage, CONTRACT), given)


def publish_staged(
    storage: Storage, contract: Contract, staged: Sequence[Staged], replaced: set[str], **more: Any
) -> Published:
    """Publishes staged rows of a contract on the table as it is."""
    given = Publication(
        contract=contract,
        run_id="run",
        step="step",
        clock=CLOCK,
        staged=tuple(staged),
        replaced=frozenset(replaced),
        **more,
    )
    return publish(storage, open_snapshot(storage, contract), given)


def content(storage: Storage, table: str = TABLE) -> list[tuple[object, ...]]:
    """The published rows, sorted."""
    return sorted(tuple(row.values()) for row in DeltaTable(storage.table_uri(table)).to_pyarrow_table().to_pylist())


def broken(rows: Sequence[tuple[str, str]]) -> pa.Table:
    """Rows for quarantine, by window and raw text."""
    windows, raws = [row[0] for row in rows], [row[1] for row in rows]
    return pa.table(
        {
            "_window": pa.array(windows, pa.string()),
            "_broken_rules": pa.array([["a_rule"]] * len(rows), pa.list_(pa.string())),
            "_raw": pa.array(raws, pa.string()),
            "more": pa.array([1] * len(rows), pa.int64()),
        }
    )


def send(storage: Storage, rows: list[Row], replaced: list[str], snapshot: Any, **more: Any) -> str:
    """Publishes on a snapshot and says what came of it."""
    try:
        load(storage, rows, replaced, snapshot, **more)
    except PublishConflict:
        return "conflict"
    return "lands"


def after_commit(monkeypatch: pytest.MonkeyPatch, failure: Callable[[], Exception], times: int = 1) -> list[str]:
    """Lets the next commits land and then fail."""
    commit, seen = DeltaTable.create_write_transaction, []

    def landed_and_failed(table: DeltaTable, *arguments: Any, **options: Any) -> None:
        commit(table, *arguments, **options)
        if len(seen) < times:
            seen.append("commit")
            raise failure()

    monkeypatch.setattr(DeltaTable, "create_write_transaction", landed_and_failed)
    return seen


def race_on(storage: Storage, workers: int, commits: int) -> None:
    """Many threads publish days of their own, and all the same first day, into a table that none of them has created."""
    shared: list[str] = []
    failed: list[Exception] = []
    gate = threading.Barrier(workers)

    def work(worker: int) -> None:
        try:
            gate.wait()
            snapshot = open_snapshot(storage, CONTRACT)
            gate.wait()
            shared.append(send(storage, [("shared", "k", worker)], ["shared"], snapshot))
            for turn in range(commits):
                load(storage, [(f"own{worker}", "k", turn)], [f"own{worker}"])
        except Exception as error:  # noqa: BLE001 - raised by the assertion below
            failed.append(error)
            gate.abort()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    assert sorted(shared) == ["conflict"] * (workers - 1) + ["lands"]
    assert [row for row in content(storage) if row[0] != "shared"] == [
        (f"own{number}", "k", commits - 1) for number in range(workers)
    ]
    assert len(content(storage)) == workers + 1
