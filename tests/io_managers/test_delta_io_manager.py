"""Delta tables as inputs and outputs of Dagster assets: types, versions, and what is refused."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame

from contracts.model import Column, Contract, Read
from io_managers.delta_io_manager import READER, AuditedTable, DeltaIOManager
from io_managers.failures import RETRIES
from io_managers.quarantine import read_quarantine
from io_managers.snapshot import find_snapshot
from io_managers.storage import Storage
from tests.io_managers.publish_support import KEY, VALUE, arrow, make_contract, publication, stage_arrow

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = Column("day", "date", "The day.", required=True)
THINGS = make_contract(DAY, KEY, VALUE, table="gold/things")
OTHERS = replace(make_contract(DAY, KEY, VALUE, table="gold/others"), reads=(Read("gold/things", "days", -1, 0),))
CONTRACTS: Mapping[str, Contract] = {one.table: one for one in (THINGS, OTHERS)}
FIRST, SECOND, THIRD = (dt.date(2026, 10, day) for day in (1, 2, 3))
DAYS = dg.DailyPartitionsDefinition("2026-10-01", timezone="UTC", end_offset=1)
THINGS_KEY, OTHERS_KEY = (dg.AssetKey(table.split("/")) for table in CONTRACTS)

Row = tuple[dt.date, str, int]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another at once."""
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0)


@pytest.fixture
def manager(storage: Storage, spark: "SparkSession") -> DeltaIOManager:
    return DeltaIOManager(storage, CONTRACTS, lambda: spark)


def audited(
    storage: Storage, rows: list[Row], *days: dt.date, contract: Contract = THINGS, **more: Any
) -> AuditedTable:
    """What an asset hands over after its audit."""
    broken = more.pop("broken", None)
    given = publication(storage, [], [str(day) for day in days], contract=contract, **more)
    staged = stage_arrow(storage, arrow(rows, contract), given.run_id, table=contract.table)
    return AuditedTable(replace(given, staged=(staged,)), broken)


def published_by_another(storage: Storage, spark: "SparkSession", rows: list[Row], *days: dt.date) -> None:
    """Another process publishes."""
    other = DeltaIOManager(storage, CONTRACTS, lambda: spark)
    other.snapshot("gold/things")
    other.handle_output(dg.build_output_context(asset_key=THINGS_KEY), audited(storage, rows, *days))


@pytest.fixture
def things(storage: Storage, spark: "SparkSession") -> list[Row]:
    """Three published days."""
    rows = [(FIRST, "a", 1), (SECOND, "b", 2), (SECOND, "c", 3), (THIRD, "d", 4)]
    published_by_another(storage, spark, rows, FIRST, SECOND, THIRD)
    return rows


def reading(annotation: Any, seen: list[Any], reader: str | None = None) -> dg.AssetsDefinition:
    """An asset that reads things in the annotated type."""

    def read(things):  # type: ignore[no-untyped-def]
        seen.append(things.read_all() if isinstance(things, pa.RecordBatchReader) else things)

    read.__annotations__ = {} if annotation is None else {"things": annotation}
    metadata = {READER: reader} if reader else None
    ins = {"things": dg.AssetIn(key=THINGS_KEY, metadata=metadata)}
    return dg.asset(key="reading", ins=ins, partitions_def=DAYS, retry_policy=RETRIES)(read)


def materialize(manager: DeltaIOManager, *assets: Any, day: dt.date = SECOND, last: dt.date | None = None) -> dg.ExecuteInProcessResult:  # fmt: skip
    """One run; tables that no asset of the run makes are there already."""
    made = {key for asset in assets for key in asset.keys}
    tables = [
        dg.AssetSpec(key, partitions_def=DAYS).with_io_manager_key("delta")
        for key in (THINGS_KEY, OTHERS_KEY)
        if key not in made
    ]
    tags = {"dagster/asset_partition_range_start": str(day), "dagster/asset_partition_range_end": str(last or day)}
    resources = {
        "delta": dg.IOManagerDefinition.hardcoded_io_manager(manager),
        "io_manager": dg.mem_io_manager,
    }
    return dg.materialize(
        [*tables, *assets], selection=list(assets), partition_key=None if last else str(day), resources=resources, tags=tags if last else None, raise_on_error=False,
    )  # fmt: skip


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the only failed step says."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data)


def tries(result: dg.ExecuteInProcessResult) -> int:
    """How often steps were tried again."""
    return sum(event.event_type_value == "STEP_RESTARTED" for event in result.all_events)


def rows_of(loaded: Any) -> list[Row]:
    """The rows of any of the types, sorted."""
    match loaded:
        case pa.Table():
            table = loaded
        case pl.DataFrame():
            table = loaded.to_arrow()
        case pd.DataFrame():
            table = pa.Table.from_pandas(loaded)
        case _:
            table = loaded.toArrow()
    return sorted((row["day"], row["key"], row["value"]) for row in table.to_pylist())


@pytest.mark.parametrize(
    ("annotation", "loaded_as"),
    [
        (DataFrame, DataFrame),
        (pa.Table, pa.Table),
        (pa.RecordBatchReader, pa.Table),
        (pl.DataFrame, pl.DataFrame),
        (pd.DataFrame, pd.DataFrame),
        (None, DataFrame),
    ],
)
def test_a_table_arrives_as_the_parameter_asks(
    manager: DeltaIOManager, things: list[Row], annotation: Any, loaded_as: type
) -> None:
    seen: list[Any] = []
    result = materialize(manager, reading(annotation, seen))
    assert result.success, failure(result)
    (loaded,) = seen
    assert isinstance(loaded, loaded_as)
    assert rows_of(loaded) == [row for row in things if row[0] == SECOND]


@pytest.mark.parametrize(("annotation", "name"), [(int, "builtins.int"), (dict[str, int], "typing.Dict[str, int]")])
def test_a_type_that_no_table_has_is_refused_once_and_by_name(
    manager: DeltaIOManager, things: list[Row], annotation: Any, name: str
) -> None:
    seen: list[Any] = []
    result = materialize(manager, reading(annotation, seen))
    assert not result.success
    assert f"gold/things can't be loaded as {name}" in failure(result)
    assert "polars.DataFrame" in failure(result)
    assert (seen, tries(result)) == ([], 0)


def test_an_asset_without_a_contract_reads_the_days_of_its_run(manager: DeltaIOManager, things: list[Row]) -> None:
    seen: list[Any] = []
    assert materialize(manager, reading(pa.Table, seen), day=FIRST, last=SECOND).success
    assert rows_of(seen[0]) == [row for row in things if row[0] <= SECOND]


def test_a_table_reads_what_its_contract_says(manager: DeltaIOManager, things: list[Row]) -> None:
    seen: list[Any] = []
    assert materialize(manager, reading(pa.Table, seen, reader="gold/others"), day=SECOND).success
    assert rows_of(seen[0]) == [row for row in things if row[0] in {FIRST, SECOND}]


def making(result: Callable[[], Any], *, key: dg.AssetKey = THINGS_KEY) -> dg.AssetsDefinition:
    """An asset that hands over what it is given."""

    @dg.asset(key=key, partitions_def=DAYS, io_manager_key="delta", retry_policy=RETRIES)
    def make():  # type: ignore[no-untyped-def]
        return result()

    return make


@pytest.mark.parametrize("unaudited", [pa.table({"a": [1]}), None, "rows", 5])
def test_what_no_contract_was_checked_on_is_refused(storage: Storage, manager: DeltaIOManager, unaudited: Any) -> None:
    manager.snapshot("gold/things")
    result = materialize(manager, making(lambda: dg.Output(unaudited)))
    assert not result.success
    assert f"gold/things: the asset returned {type(unaudited).__name__}, which no contract was checked on" in failure(
        result
    )
    assert tries(result) == 0
    snapshot = find_snapshot(storage, "gold/things")
    assert snapshot is not None
    assert (snapshot.version, snapshot.row_count()) == (0, 0)


def test_an_audited_table_becomes_visible_with_its_quarantine(
    storage: Storage, manager: DeltaIOManager, spark: "SparkSession"
) -> None:
    manager.snapshot("gold/things")
    broken = spark.sql("select '2026-10-02' as _window, array('a_rule') as _broken_rules, '{}' as _raw")
    rows = [(SECOND, "a", 1), (SECOND, "b", 2)]
    result = materialize(manager, making(lambda: audited(storage, rows, SECOND, broken=broken)))
    assert result.success, failure(result)
    assert rows_of(manager.read("gold/things")) == rows
    assert read_quarantine(storage, THINGS)["_broken_rules"].to_pylist() == [["a_rule"]]
    (made,) = result.asset_materializations_for_node("gold__things")
    assert made.metadata["visible_version"].value == 1
    assert made.metadata["dagster/row_count"].value == 2


def test_a_rebuild_replaces_the_whole_table(storage: Storage, manager: DeltaIOManager, things: list[Row]) -> None:
    manager.snapshot("gold/things")
    rows = [(FIRST, "z", 9)]
    result = materialize(manager, making(lambda: replace(audited(storage, rows, FIRST), rebuild=True)), day=FIRST)
    assert result.success, failure(result)
    assert rows_of(manager.read("gold/things")) == rows


def test_a_run_reads_one_version_whatever_others_publish_meanwhile(
    storage: Storage, manager: DeltaIOManager, spark: "SparkSession", things: list[Row]
) -> None:
    frame = manager.read("gold/things")
    assert manager.input_versions(OTHERS) == {"gold/things": 1}
    published_by_another(storage, spark, [(SECOND, "z", 9)], SECOND)
    assert DeltaTable(storage.table_uri("gold/things")).version() == 2
    assert rows_of(frame) == things
    assert rows_of(manager.read("gold/things")) == things
    assert manager.input_versions(OTHERS) == {"gold/things": 1}
    seen: list[Any] = []
    assert materialize(manager, reading(pa.Table, seen)).success
    assert rows_of(seen[0]) == things[1:3]


def test_the_rest_of_a_run_reads_what_the_run_published(
    storage: Storage, manager: DeltaIOManager, spark: "SparkSession", things: list[Row]
) -> None:
    manager.snapshot("gold/things")
    seen: list[Any] = []
    result = materialize(manager, making(lambda: audited(storage, [(SECOND, "z", 9)], SECOND)), reading(pa.Table, seen))
    assert result.success, failure(result)
    assert rows_of(seen[0]) == [(SECOND, "z", 9)]
    assert manager.input_versions(OTHERS) == {"gold/things": 2}


def test_what_others_publish_after_the_run_is_not_seen_by_its_rest(
    storage: Storage, manager: DeltaIOManager, spark: "SparkSession", monkeypatch: pytest.MonkeyPatch
) -> None:
    from io_managers import delta_io_manager

    publish = delta_io_manager.publish_with_quarantine

    def then_another(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        published = publish(*arguments, **options)
        published_by_another(storage, spark, [(SECOND, "theirs", 2)], SECOND)
        return published

    monkeypatch.setattr(delta_io_manager, "publish_with_quarantine", then_another)
    manager.snapshot("gold/things")
    manager.handle_output(dg.build_output_context(asset_key=THINGS_KEY), audited(storage, [(SECOND, "own", 1)], SECOND))
    assert rows_of(manager.read("gold/things")) == [(SECOND, "own", 1)]
    assert DeltaTable(storage.table_uri("gold/things")).version() == 2


def test_a_try_after_a_conflict_opens_the_table_anew(
    storage: Storage, manager: DeltaIOManager, spark: "SparkSession", things: list[Row]
) -> None:
    versions: list[int] = []

    def lose_once() -> AuditedTable:
        versions.append(manager.snapshot("gold/things").version)
        if len(versions) == 1:
            published_by_another(storage, spark, [(SECOND, "theirs", 1)], SECOND)
        return audited(storage, [(SECOND, "own", 2)], SECOND)

    result = materialize(manager, making(lose_once))
    assert result.success, failure(result)
    assert (versions, tries(result)) == ([1, 2], 1)
    assert rows_of(manager.read("gold/things", "day = date'2026-10-02'")) == [(SECOND, "own", 2)]


def test_staged_files_that_are_not_the_contracts_are_refused_once(storage: Storage, manager: DeltaIOManager) -> None:
    def make() -> AuditedTable:
        manager.snapshot("gold/things")
        return audited(storage, [(FIRST, "a", 1)], SECOND)

    result = materialize(manager, making(make))
    assert not result.success
    assert "partition '2026-10-01', which the publication does not replace" in failure(result)
    assert tries(result) == 0


def test_a_table_that_nobody_made_yet_is_empty(manager: DeltaIOManager) -> None:
    assert rows_of(manager.read("gold/others")) == []
