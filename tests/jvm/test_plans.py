"""How work is cut: only the files of days that a load reads are opened, small tables go to the workers, and a day is one file."""

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from contracts.model import Read
from io_managers.staging import stage
from io_managers.storage import Storage
from tests.io_managers.pruned_reads import READS, days_found, plan_of, read_of_a_day

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize(("read", "day", "needed"), READS)
def test_only_files_of_days_that_are_read_are_opened(
    jvm: "SparkSession", storage: Storage, read: Read, day: dt.date, needed: list[dt.date]
) -> None:
    frame = read_of_a_day(jvm, storage, read, day)
    assert "PartitionFilters: [(day#" in plan_of(frame)
    assert days_found(frame, storage, needed) == needed


@pytest.mark.parametrize(("broadcast", "join"), [(True, "BroadcastHashJoin"), (False, "SortMergeJoin")])
def test_a_table_that_its_contract_knows_to_be_small_goes_to_each_worker(
    jvm: "SparkSession", storage: Storage, *, broadcast: bool, join: str
) -> None:
    read, day, _ = READS[0]
    small = read_of_a_day(jvm, storage, read, day, broadcast=broadcast)
    threshold = "spark.sql.autoBroadcastJoinThreshold"
    before = jvm.conf.get(threshold)
    jvm.conf.set(threshold, "-1")  # else Spark would find out by itself, of so small a table
    try:
        large = jvm.range(10).selectExpr("cast(id as string) as large_key")
        assert join in plan_of(large.join(small, large["large_key"] == small["key"], "left"))
    finally:
        jvm.conf.set(threshold, before or "")


def test_a_day_is_one_file_however_many_tasks_its_rows_come_from(jvm: "SparkSession", storage: Storage) -> None:
    rows = jvm.range(30_000).repartition(8)
    dated = rows.selectExpr("date_add(date'2026-10-01', cast(id % 3 as int)) as day", "id")
    staged = stage(dated, storage, "silver/things", "run", "step", 1, ["day"])
    assert (len(staged.files), staged.rows()) == (3, 30_000)
