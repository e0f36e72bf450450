"""Checks of whole silver tables, on a small lake whose tables are changed by hand, and which loads don't pay for."""

import datetime as dt
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from deltalake import DeltaTable, write_deltalake

from asset_checks.whole_table import COMPLETE, KEYS
from contracts.model import Contract
from io_managers.batches import Batch
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation.requests import run_request
from lakehouse_assets.definitions import build_definitions
from lakehouse_assets.whole_table_checks import WHOLE_TABLES
from tests.lakehouse_assets.tiny_lake import FIRST, SECOND, TinyLake, order
from tests.support import SharedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BRONZE, ORDERS, CUSTOMERS = "bronze/snowflake_orders", "silver/orders", "silver/customers"
BEHAVIOR, EVENTS = "silver/behavior", "silver/order_events"
SILVER = (
    BRONZE, ORDERS, "bronze/snowflake_customers", CUSTOMERS, "bronze/redshift_customer_behavior", BEHAVIOR,
    "bronze/kafka_order_events", EVENTS,
)  # fmt: skip


def customer(day: dt.date, **more: Any) -> dict[str, Any]:
    return {"customer_id": "c1", "country": "DE", "last_modified_ts": f"{day}T12:00:00Z", **more}


METADATA = ('{"product_id": "p1"}', "not JSON")


def event(number: int, metadata: str) -> dict[str, Any]:
    return {
        "event_id": f"e{number}", "event_name": "page_view", "event_ts": f"{FIRST}T12:00:00Z", "session_id": "s",
        "url_1": "https://shop.example/", "metadata": metadata, "loaded_at": f"{FIRST}T12:00:00Z",
    }  # fmt: skip


def message(number: int, metadata: str) -> dict[str, Any]:
    value = json.dumps({"event_id": f"e{number}", "event_type": "PAID", "ts": f"{FIRST}T12:00:00Z"})
    value = value if metadata.startswith("{") else metadata
    return {
        "key": "o1", "value": value, "topic": "orders_events", "partition": 0, "offset": number, "timestamp": f"{FIRST}T12:00:00Z",
    }  # fmt: skip


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory, spark: "SparkSession", contracts: Mapping[str, Contract]
) -> TinyLake:
    """Two days of silver: an order that changes, one that is set aside, and a customer with two versions."""
    folder = tmp_path_factory.mktemp("loaded")
    made = TinyLake(folder, SharedEngine(spark), contracts)
    made.deliver("snowflake/orders", "first", order("o1", FIRST), order("o2", FIRST), order("bad", FIRST, currency="?"))
    made.deliver("snowflake/orders", "second", order("o1", SECOND, order_date=str(FIRST), status="SHIPPED"))
    made.deliver("snowflake/customers", "both", customer(FIRST), customer(SECOND, country="AT"))
    made.deliver("redshift/customer_behavior", "events", *(event(number, text) for number, text in enumerate(METADATA)))
    made.deliver("kafka/orders_events", "events", *(message(number, text) for number, text in enumerate(METADATA)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder / "home"))
        patch.setenv("LAKEHOUSE_MASK_SALT", "a salt")
        assert made.materialize(SILVER, FIRST, SECOND).failures == {}
    return made


@pytest.fixture
def tiny(loaded: TinyLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyLake:
    """A copy of that lake, to be changed at will."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKEHOUSE_MASK_SALT", "a salt")
    shutil.copytree(loaded.folder, tmp_path / "copy")
    return replace(loaded, folder=tmp_path / "copy")


def published(tiny: TinyLake, table: str) -> DeltaTable:
    return DeltaTable(tiny.lake.storage.table_uri(table))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (ORDERS, "all 2 keys of bronze/snowflake_orders that pass the rules are here."),
        (CUSTOMERS, "all 2 versions of bronze/snowflake_customers"),
        (BEHAVIOR, "all 1 keys of bronze/redshift_customer_behavior"),
        (EVENTS, "all 1 keys of bronze/kafka_order_events"),
    ],
)
def test_a_whole_table_is_well(tiny: TinyLake, table: str, message: str) -> None:
    keys, complete = (tiny.check(table, name) for name in (KEYS, COMPLETE))
    assert (keys.passed, complete.passed) == (True, True), complete.description
    assert complete.description.startswith(message)


def test_a_key_in_two_partitions_is_found(tiny: TinyLake) -> None:
    table = published(tiny, ORDERS)
    rows = table.to_pyarrow_table()
    moved = rows.set_column(rows.schema.get_field_index("order_date"), "order_date", [[SECOND] * rows.num_rows])
    write_deltalake(table, moved.slice(0, 1), mode="append")
    key = moved["order_id"][0].as_py()
    check = tiny.check(ORDERS, KEYS)
    assert not check.passed
    assert check.description == (
        f"1 rows repeat the key of another: order_id {key}. "
        "Make the table anew from all of bronze: `lakehouse run silver/orders --rebuild`."
    )


def test_a_version_that_does_not_end_when_the_next_begins_is_found(tiny: TinyLake) -> None:
    published(tiny, CUSTOMERS).update({"valid_to": "null"}, predicate="valid_to is not null")
    check = tiny.check(CUSTOMERS, KEYS)
    assert not check.passed
    assert "1 versions don't end when the next begins: customer_id c1, last_modified_ts 2026-10-01" in check.description


@pytest.mark.parametrize(
    ("table", "gone", "message"),
    [
        (ORDERS, "order_id = 'o2'", "1 of 2 are missing or older than in bronze/snowflake_orders: order_id o2."),
        (CUSTOMERS, "is_current", "1 of 2 are missing or older than in bronze/snowflake_customers: customer_id c1, "),
    ],
)
def test_a_row_that_got_lost_is_found(tiny: TinyLake, table: str, gone: str, message: str) -> None:
    published(tiny, table).delete(gone)
    check = tiny.check(table, COMPLETE)
    assert not check.passed
    assert check.description.startswith(message)


def test_a_row_that_is_older_than_in_bronze_is_found(tiny: TinyLake) -> None:
    published(tiny, ORDERS).update(
        {"last_modified_ts": "last_modified_ts - interval '2 days'"}, predicate="order_id = 'o1'"
    )
    check = tiny.check(ORDERS, COMPLETE)
    assert "1 of 2 are missing or older than in bronze/snowflake_orders: order_id o1" in check.description


def test_a_key_that_vanished_from_its_source_is_red_until_the_table_is_made_anew(tiny: TinyLake) -> None:
    tiny.deliver("snowflake/orders", "first", order("o1", FIRST))
    assert tiny.materialize([BRONZE], FIRST).failures == {}
    waiting = tiny.check(ORDERS, COMPLETE)
    assert waiting.passed
    assert waiting.description.endswith("1 windows are yet to be loaded again, and not judged.")
    assert tiny.materialize([ORDERS], FIRST).failures == {}
    check = tiny.check(ORDERS, COMPLETE)
    assert not check.passed
    assert "1 of 2 are not in bronze/snowflake_orders: order_id o2." in check.description
    assert tiny.materialize([ORDERS], FIRST, SECOND, rebuild=[ORDERS]).failures == {}
    assert tiny.check(ORDERS, COMPLETE).passed


def test_a_table_that_is_not_there_yet_is_not_judged(
    tmp_path: Path, spark: "SparkSession", contracts: Mapping[str, Contract]
) -> None:
    empty = TinyLake(tmp_path / "empty", SharedEngine(spark), contracts)
    assert {empty.check(ORDERS, name).description for name in (KEYS, COMPLETE)} == {"the table is not there yet"}


def test_a_load_that_takes_all_checks_along_leaves_those_of_whole_tables_out(tiny: TinyLake) -> None:
    job = build_definitions(tiny.lake).resolve_implicit_global_asset_job_def()
    key = dg.AssetCheckKey(asset_key(ORDERS), KEYS)
    with dg.DagsterInstance.ephemeral() as instance:
        run = job.execute_in_process(
            instance=instance, asset_selection=[asset_key(ORDERS)], tags={"dagster/partition": str(FIRST)}
        )
        assert {one.check_name for one in run.get_asset_check_evaluations()}.isdisjoint({KEYS, COMPLETE})
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
        assert {one.status.value for one in records} <= {"PLANNED"}


def test_what_sensors_ask_for_has_the_checks_of_a_load_alone(contracts: Mapping[str, Contract]) -> None:
    request = run_request(Batch(FIRST, FIRST, (ORDERS, "gold/customer_360")), contracts, {}, "")
    asked = {(key.asset_key.to_user_string(), key.name) for key in request.asset_check_keys or ()}
    of_load = {"schema", "rows", "table", "conserved", "freshness"}
    assert asked == {
        *((ORDERS, name) for name in of_load),
        *(("gold/customer_360", name) for name in {*of_load, "identities"}),
    }


def test_every_silver_table_is_checked_each_sunday(tiny: TinyLake) -> None:
    definitions = build_definitions(tiny.lake)
    [schedule] = [one for one in definitions.schedules or [] if one.name == "whole_tables_every_sunday"]
    assert (schedule.job_name, schedule.cron_schedule) == (WHOLE_TABLES, "30 4 * * 0")
    job = definitions.resolve_job_def(WHOLE_TABLES)
    checked = {(key.asset_key.to_user_string(), key.name) for key in job.asset_layer.asset_graph.asset_check_keys}
    silver = {table for table in tiny.contracts if table.startswith("silver/")}
    assert checked == {(table, name) for table in silver for name in (KEYS, COMPLETE)}
