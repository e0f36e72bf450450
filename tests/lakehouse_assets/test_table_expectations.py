"""Great Expectations in a run: which runs import it and when, and what a table with a broken expectation publishes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asset_checks.expectations import expectation_rules
from contracts.expectations import expectation_rule
from contracts.model import Contract, Severity
from contracts.problems import Problems
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.definitions import build_definitions
from tests.lakehouse_assets.tiny_lake import FIRST, ORDER_TABLES, TinyLake, order
from tests.support import SharedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BRONZE, SILVER = ORDER_TABLES


@pytest.fixture
def tiny(
    tmp_path: Path, spark: "SparkSession", contracts: Mapping[str, Contract], monkeypatch: pytest.MonkeyPatch
) -> TinyLake:
    """A lake in which both tables of orders expect at most 5 euros an order on average; bronze only warns."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    kwargs = {"column": "amount", "max_value": 5}
    implementation = {"type": "expect_column_mean_to_be_between", "kwargs": kwargs}
    entry = {"name": "cheap", "description": "orders are cheap", "implementation": implementation}
    rules = {
        table: expectation_rule(entry, severity, "accuracy", Problems(entry))
        for table, severity in ((BRONZE, Severity.WARNING), (SILVER, Severity.ERROR))
    }
    changed = {table: replace(contracts[table], table_rules=(rule,)) for table, rule in rules.items() if rule}
    made = TinyLake(tmp_path, SharedEngine(spark), {**contracts, **changed})
    made.deliver("snowflake/orders", "orders", order("1", FIRST), order("2", FIRST, amount="20.00"))
    return made


def test_a_broken_expectation_blocks_or_warns_as_its_severity_says(tiny: TinyLake) -> None:
    run = tiny.materialize(ORDER_TABLES, FIRST)
    assert tiny.rows(BRONZE, "order_id") == [("1",), ("2",)]
    assert list(run.failures) == [SILVER]
    assert "cheap is 15.0, must be at most 5 (orders are cheap)" in run.failures[SILVER]
    assert tiny.rows(SILVER, "order_id") == []


def test_a_run_prepares_for_the_contracts_that_it_loads(tiny: TinyLake, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[set[str]] = []
    monkeypatch.setattr(
        "lakehouse_assets.table.start_import", lambda contracts: prepared.append({one.table for one in contracts})
    )
    tiny.materialize([BRONZE], FIRST)
    assert prepared == [{BRONZE}]


def test_tables_with_expectations_wait_for_those_without(tiny: TinyLake) -> None:
    assets = build_definitions(tiny.lake).resolve_asset_graph()
    for table, contract in tiny.contracts.items():
        priority = assets.get(asset_key(table)).assets_def.op.tags.get("dagster/priority")
        assert priority == ("-1" if expectation_rules(contract) else None), table
