"""Somebody's own files become exactly the tables that the data model defines, however and in whatever order they arrive."""

import datetime as dt
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import MakeLake
from lake_support import SALT, OwnLake, Row, differing
from oracle import Greatest, Oracle
from own_data import END, START, OwnData, own_data
from pyspark.sql import SparkSession

from contracts.model import Contract

DAY = dt.timedelta(days=1)
GOLD = ("fct_orders", "dim_customers", "dim_products", "product_perf_daily", "revenue_by_geography")
PAYLOADS = {
    "silver/orders": ("customer_id", "order_date", "product_id", "quantity", "amount", "currency", "status"),
    "silver/customers": ("first_name", "last_name", "email", "phone", "country", "city", "signup_date", "is_deleted"),
    "silver/products": ("name", "category", "brand", "unit_price", "currency", "is_active"),
}
"""What decides between versions of one key and time."""

Expect = Callable[[dt.date], Oracle]


@pytest.fixture(scope="module")
def data() -> OwnData:
    return own_data(seed=20260101)


@pytest.fixture(scope="module")
def greatest(spark: SparkSession, contracts: dict[str, Contract]) -> Greatest:
    """The engine's hash decides between versions with one key and time, since nothing in plain Python computes it."""

    @cache
    def hashed(table: str, values: tuple[tuple[object, ...], ...]) -> list[int]:
        fields = [contracts[table].arrow_schema.field(name).with_nullable(True) for name in PAYLOADS[table]]
        columns = [
            pa.array(column, field.type) for column, field in zip(zip(*values, strict=True), fields, strict=True)
        ]
        frame = spark.createDataFrame(pa.table(columns, schema=pa.schema(fields)))
        return [row[0] for row in frame.selectExpr(f"xxhash64({', '.join(PAYLOADS[table])})").collect()]

    def choose(table: str, rows: list[Row]) -> Row:
        hashes = hashed(table, tuple(tuple(row[name] for name in PAYLOADS[table]) for row in rows))
        return rows[hashes.index(max(hashes))]

    return choose


@pytest.fixture(scope="module")
def expect(data: OwnData, greatest: Greatest) -> Expect:
    """What a lake that starts on a day must hold when everything is loaded."""
    return lambda start: Oracle(data.orders, data.customers, data.products, data.rates, start, END, SALT, greatest)


def require_expected(lake: OwnLake, oracle: Oracle) -> None:
    """Compares every row of silver's facts and of gold."""
    assert differing(lake.rows("silver/orders"), oracle.silver_orders) == ([], [])
    rates = [
        {name: value for name, value in row.items() if name != "rate_month"} for row in lake.rows("silver/fx_rates")
    ]
    assert differing(rates, oracle.silver_fx_rates) == ([], [])
    for table in GOLD:
        rows = lake.rows(f"gold/{table}")
        assert differing(rows, getattr(oracle, table)) == ([], []), table
    without_rate = [(rules, row["order_id"]) for _, rules, row in lake.quarantine("gold/fct_orders")]
    assert sorted(without_rate) == [
        (["amount_eur_required"], order_id) for order_id in sorted(oracle.orders_without_rate)
    ]


def test_the_data_has_what_the_other_tests_are_about(data: OwnData, expect: Expect) -> None:
    oracle = expect(START)
    facts = {row["order_id"]: row for row in oracle.fct_orders}
    assert {row["currency"] for row in facts.values()} == {"EUR", "GBP", "USD", "JPY", "ISK"}
    assert {row["status"] for row in facts.values()} >= {"CANCELLED", "RETURNED", "PLACED"}
    assert {"Unknown", "NA", "JP"} <= {row["country"] for row in facts.values()}
    assert len(oracle.orders_without_rate) > 5
    assert (
        len(
            {
                row["order_id"]
                for row in data.orders
                if row["order_date"] != facts.get(row["order_id"], row)["order_date"]
            }
        )
        > 20
    )
    assert len(data.orders) > 900


def test_all_days_in_one_run_give_what_the_data_model_defines(
    data: OwnData, expect: Expect, make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(tmp_path, START)
    data.write_into(lake, seed=1)

    summary = lake.run(END + DAY)

    assert summary.failures == []
    assert lake.stale(END + DAY) == set()
    require_expected(lake, expect(START))


def test_the_same_rows_in_other_files_in_the_opposite_order_give_the_same(
    data: OwnData, expect: Expect, make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(tmp_path, START)
    data.write_into(lake, seed=2, backwards=True)

    assert lake.run(END + DAY).failures == []

    require_expected(lake, expect(START))


def test_day_by_day_gives_the_same_once_staleness_is_worked_off(
    data: OwnData, expect: Expect, make_lake: MakeLake, tmp_path: Path
) -> None:
    start = END - 7 * DAY
    lake = make_lake(tmp_path, start)
    data.write_into(lake, seed=3)

    for last in (start + 3 * DAY, start + 4 * DAY, END):
        assert lake.run(last + DAY).failures == []
        assert lake.stale(last + DAY) == set()

    require_expected(lake, expect(start))
