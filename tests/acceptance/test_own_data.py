"""Somebody's own files become exactly the tables that the data model defines, however and in whatever order they arrive."""

import datetime as dt
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from conftest import MakeLake
from lake_support import SALT, OwnLake
from oracle import Oracle
from oracle_comparison import KEYS, Expect, differences, expected_of_mornings, expected_quarantine, quarantined
from oracle_silver import DAY, Greatest
from own_data import END, START, OwnData, own_data


@pytest.fixture(scope="module")
def data() -> OwnData:
    return own_data(seed=20260101)


@pytest.fixture(scope="module")
def oracle(data: OwnData, greatest: Greatest) -> Oracle:
    """What a lake must hold when everything is loaded."""
    return Oracle(data.delivered, START, END, SALT, greatest)


def require_expected(lake: OwnLake, expect: Expect, mornings: Sequence[dt.date]) -> None:
    """Compares every row of silver and gold of a lake that was loaded on some mornings, and what was set aside."""
    for table, key in KEYS.items():
        assert differences(lake.rows(table), expected_of_mornings(expect, mornings, table), key) == [], table
    assert quarantined(lake) == expected_quarantine(expect(END))


def test_the_data_has_what_the_other_tests_are_about(data: OwnData, oracle: Oracle) -> None:
    facts = {row["order_id"]: row for row in oracle.fct_orders}
    assert {row["currency"] for row in facts.values()} == {"EUR", "GBP", "USD", "JPY", "ISK"}
    assert {row["status"] for row in facts.values()} >= {"CANCELLED", "RETURNED", "PLACED"}
    assert {"Unknown", "NA", "JP"} <= {row["country"] for row in facts.values()}
    assert len(oracle.orders_without_rate) > 5
    assert (
        len(
            {
                row["order_id"]
                for row in data.delivered.orders
                if row["order_date"] != facts.get(row["order_id"], row)["order_date"]
            }
        )
        > 20
    )
    assert len(data.delivered.orders) > 900


def test_all_days_in_one_run_give_what_the_data_model_defines(
    data: OwnData, oracle: Oracle, make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(tmp_path, START)
    data.write_into(lake, seed=1)

    summary = lake.run_and_store_events(END + DAY)

    assert summary.failures == []
    assert lake.stale(END + DAY) == set()
    require_expected(lake, lambda _: oracle, [END + DAY])


def test_the_same_rows_in_other_files_in_the_opposite_order_give_the_same(
    data: OwnData, oracle: Oracle, make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(tmp_path, START)
    data.write_into(lake, seed=2, backwards=True)

    assert lake.run(END + DAY).failures == []

    require_expected(lake, lambda _: oracle, [END + DAY])


def test_day_by_day_gives_the_same_once_staleness_is_worked_off(
    data: OwnData, greatest: Greatest, make_lake: MakeLake, tmp_path: Path
) -> None:
    start = END - 7 * DAY
    lake = make_lake(tmp_path, start)
    data.write_into(lake, seed=3)

    mornings = (start + 4 * DAY, start + 5 * DAY, END + DAY)
    for morning in mornings:
        assert lake.run(morning).failures == []
        assert lake.stale(morning) == set()

    require_expected(lake, cache(lambda end: Oracle(data.delivered, start, end, SALT, greatest)), mornings)
