"""Questions to a tiny lake: pinned versions, masks, quarantine as far as it counts, and messages."""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from contracts.model import Contract
from io_managers.quarantine import append_quarantined
from lakehouse_assets.command.query import parse_as_of, parse_query
from lakehouse_assets.command.requests import RequestError
from lakehouse_assets.command.sql import Answer, ask
from tests.lakehouse_assets.tiny_lake import FIRST, SECOND, TinyLake, order
from tests.support import SharedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Ask = Callable[..., list[dict[str, Any]]]
TABLES = ("bronze/snowflake_orders", "bronze/snowflake_customers", "silver/orders", "silver/customers")


def customer(key: str | None, **more: Any) -> dict[str, Any]:
    return {
        "customer_id": key, "first_name": "ann", "last_name": "Other", "email": "Ann@Example.org", "phone": "0301234",
        "country": "DE", "city": "Berlin", "signup_date": "2026-01-01", "is_deleted": False,
        "last_modified_ts": f"{FIRST}T10:00:00Z", **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def tiny(
    tmp_path_factory: pytest.TempPathFactory, spark: "SparkSession", contracts: Mapping[str, Contract]
) -> TinyLake:
    """Orders of two days, each loaded by a run of its own, and customers of the first."""
    made = TinyLake(tmp_path_factory.mktemp("tiny"), SharedEngine(spark), contracts)
    rows = [
        order("1", FIRST),
        order("2", FIRST, currency="EURO"),
        order("3", SECOND, amount="12.30"),
        order("1", SECOND),
    ]
    made.deliver("snowflake/orders", "orders", *rows)
    made.deliver("snowflake/customers", "customers", customer("c1"), customer("c2", country="XX"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(made.folder / "home"))
        assert made.materialize(TABLES, FIRST).failures == {}
        assert made.materialize(TABLES, SECOND).failures == {}
    return made


@pytest.fixture
def asked(tiny: TinyLake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    monkeypatch.setenv("LAKEHOUSE_MASK_SALT", "a salt")

    def call(query: str, **options: Any) -> list[dict[str, Any]]:
        answer = ask(tiny.lake, parse_query(query), limit=options.pop("limit", None), **options)
        rows: list[dict[str, Any]] = answer.rows.to_pylist()
        return rows

    return call


def test_tables_are_joined_and_named_as_people_write_them(asked: Ask) -> None:
    rows = asked(
        "select silver.orders.order_id, customers.city, b.n from Silver.Orders"
        " join silver.customers on customers.customer_id = orders.customer_id"
        " join (select order_id, count(*) n from bronze.snowflake_orders group by 1) b on b.order_id = orders.order_id"
        " order by 1"
    )
    assert rows == [{"order_id": "1", "city": "Berlin", "n": 2}, {"order_id": "3", "city": "Berlin", "n": 1}]


def test_a_table_is_read_as_of_a_version_or_a_time(asked: Ask, tiny: TinyLake) -> None:
    commits = {one["version"]: one["timestamp"] for one in tiny.snapshot("silver/orders").delta.history()}
    first_load = dt.datetime.fromtimestamp(commits[1] / 1000, dt.UTC)
    query = "select order_id from silver.orders order by 1"
    assert asked(query) == [{"order_id": "1"}, {"order_id": "3"}]
    assert asked(query, as_of=1) == asked(query, as_of=first_load) == [{"order_id": "1"}]
    assert asked(query, as_of=0) == []
    both = "select a.n as before, b.n as after from (select count(*) n from silver.orders {}) a cross join (select count(*) n from silver.orders) b"
    assert asked(both.format("version as of 1")) == [{"before": 1, "after": 2}]
    assert asked(both.format(f"timestamp as of '{first_load}'")) == [{"before": 1, "after": 2}]


def test_a_version_or_time_that_a_table_never_had_is_told(asked: Ask) -> None:
    with pytest.raises(RequestError, match=r"silver\.orders has no version 99 yet: its newest is 2"):
        asked("select * from silver.orders", as_of=99)
    with pytest.raises(RequestError, match=r"silver\.orders has no version of 2020-01-01 00:00:00 UTC"):
        asked("select * from silver.orders", as_of=parse_as_of("2020-01-01"))
    with pytest.raises(RequestError, match=r"gold\.fct_orders was never loaded"):
        asked("select * from gold.fct_orders")


def test_restricted_columns_are_masked_before_the_query_sees_them(asked: Ask) -> None:
    (row,) = asked("select * from silver.customers")
    hashed = hashlib.sha256(b"a saltann@example.org").hexdigest()
    assert [row[name] for name in ("first_name", "last_name", "email", "phone")] == ["A", "O", hashed, "34"]
    assert asked("select 1 from silver.customers where email like '%@%'") == []
    assert asked("select 1 from silver.customers version as of 1 where email like '%@%'") == []
    hidden = asked("select distinct first_name, email from bronze.snowflake_customers")
    assert "Ann@Example.org" not in str(hidden)
    assert asked("select email from silver.customers", unmasked=True) == [{"email": "ann@example.org"}]


def test_quarantine_holds_what_counts_with_restricted_values_hidden(asked: Ask, tiny: TinyLake) -> None:
    contract = tiny.contracts["silver/customers"]
    left = [{"_window": str(FIRST), "_broken_rules": ["left_behind"], "_raw": "{}"}]
    # What a run appends before it is killed belongs to no published state.
    append_quarantined(
        tiny.lake.storage, contract, pa.Table.from_pylist(left), frozenset({str(FIRST)}), 2**62, "killed"
    )
    (row,) = asked("select _broken_rules, _raw from silver.customers__quarantine")
    assert row["_broken_rules"] == ["country_known"]
    raw = json.loads(row["_raw"])
    assert (raw["customer_id"], raw["country"], raw["email"], raw["phone"]) == ("c2", "XX", "***", "***")
    (unmasked,) = asked("select _raw from silver.customers__quarantine", unmasked=True)
    assert "ann@example.org" in unmasked["_raw"].lower()
    assert asked("select * from bronze.snowflake_customers__quarantine") == []
    with pytest.raises(RequestError, match="belongs to the table as it is"):
        asked("select * from silver.customers__quarantine", as_of=1)


def test_rows_beyond_the_limit_are_counted(tiny: TinyLake) -> None:
    def answer(limit: int) -> Answer:
        return ask(tiny.lake, parse_query("select order_id from silver.orders order by 1 desc"), limit=limit)

    assert (answer(1).rows.to_pylist(), answer(1).left_out) == ([{"order_id": "3"}], 1)
    assert (answer(2).rows.num_rows, answer(2).left_out) == (2, 0)
    assert (answer(0).rows.num_rows, answer(0).left_out) == (0, 2)
    assert answer(0).rows.column_names == ["order_id"]


def test_mistakes_are_told_in_a_sentence(asked: Ask) -> None:
    with pytest.raises(RequestError, match=r"no table 'silver\.ordes'; did you mean silver\.orders"):
        asked("select * from silver.ordes")
    with pytest.raises(RequestError, match="no table 'orders'; did you mean"):
        asked("select * from orders")
    with pytest.raises(RequestError, match="no table 'parquet"):
        asked("select * from parquet.`/tmp/x`")
    with pytest.raises(RequestError) as refused:
        asked("select no_such_column from silver.orders")
    assert "no_such_column" in str(refused.value)
    assert "silver.orders has order_id, customer_id, order_date" in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(RequestError, match="divide by zero"):
        asked("select 1 / 0")
