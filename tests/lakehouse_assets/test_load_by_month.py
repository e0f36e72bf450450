"""Loading a table that is stored by month: a day's run makes the whole month, for all of its loaded days."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable

from asset_checks.report import RunCounts
from contracts.model import Column, Conservation, Read, RowRule, Severity
from contracts.partitions import chunks
from io_managers.commits import read_commits
from io_managers.quarantine import publish_with_quarantine, read_quarantine
from io_managers.snapshot import open_snapshot
from io_managers.storage import Storage
from io_managers.table_state import StateReader
from lakehouse_assets.load import Load, Prepared, conserved, prepare_partitions
from tests.io_managers.publish_support import AT_ONCE, CLOCK, KEY, VALUE, make_contract, new_run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MONTHS = replace(
    make_contract(
        Column("month", "string", "The month.", required=True),
        Column("month_start", "date", "Its first day.", required=True, key=True),
        KEY,
        VALUE,
        table="gold/months",
    ),
    partition_column="month",
    business_date="month_start",
    reads=(Read("gold/days", "month"),),
    conserves=Conservation("gold/days", "value", "value"),
    row_rules=(RowRule("value_minimum", "value >= 0", Severity.ERROR, "conformity", "At least 0.", "value"),),
    max_quarantined_share=1.0,
)
DAILY = make_contract(Column("day", "date", "The day.", required=True), KEY, VALUE, table="gold/days")
JANUARY, LAST_OF_JANUARY, FEBRUARY = dt.date(2028, 1, 30), dt.date(2028, 1, 31), dt.date(2028, 2, 1)

Rows = Sequence[tuple[dt.date, str, int]]


@pytest.fixture
def storage(root: str) -> Storage:
    return Storage(root)


def prepared(storage: Storage, spark: "SparkSession", rows: Rows, *days: dt.date) -> Prepared:
    """Rolls up what days of a table hold, for some of them."""
    listed = ", ".join(f"(date'{day}', '{key}', {value}L)" for day, key, value in rows)
    daily = spark.sql(f"select * from values {listed} as rows(day, key, value)")
    load = Load(
        MONTHS, storage, spark, open_snapshot(storage, MONTHS), days, new_run(), CLOCK, AT_ONCE, inputs={"gold/days": 1}
    )
    of_months = daily.where(f"date_format(day, 'yyyy-MM') in ({', '.join(repr(f'{day:%Y-%m}') for day in days)})")

    def build(some: Sequence[dt.date]) -> "DataFrame":
        names = ", ".join(repr(f"{day:%Y-%m}") for day in some)
        return of_months.where(f"date_format(day, 'yyyy-MM') in ({names})").selectExpr(
            "date_format(day, 'yyyy-MM') as month", "cast(trunc(day, 'month') as date) as month_start", "key", "value"
        )

    return prepare_partitions(load, build, conserved(MONTHS, DAILY, of_months, days))


def publish(storage: Storage, made: Prepared) -> None:
    assert made.report.passed, made.report.outcomes
    broken = made.table.broken.toArrow() if made.table.broken else None
    publish_with_quarantine(storage, open_snapshot(storage, MONTHS), made.table.publication, broken)


def stored(storage: Storage) -> list[tuple[str, str, int]]:
    rows = DeltaTable(storage.table_uri("gold/months")).to_pyarrow_table().to_pylist()
    return sorted((row["month"], row["key"], row["value"]) for row in rows)


def test_a_days_run_replaces_its_month_and_leaves_the_others(storage: Storage, spark: "SparkSession") -> None:
    january: Rows = [(JANUARY, "a", 1), (LAST_OF_JANUARY, "b", 2)]
    publish(storage, prepared(storage, spark, january[:1], JANUARY))
    publish(storage, prepared(storage, spark, [*january, (FEBRUARY, "c", 3)], FEBRUARY))
    assert stored(storage) == [("2028-01", "a", 1), ("2028-02", "c", 3)]
    publish(storage, prepared(storage, spark, january, LAST_OF_JANUARY))
    assert stored(storage) == [("2028-01", "a", 1), ("2028-01", "b", 2), ("2028-02", "c", 3)]


def test_every_loaded_day_of_a_month_counts_as_loaded_anew(storage: Storage, spark: "SparkSession") -> None:
    publish(storage, prepared(storage, spark, [(JANUARY, "a", 1)], JANUARY))
    publish(storage, prepared(storage, spark, [(JANUARY, "a", 1)], LAST_OF_JANUARY))
    state = StateReader(storage, {"gold/months": MONTHS}).states()["gold/months"]
    assert state.loaded == {JANUARY, LAST_OF_JANUARY}
    assert state.loads[JANUARY] == state.loads[LAST_OF_JANUARY]


def test_only_months_that_differ_are_touched(storage: Storage, spark: "SparkSession") -> None:
    rows: Rows = [(JANUARY, "a", 1), (FEBRUARY, "c", 3)]
    publish(storage, prepared(storage, spark, rows, LAST_OF_JANUARY, FEBRUARY))
    publish(storage, prepared(storage, spark, [*rows, (FEBRUARY, "d", 4)], LAST_OF_JANUARY, FEBRUARY))
    touched = [commit.touched for commit in read_commits(storage, "gold/months")]
    assert touched == [{dt.date(2028, 2, 1)}, {dt.date(2028, 1, 1), dt.date(2028, 2, 1)}]


def test_what_is_conserved_is_a_months(storage: Storage, spark: "SparkSession") -> None:
    made = prepared(storage, spark, [(JANUARY, "a", 1), (LAST_OF_JANUARY, "b", 2)], LAST_OF_JANUARY)
    assert made.report.measured == {"2028-01": 3}
    lost = replace(MONTHS, conserves=Conservation("gold/days", "value - 1", "value"))
    load = Load(lost, storage, spark, open_snapshot(storage, MONTHS), [JANUARY], new_run(), CLOCK, AT_ONCE)
    frame = spark.sql("select '2028-01' as month, date'2028-01-01' as month_start, 'a' as key, 1L as value")
    report = prepare_partitions(load, lambda _: frame, RunCounts(staged={}, measures={"2028-01": 1})).report
    assert [one.name for one in report.outcomes if not one.passed] == ["conserved"]


def test_broken_rows_of_a_month_are_shown_under_the_runs_first_day(storage: Storage, spark: "SparkSession") -> None:
    publish(storage, prepared(storage, spark, [(JANUARY, "a", 1), (JANUARY, "bad", -1)], JANUARY))
    rows = read_quarantine(storage, MONTHS).to_pylist()
    assert [(row["_window"], row["_broken_rules"]) for row in rows] == [(str(JANUARY), ["value_minimum"])]
    assert stored(storage) == [("2028-01", "a", 1)]


def test_a_month_is_never_cut_in_two() -> None:
    days = [JANUARY, LAST_OF_JANUARY, FEBRUARY]
    rows = {str(day): 3_000_000 for day in days}
    assert list(chunks(days, rows, 1_000_000, MONTHS.partition_of)) == [[JANUARY, LAST_OF_JANUARY], [FEBRUARY]]
