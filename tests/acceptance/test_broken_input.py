"""Broken input stops a load with a clear error or is set aside with its reason; what was good stays as it was, and mending clears it."""

import datetime as dt
import gzip
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import MakeLake
from lake_support import ORDER_COLUMNS, ORDER_TABLES, OwnLake, Row, csv_text, order, write_rows

from io_managers.batches import Batch
from lakehouse_assets.command.condition import Condition, conditions
from lakehouse_assets.command.run import Summary
from tests.support import with_what_follows

START = dt.date(2026, 5, 1)
DAYS = [START + dt.timedelta(days=number) for number in range(6)]
FIRST, BROKEN, EMPTY, WITHOUT_FILE = DAYS[0], DAYS[3], DAYS[4], DAYS[5]
MORNING = DAYS[-1] + dt.timedelta(days=1)
UP_TO_SILVER = ORDER_TABLES[:2]
MOMENT = f"{BROKEN}T10:00:00Z"

GOOD = order("good", MOMENT)
CONFLICTING = [order("conflicting", MOMENT, amount=Decimal(amount)) for amount in ("1.00", "2.00")]
SET_ASIDE: dict[str, tuple[str, dt.date, list[str], Row]] = {
    "a number that is none": ("bronze/snowflake_orders", BROKEN, ["quantity_type"], order("typed", MOMENT, quantity="two")),
    "more decimals than money has": ("bronze/snowflake_orders", BROKEN, ["amount_type"], order("cents", MOMENT, amount="12.345")),
    "no time of change": ("bronze/snowflake_orders", FIRST, ["last_modified_ts_required"], order("timeless", MOMENT, last_modified_ts=None)),
    "no key": ("silver/orders", BROKEN, ["order_id_required"], order(None, MOMENT)),
    "an unknown currency": ("silver/orders", BROKEN, ["currency_known"], order("coined", MOMENT, currency="QQQ")),
    "an unknown status": ("silver/orders", BROKEN, ["status_known"], order("lost", MOMENT, status="LOST")),
    "a date after the change": (
        "silver/orders",
        BROKEN,
        ["order_date_not_after_modification"],
        order("ahead", MOMENT, order_date="2026-05-20"),
    ),
    "an amount below zero, of nobody": (
        "silver/orders",
        BROKEN,
        ["customer_id_required", "amount_minimum"],
        order("owed", MOMENT, customer_id=None, amount=Decimal("-1.00")),
    ),
}  # fmt: skip
"""A row that is broken: the table that sets it aside, the window in which, the rules that it breaks, and the row."""
MALFORMED = '{"order_id": "cut o'


@pytest.fixture(scope="module")
def good(make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> OwnLake:
    """A lake with three good days."""
    lake = make_lake(tmp_path_factory.mktemp("good") / "one", START, ORDER_TABLES)
    rows = [order(f"{name} of {day}", f"{day}T05:00:00Z") for day in DAYS[:3] for name in ("first", "second")]
    write_rows(lake.files("snowflake/orders") / "good.csv", ORDER_COLUMNS, rows)
    lake.settle(BROKEN)
    return lake


@pytest.fixture(scope="module")
def broken_run(good: OwnLake, tmp_path_factory: pytest.TempPathFactory) -> tuple[OwnLake, Summary]:
    """Three more days are loaded: one with everything that is set aside, one with an empty file, one without a file."""
    lake = good.copied_to(tmp_path_factory.mktemp("broken") / "one")
    orders = lake.files("snowflake/orders")
    rows = [GOOD, order("repeated", MOMENT), order("repeated", MOMENT), *CONFLICTING]
    write_rows(orders / "day4.csv", ORDER_COLUMNS, [*rows, *(row for *_, row in SET_ASIDE.values())])
    (orders / "day4.jsonl").write_text(MALFORMED + "\n")
    (orders / "day5.csv").write_text(csv_text(ORDER_COLUMNS, []))
    summary = lake.run(MORNING)
    assert summary.failures == []
    return lake, summary


@pytest.fixture(scope="module")
def broken(broken_run: tuple[OwnLake, Summary]) -> OwnLake:
    return broken_run[0]


@pytest.fixture(scope="module")
def first_window_again(broken: OwnLake) -> OwnLake:
    """Rows without a time of change belong to the first window, which was loaded before they came."""
    assert broken.load(MORNING, UP_TO_SILVER, FIRST) == []
    return broken


@pytest.mark.parametrize("kind", SET_ASIDE)
def test_a_broken_row_is_set_aside_with_the_names_of_its_rules(first_window_again: OwnLake, kind: str) -> None:
    table, window, rules, row = SET_ASIDE[kind]

    found = [
        (found_window, found_rules)
        for found_window, found_rules, raw in first_window_again.quarantine(table)
        if "_line" not in raw and raw.get("order_id") == row["order_id"]
    ]

    assert found == [(str(window), rules)]


def test_a_malformed_line_is_set_aside_as_it_was_delivered(first_window_again: OwnLake) -> None:
    lines = [
        (window, rules, raw)
        for window, rules, raw in first_window_again.quarantine("bronze/snowflake_orders")
        if "_line" in raw
    ]

    assert [(window, raw["_line"]) for window, _, raw in lines] == [(str(FIRST), MALFORMED)]
    assert lines[0][1] == ["_line_type", "last_modified_ts_required"]


def test_of_repeated_and_conflicting_versions_one_stands(broken: OwnLake) -> None:
    standing = Counter(row["order_id"] for row in broken.rows("silver/orders") if row["order_date"] == BROKEN)

    assert standing == {"good": 1, "repeated": 1, "conflicting": 1}


def test_conflicting_versions_are_counted_as_a_warning(broken_run: tuple[OwnLake, Summary]) -> None:
    _, summary = broken_run

    assert "conflicting_versions (1)" in str(summary.checks["silver/orders", "rows"])


def test_every_row_is_accounted_for(broken: OwnLake) -> None:
    rows_of_windows = 5 + len(SET_ASIDE) - 1
    bronze, silver = (broken.last_commit_of(table, BROKEN).counts for table in UP_TO_SILVER)

    assert (bronze["incoming"], bronze["published"], bronze["quarantined"]) == (rows_of_windows, rows_of_windows - 2, 2)
    assert (
        silver["incoming"] == bronze["published"] == silver["published"] + silver["superseded"] + silver["quarantined"]
    )
    assert (silver["superseded"], silver["quarantined"]) == (2, 5)


def test_days_before_are_as_they_were(good: OwnLake, broken: OwnLake) -> None:
    for table in ORDER_TABLES:
        before, after = good.rows_by_partition(table), broken.rows_by_partition(table)
        assert {day: after[day] for day in before} == before, table
        assert set(after) - set(before) == {BROKEN}, table


def test_days_with_an_empty_file_or_none_are_loaded_and_empty(broken: OwnLake) -> None:
    states = broken.at(MORNING).states()

    assert broken.stale(MORNING) == set()
    for table in ORDER_TABLES:
        assert {EMPTY, WITHOUT_FILE} <= states[table].loaded
        assert not {EMPTY, WITHOUT_FILE} & broken.rows_by_partition(table).keys()


def test_a_mended_file_is_loaded_by_the_next_run_and_a_removed_one_where_it_is_asked_for(
    first_window_again: OwnLake, tmp_path: Path
) -> None:
    lake = first_window_again.copied_to(tmp_path / "lake")
    orders = lake.files("snowflake/orders")
    mended = [order(f"mended {number}", MOMENT) for number in range(len(SET_ASIDE))]
    write_rows(orders / "day4.csv", ORDER_COLUMNS, [GOOD, *mended])
    (orders / "day4.jsonl").unlink()

    assert {one.day for one in condition_of_orders(lake, MORNING).due} == {BROKEN}
    loads = lake.run(MORNING).tables
    assert {(one.first, one.last) for one in loads if one.table == ORDER_TABLES[0]} == {(BROKEN, BROKEN)}
    assert {row[0] for table in ORDER_TABLES for row in lake.quarantine(table)} == {FIRST.isoformat()}, (
        "its file is gone"
    )
    assert lake.run(MORNING).runs == 0
    assert lake.run(MORNING, again=Batch(FIRST, FIRST, ORDER_TABLES[:1])).failures == []

    assert lake.stale(MORNING) == set()
    for table in ORDER_TABLES:
        assert lake.quarantine(table) == [], table
    facts = {row["order_id"] for row in lake.rows("gold/fct_orders") if row["order_date"] == BROKEN}
    # Versions that a mended file no longer has stay in silver: only a rebuild forgets them.
    assert facts == {"good", "repeated", "conflicting", *(row["order_id"] for row in mended)}


def condition_of_orders(lake: OwnLake, day: dt.date) -> Condition:
    """What `lakehouse status` says of the orders in bronze."""
    with lake.environment():
        return conditions(lake.at(day), {})[ORDER_TABLES[0]]


def cut_compressed(path: Path) -> None:
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(csv_text(ORDER_COLUMNS, [GOOD] * 1000).encode())[:-40])


def without_order_id(path: Path) -> None:
    write_rows(path, ORDER_COLUMNS[1:], [GOOD])


@pytest.mark.parametrize(
    ("break_file", "names"),
    [
        (cut_compressed, "broken.csv.gz"),
        (without_order_id, "broken.csv: column order_id is missing"),
    ],
)
def test_a_file_that_cannot_be_read_stops_its_table_and_nothing_else(
    good: OwnLake, tmp_path: Path, break_file: Callable[[Path], None], names: str
) -> None:
    lake = good.copied_to(tmp_path / "lake")
    break_file(lake.files("snowflake/orders") / "broken.csv")

    summary = lake.run(EMPTY)

    assert [failure.table for failure in summary.failures] == ["bronze/snowflake_orders"]
    assert names in summary.failures[0].reason
    assert names in str(condition_of_orders(lake, EMPTY).source_error)
    for table in ORDER_TABLES:
        assert lake.rows_by_partition(table) == good.rows_by_partition(table)
    assert {table for table, _ in lake.stale(EMPTY)} == with_what_follows("bronze/snowflake_orders", lake.contracts)

    for path in lake.files("snowflake/orders").glob("broken*"):
        path.unlink()
    write_rows(lake.files("snowflake/orders") / "mended.csv", ORDER_COLUMNS, [GOOD])
    lake.settle(EMPTY)
    assert lake.rows_by_partition("gold/fct_orders").keys() == {*DAYS[:3], BROKEN}
