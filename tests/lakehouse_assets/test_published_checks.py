"""Checks of what is published, on a lake whose tables are changed by hand or left behind."""

import datetime as dt
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from contracts.model import Contract
from lakehouse_assets.definitions import build_definitions
from lakehouse_assets.partitions import run_days
from lakehouse_assets.published_checks import FRESHNESS, IDENTITIES, identity_checks
from tests.lakehouse_assets.tiny_lake import (
    FIRST,
    GOLD_OF_ORDERS,
    ORDER_TABLES,
    SECOND,
    THIRD,
    TinyLake,
    order,
    text_of,
)
from tests.support import SharedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FACTS, PRODUCTS, GEOGRAPHY = GOLD_OF_ORDERS


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory, spark: "SparkSession", contracts: Mapping[str, Contract]
) -> TinyLake:
    """A lake with two days of orders in gold."""
    folder = tmp_path_factory.mktemp("loaded")
    made = TinyLake(folder, SharedEngine(spark), contracts)
    made.deliver(
        "snowflake/orders", "orders", order("1", FIRST), order("2", SECOND), order("3", SECOND, status="RETURNED")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder / "home"))
        patch.setenv("LAKEHOUSE_MASK_SALT", "a salt")
        assert made.materialize(contracts, FIRST, SECOND).failures == {}
    return made


@pytest.fixture
def tiny(loaded: TinyLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyLake:
    """A copy of that lake, to be changed at will."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKEHOUSE_MASK_SALT", "a salt")
    shutil.copytree(loaded.folder, tmp_path / "copy")
    return replace(loaded, folder=tmp_path / "copy")


def change_by_hand(tiny: TinyLake, table: str, day: dt.date) -> None:
    """Somebody adds a cent to what is published, without any run."""
    DeltaTable(tiny.lake.storage.table_uri(table)).update(
        updates={"net_eur": "net_eur + 0.01"}, predicate=f"activity_date = '{day}'"
    )


@pytest.mark.parametrize("table", [PRODUCTS, GEOGRAPHY])
def test_tables_of_the_same_orders_agree(tiny: TinyLake, table: str) -> None:
    check = tiny.check(table, IDENTITIES)
    assert check.passed
    assert check.description.startswith(f"{check.metadata['comparisons_holds'].value} of ")
    assert (check.metadata["comparisons_broken"].value, check.metadata["comparisons_stale"].value) == (0, 0)


@pytest.mark.parametrize("table", [PRODUCTS, GEOGRAPHY])
def test_a_published_row_that_was_changed_by_hand_is_found(tiny: TinyLake, table: str) -> None:
    change_by_hand(tiny, table, SECOND)
    check = tiny.check(table, IDENTITIES)
    assert not check.passed
    assert f"net_eur of {table} on 2026-10-02: 10.00 in {FACTS}, 10.01 in {table}" in check.description
    assert check.metadata["comparisons_broken"].value == 1
    assert "| 2026-10-02 |" in text_of(check, "comparisons")
    other = GEOGRAPHY if table == PRODUCTS else PRODUCTS
    assert tiny.check(other, IDENTITIES).passed


def test_a_run_judges_its_own_days(tiny: TinyLake) -> None:
    change_by_hand(tiny, GEOGRAPHY, SECOND)
    assert tiny.check(GEOGRAPHY, IDENTITIES, FIRST).passed
    assert not tiny.check(GEOGRAPHY, IDENTITIES, SECOND).passed
    assert not tiny.check(GEOGRAPHY, IDENTITIES, FIRST, SECOND).passed


def test_a_day_that_has_to_be_loaded_again_is_not_judged(tiny: TinyLake) -> None:
    tiny.deliver("snowflake/orders", "later", order("4", SECOND, order_date=str(FIRST)))
    assert tiny.materialize([*ORDER_TABLES, FACTS], FIRST, SECOND).failures == {}
    assert tiny.rows(FACTS, "order_id") == [("1",), ("2",), ("3",), ("4",)]
    stale = tiny.check(GEOGRAPHY, IDENTITIES)
    assert stale.passed
    assert stale.metadata["comparisons_stale"].value == 2
    assert "2 not judged" in stale.description
    change_by_hand(tiny, GEOGRAPHY, SECOND)
    assert not tiny.check(GEOGRAPHY, IDENTITIES).passed
    assert tiny.materialize([GEOGRAPHY], FIRST, SECOND).failures == {}
    mended = tiny.check(GEOGRAPHY, IDENTITIES)
    assert (mended.passed, mended.metadata["comparisons_stale"].value) == (True, 0)


def test_a_day_that_is_missing_is_not_judged(tiny: TinyLake) -> None:
    tiny.now = dt.datetime(2026, 10, 4, 6, tzinfo=dt.UTC)
    tiny.deliver("snowflake/orders", "third", order("5", THIRD))
    others = [table for table in tiny.contracts if table != GEOGRAPHY]
    assert tiny.materialize(others, THIRD).failures == {}
    check = tiny.check(GEOGRAPHY, IDENTITIES, FIRST, THIRD)
    assert check.passed
    assert check.metadata["comparisons_stale"].value == 2


def test_a_table_without_any_day_has_nothing_to_judge(
    tmp_path: Path, spark: "SparkSession", contracts: Mapping[str, Contract]
) -> None:
    empty = TinyLake(tmp_path / "empty", SharedEngine(spark), contracts)
    check = empty.check(GEOGRAPHY, IDENTITIES)
    assert check.passed
    assert check.description == "0 of 0 comparisons hold"


def test_identities_are_checked_where_both_tables_are(contracts: Mapping[str, Contract]) -> None:
    def checked(contracts: Mapping[str, Contract]) -> set[str]:
        return {"/".join(key.asset_key.path) for check in identity_checks(contracts) for key in check.check_keys}

    profiles = "gold/customer_360"
    of_facts = {PRODUCTS, GEOGRAPHY, "gold/revenue_by_industry", "gold/customer_daily", "gold/marketing_attribution"}
    assert checked(contracts) == {*of_facts, profiles}
    assert checked({name: one for name, one in contracts.items() if name != FACTS}) == {profiles}


def test_a_table_with_yesterday_is_fresh(tiny: TinyLake) -> None:
    for table in (ORDER_TABLES[1], FACTS):
        check = tiny.check(table, FRESHNESS)
        assert check.passed, check.description
        assert (text_of(check, "newest_complete_day"), text_of(check, "expected_day")) == ("2026-10-02", "2026-10-02")


def test_a_table_without_yesterday_is_late_from_its_hour_on(tiny: TinyLake) -> None:
    available_by = tiny.contracts[FACTS].available_by
    tiny.now = dt.datetime.combine(dt.date(2026, 10, 4), available_by, dt.UTC) - dt.timedelta(minutes=1)
    assert tiny.check(FACTS, FRESHNESS).passed
    tiny.now += dt.timedelta(hours=1, minutes=1)
    check = tiny.check(FACTS, FRESHNESS)
    assert not check.passed
    assert "the newest complete day is 2026-10-02, and 2026-10-03 is due" in check.description
    assert f"{FACTS} is late since 2026-10-04 {available_by:%H:%M} UTC" in check.description
    assert check.metadata["late_by_hours"].value == pytest.approx(1)


def test_a_day_that_has_to_be_loaded_again_is_complete_for_as_long_as_lateness_is_allowed(tiny: TinyLake) -> None:
    tiny.deliver("snowflake/orders", "later", order("4", SECOND))
    assert tiny.materialize(ORDER_TABLES, SECOND).failures == {}
    tiny.now += dt.timedelta(minutes=59)
    assert tiny.check(FACTS, FRESHNESS).passed
    tiny.now += dt.timedelta(minutes=1)
    check = tiny.check(FACTS, FRESHNESS)
    assert not check.passed
    assert text_of(check, "newest_complete_day") == "2026-10-01"


def test_loading_an_older_day_again_makes_no_table_fresh(tiny: TinyLake) -> None:
    tiny.now = dt.datetime(2026, 10, 4, 6, tzinfo=dt.UTC)
    assert tiny.materialize([FACTS], FIRST).failures == {}
    assert not tiny.check(FACTS, FRESHNESS).passed


def test_every_table_has_its_freshness_checked(tiny: TinyLake) -> None:
    keys = {
        key for check in build_definitions(tiny.lake).asset_checks or [] for key in check.check_keys if key.name == FRESHNESS  # type: ignore[union-attr]
    }  # fmt: skip
    assert {"/".join(key.asset_key.path) for key in keys} == set(tiny.contracts)


@pytest.mark.parametrize(
    ("tags", "days"),
    [
        ({}, []),
        ({"dagster/partition": "2026-10-02"}, [SECOND]),
        ({"dagster/asset_partition_range_start": "2026-10-01", "dagster/asset_partition_range_end": "2026-10-03"}, [FIRST, SECOND, THIRD]),
        ({"dagster/asset_partition_range_start": "2026-10-01", "dagster/asset_partition_range_end": "2026-10-01"}, [FIRST]),
    ],
)  # fmt: skip
def test_a_runs_days_are_those_of_its_tags(tags: Mapping[str, str], days: list[Any]) -> None:
    assert run_days(tags) == days
