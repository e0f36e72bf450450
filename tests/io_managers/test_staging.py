"""Staging by the embedded engine, and publishing what it wrote."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from contracts.model import Column, Contract
from io_managers.publish import Publication, StagedFilesRejected
from io_managers.quarantine import publish_with_quarantine, read_quarantine
from io_managers.snapshot import open_snapshot
from io_managers.staging import (
    OK,
    Staged,
    StagingError,
    read_staged,
    read_staged_log,
    stage,
    stage_in_chunks,
    staging_path,
)
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
    content,
    make_contract,
    new_run,
    publish_staged,
    stage_arrow,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DATE = replace(DAY, type="date")
MONEY = make_contract(DATE, KEY, VALUE, AMOUNT)


def frame_of(spark: "SparkSession", rows: Sequence[Sequence[object]], contract: Contract = MONEY) -> "DataFrame":
    types = ", ".join(f"{column.name} {column.type}" for column in contract.columns)
    return spark.createDataFrame(rows, types)  # type: ignore[arg-type]


def stage_rows(
    spark: "SparkSession", storage: Storage, rows: Sequence[Sequence[object]], contract: Contract = MONEY
) -> Staged:
    return stage(frame_of(spark, rows, contract), storage, TABLE, new_run(), "step", 0, [contract.partition_column])


def read(spark: "SparkSession", storage: Storage, version: int | None = None) -> "DataFrame":
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return reader.load(storage.engine_path(storage.table_uri(TABLE)))


FIRST, SECOND = dt.date(2026, 10, 1), dt.date(2026, 10, 2)


@pytest.mark.parametrize("part", ["", "a/b", "..", "a b", "_hidden", "é"])
def test_a_staging_path_is_of_plain_characters(part: str) -> None:
    with pytest.raises(ValueError, match="staging path"):
        staging_path(part, "step", 1)
    with pytest.raises(ValueError, match="staging path"):
        staging_path("run", part, 1)
    with pytest.raises(ValueError, match="staging path"):
        staging_path("run", "step", part)


def test_a_staged_frame_is_described_by_its_log(spark: "SparkSession", storage: Storage) -> None:
    staged = stage_rows(
        spark, storage, [(FIRST, "k", 1, Decimal("1.00")), (FIRST, "l", None, None), (SECOND, "m", 3, None)]
    )
    assert {column.name: column.type for column in staged.columns} == {
        "day": "date",
        "key": "string",
        "value": "bigint",
        "amount": "decimal(20,2)",
    }
    assert staged.partition_by == ("day",)
    assert staged.rows() == 3
    assert {file.partition_values["day"] for file in staged.files} == {"2026-10-01", "2026-10-02"}
    assert all(file.path.startswith(f"{staged.relative_path}/day=") for file in staged.files)
    assert sum(file.stats["nullCount"]["value"] for file in staged.files) == 1


def test_an_empty_frame_is_staged_as_a_schema_without_files(spark: "SparkSession", storage: Storage) -> None:
    staged = stage_rows(spark, storage, [])
    assert staged.files == ()
    assert [column.name for column in staged.columns] == ["key", "value", "amount", "day"]
    assert read_staged(spark, storage, staged).count() == 0
    publish_staged(storage, MONEY, [staged], {"2026-10-01"})
    assert content(storage) == []
    assert open_snapshot(storage, MONEY).transaction("p:2026-10-01") is not None


def test_a_place_is_staged_once(spark: "SparkSession", storage: Storage) -> None:
    frame = frame_of(spark, [(FIRST, "k", 1, None)])
    stage(frame, storage, TABLE, "run", "step", 0, ["day"])
    with pytest.raises(StagingError, match="already staged step 'step', attempt '0'"):
        stage(frame, storage, TABLE, "run", "step", 0, ["day"])
    stage(frame, storage, TABLE, "run", "step", 1, ["day"])


def test_nothing_staged_is_an_error(storage: Storage) -> None:
    with pytest.raises(StagingError, match="nothing is staged"):
        read_staged_log(storage, TABLE, "data/run/step-0")


def test_a_staged_table_that_was_changed_is_an_error(storage: Storage) -> None:
    staged = stage_arrow(storage, pa.table({"day": ["a"]}), "run", partition_by=())
    write_deltalake(staged.uri, pa.table({"day": ["b"]}), mode="overwrite")
    with pytest.raises(StagingError, match="changed by version 1"):
        read_staged_log(storage, TABLE, staged.relative_path)


def test_chunks_are_staged_one_after_the_other_in_one_place(spark: "SparkSession", storage: Storage) -> None:
    frames = [frame_of(spark, [(day, "k", 1, None)]) for day in (FIRST, SECOND)]
    staged = stage_in_chunks(frames, storage, TABLE, "run", "step", 0, ["day"])
    assert sorted(row.day for row in read_staged(spark, storage, staged).collect()) == [FIRST, SECOND]
    assert publish_staged(storage, MONEY, [staged], {"2026-10-01", "2026-10-02"}).rows == 2
    assert sorted(row.day for row in read(spark, storage).collect()) == [FIRST, SECOND]


def test_chunks_of_different_columns_are_an_error(spark: "SparkSession", storage: Storage) -> None:
    frames = [
        frame_of(spark, [(FIRST, "k", 1, None)]),
        frame_of(spark, [(FIRST, "k", 1)], make_contract(DATE, KEY, VALUE)),
    ]
    with pytest.raises(StagingError, match="different columns: 0 and 1"):
        stage_in_chunks(frames, storage, TABLE, "run", "step", 0, ["day"])


def test_no_chunk_at_all_is_an_error(storage: Storage) -> None:
    with pytest.raises(StagingError, match="nothing is staged"):
        stage_in_chunks([], storage, TABLE, "run", "step", 0, ["day"])


def test_statistics_cover_every_column(spark: "SparkSession", storage: Storage) -> None:
    wide = make_contract(
        DATE, *(Column(f"c{number}", "bigint", "One of many.", required=number == 59) for number in range(60))
    )
    staged = stage_rows(spark, storage, [(FIRST, *range(60)), (FIRST, *range(59), None)], wide)
    with pytest.raises(StagedFilesRejected, match="required column 'c59' is null in 1 rows"):
        publish_staged(storage, wide, [staged], {"2026-10-01"})
    assert all("c59" in file.stats["nullCount"] for file in staged.files)


def test_statistics_of_later_chunks_cover_every_column(spark: "SparkSession", storage: Storage) -> None:
    wide = make_contract(DATE, *(Column(f"c{number}", "bigint", "One of many.") for number in range(60)))
    frames = [frame_of(spark, [(day, *range(60))], wide) for day in (FIRST, SECOND)]
    staged = stage_in_chunks(frames, storage, TABLE, "run", "step", 0, ["day"])
    assert [file.stats["nullCount"]["c59"] for file in staged.files] == [0, 0]


@pytest.mark.parametrize("engine_stages", [True, False])
def test_partition_values_of_any_characters_go_through_the_engine(
    spark: "SparkSession", storage: Storage, engine_stages: bool
) -> None:
    contract = make_contract()
    for turn in (1, 2):
        rows = [(value, "k", turn) for value in ODD]
        if engine_stages:
            staged = stage_rows(spark, storage, rows, contract)
        else:
            staged = stage_arrow(storage, arrow(rows, contract), new_run())
        publish_staged(storage, contract, [staged], set(ODD))
    assert content(storage) == sorted((value, "k", 2) for value in ODD)
    assert sorted(tuple(row) for row in read(spark, storage).select("day", "key", "value").collect()) == content(
        storage
    )


def test_rows_that_are_not_ok_go_to_quarantine_and_the_others_are_published(
    spark: "SparkSession", storage: Storage
) -> None:
    rows = [(FIRST, "k", 1, None), (SECOND, "l", 2, None), (SECOND, "bad", -1, None), (None, "worse", -1, None)]
    flagged = frame_of(spark, rows).selectExpr(
        "*",
        "case when value < 0 then array('positive') end as _broken_rules",
        "case when value < 0 then key end as _raw",
        f"value >= 0 as {OK}",
    )
    staged = stage(flagged, storage, TABLE, "run", "step", 0, ["day", OK])
    assert (staged.rows(ok=True), staged.rows(ok=False)) == (2, 2)
    bad = (
        read_staged(spark, storage, staged)
        .where(f"not {OK}")
        .selectExpr("coalesce(cast(day as string), '2026-10-01') as _window", "_broken_rules", "_raw")
    )
    days = frozenset({"2026-10-01", "2026-10-02"})
    given = Publication(contract=MONEY, run_id="run", step="step", clock=CLOCK, staged=(staged,), replaced=days)
    publish_with_quarantine(storage, open_snapshot(storage, MONEY), given, bad.toArrow())
    assert sorted(row.key for row in read(spark, storage).collect()) == ["k", "l"]
    assert read(spark, storage).where("day = date'2026-10-02'").count() == 1
    assert [
        (row["_window"], row["_raw"], row["_broken_rules"]) for row in read_quarantine(storage, MONEY).to_pylist()
    ] == [
        ("2026-10-01", "worse", ["positive"]),
        ("2026-10-02", "bad", ["positive"]),
    ]


def test_ok_rows_without_a_partition_value_are_rejected(spark: "SparkSession", storage: Storage) -> None:
    flagged = frame_of(spark, [(None, "k", 1, None), (FIRST, "l", 1, None)]).selectExpr("*", f"true as {OK}")
    staged = stage(flagged, storage, TABLE, "run", "step", 0, ["day", OK])
    with pytest.raises(StagedFilesRejected, match="without a value of the partition column 'day'"):
        publish_staged(storage, MONEY, [staged], {"2026-10-01"})


def test_a_literal_column_and_a_timestamp_without_zone_are_told_apart_from_the_contract(
    spark: "SparkSession", storage: Storage
) -> None:
    contract = make_contract(DATE, KEY, Column("at", "timestamp", "When."))
    frame = spark.sql("select date'2026-10-01' as day, 'k' as key, timestamp_ntz'2026-10-01 00:00:00' as at")
    staged = stage(frame, storage, TABLE, "run", "step", 0, ["day"])
    with pytest.raises(StagedFilesRejected, match="column 'at' is timestamp_ntz, the contract says timestamp"):
        publish_staged(storage, contract, [staged], {"2026-10-01"})
    literal = spark.sql("select date'2026-10-01' as day, 'k' as key, timestamp'2026-10-01 00:00:00' as at")
    publish_staged(storage, contract, [stage(literal, storage, TABLE, "run", "step", 1, ["day"])], {"2026-10-01"})
    assert DeltaTable(storage.table_uri(TABLE)).schema().fields[2].nullable


def test_decimals_of_many_digits_are_found_by_a_filter(spark: "SparkSession", storage: Storage) -> None:
    amounts = [Decimal("1234567890123456.77"), Decimal("1234567890123456.78"), Decimal("1234567890123456.79")]
    for number, amount in enumerate(amounts):
        day = dt.date(2026, 10, 1 + number)
        publish_staged(storage, MONEY, [stage_rows(spark, storage, [(day, "k", 1, amount)])], {day.isoformat()})
    table = read(spark, storage)
    for amount in amounts:
        assert table.where(f"amount = cast('{amount}' as decimal(20,2))").count() == 1
    assert table.where(f"amount >= cast('{amounts[1]}' as decimal(20,2))").count() == 2
    assert table.where(f"amount < cast('{amounts[1]}' as decimal(20,2))").count() == 1


def test_an_added_column_is_null_in_what_was_published_before(spark: "SparkSession", storage: Storage) -> None:
    old = make_contract(DATE, KEY, VALUE)
    publish_staged(storage, old, [stage_rows(spark, storage, [(FIRST, "k", 1)], old)], {"2026-10-01"})
    publish_staged(storage, MONEY, [stage_rows(spark, storage, [(SECOND, "k", 2, Decimal("1.00"))])], {"2026-10-02"})
    rows = read(spark, storage).orderBy("day").select("value", "amount").collect()
    assert [tuple(row) for row in rows] == [(1, None), (2, Decimal("1.00"))]


def test_widened_numbers_are_read_in_what_was_published_before(spark: "SparkSession", storage: Storage) -> None:
    narrow = make_contract(DATE, KEY, replace(VALUE, type="int"), replace(AMOUNT, type="decimal(9,2)"))
    publish_staged(
        storage,
        narrow,
        [stage_rows(spark, storage, [(FIRST, "k", 2**31 - 1, Decimal("1234567.89"))], narrow)],
        {"2026-10-01"},
    )
    publish_staged(
        storage,
        MONEY,
        [stage_rows(spark, storage, [(SECOND, "k", 2**40, Decimal("12345678901234567.89"))])],
        {"2026-10-02"},
    )
    table = read(spark, storage)
    assert dict(table.dtypes) == {"day": "date", "key": "string", "value": "bigint", "amount": "decimal(20,2)"}
    expected = [(2**31 - 1, Decimal("1234567.89")), (2**40, Decimal("12345678901234567.89"))]
    assert [tuple(row) for row in table.orderBy("day").select("value", "amount").collect()] == expected
    assert table.where("value = 2147483647").count() == 1
    assert table.where("value + 1 = 2147483648").count() == 1
    assert table.where("amount = cast('1234567.89' as decimal(20,2))").count() == 1
    assert [row[2:] for row in content(storage)] == expected


def test_a_pinned_reader_sees_its_version_while_the_table_moves_on(spark: "SparkSession", storage: Storage) -> None:
    publish_staged(
        storage,
        MONEY,
        [stage_rows(spark, storage, [(FIRST, "k", 1, None), (SECOND, "k", 1, None)])],
        {"2026-10-01", "2026-10-02"},
    )
    pinned = read(spark, storage, version=1)
    assert pinned.count() == 2
    versions = 3 * CHECKPOINT_EVERY
    for number in range(versions - 1):
        day = dt.date(2026, 10, 1) + dt.timedelta(days=number % 28)
        rows = [(day, "k", number, None)] if number % 10 == 0 else []
        staged = [stage_arrow(storage, arrow(rows, MONEY), new_run())] if rows else []
        publish_staged(storage, MONEY, staged, {day.isoformat()})
    assert sorted(tuple(row) for row in pinned.select("day", "value").collect()) == [(FIRST, 1), (SECOND, 1)]
    assert read(spark, storage, version=1).count() == 2
    assert (
        read(spark, storage, version=CHECKPOINT_EVERY).count()
        == DeltaTable(storage.table_uri(TABLE), version=CHECKPOINT_EVERY).to_pyarrow_table().num_rows
    )
    assert read(spark, storage).count() == len(content(storage))
    log = storage.list_files(f"{storage.table_uri(TABLE)}/_delta_log")
    assert sorted(name for name in log if "checkpoint" in name) == [
        f"{version:020d}.checkpoint.parquet" for version in (100, 200, 300)
    ]
    assert open_snapshot(storage, MONEY).version == versions
