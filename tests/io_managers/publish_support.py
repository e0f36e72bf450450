"""What tests of staging and publishing share: a small contract, and staged tables written without an engine."""

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from contracts.model import Column, Contract, WriteMode
from io_managers.publish import Publication, Published, publish
from io_managers.snapshot import Snapshot, open_snapshot
from io_managers.staging import Staged, read_staged_log, staging_path
from io_managers.storage import Storage

TABLE = "silver/things"
CLOCK = dt.datetime(2026, 10, 5, 2, tzinfo=dt.UTC)
DAY = Column("day", "string", "The storage partition.", required=True)
KEY = Column("key", "string", "The key.", required=True, key=True)
VALUE = Column("value", "bigint", "A number.")
AMOUNT = Column("amount", "decimal(20,2)", "Money.")

Row = tuple[str, str, int]

_runs = itertools.count()


def make_contract(*columns: Column, table: str = TABLE, partition_column: str = "day", mode: WriteMode = "partitions", version: str = "1.0.0") -> Contract:
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
    return pa.table([pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema)


def stage_arrow(storage: Storage, rows: pa.Table, run: str, *, table: str = TABLE, partition_by: Sequence[str] = ("day",), step: str = "step") -> Staged:
    """Stages as an engine would, by delta-rs, which starts in no time."""
    place = staging_path(run, step, 1)
    write_deltalake(f"{storage.table_uri(table)}/{place}", rows, partition_by=list(partition_by), mode="error")
    return read_staged_log(storage, table, place)


def publication(storage: Storage, rows: Iterable[Row], replaced: Iterable[str], run: str | None = None, **more: object) -> Publication:
    """A publication of staged rows of the small contract."""
    run = run or new_run()
    staged = stage_arrow(storage, arrow(rows), run)
    given: dict[str, object] = {"contract": CONTRACT, "run_id": run, "step": "step", "clock": CLOCK, "staged": (staged,), "replaced": frozenset(replaced), **more}
    return Publication(**given)  # type: ignore[arg-type]


def load(storage: Storage, rows: Iterable[Row], replaced: Iterable[str], snapshot: Snapshot | None = None, **more: object) -> Published:
    """Stages and publishes rows of the small contract, on the given snapshot or on the table as it is."""
    given = publication(storage, rows, replaced, **more)
    return publish(storage, snapshot or open_snapshot(storage, CONTRACT), given)


def content(storage: Storage, table: str = TABLE) -> list[tuple[object, ...]]:
    """The published rows, sorted."""
    return sorted(tuple(row.values()) for row in DeltaTable(storage.table_uri(table)).to_pyarrow_table().to_pylist())
