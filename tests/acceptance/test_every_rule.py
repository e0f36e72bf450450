"""Every rule of every contract fires for a row that breaks it, alone and under its name."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from rule_rows import arriving, arrow_rows, breaking_row, breaking_rows, stored_row, valid_row

from asset_checks.audit import audit
from asset_checks.report import RunCounts, TableRuleResult
from asset_checks.rules import with_broken_rules
from contracts.model import Contract, RowRule, Severity, TableRule
from contracts.parse import load_contracts

CONTRACTS = load_contracts()
VALID = "a valid row"
Marks = dict[str, tuple[list[str] | None, bool]]


@pytest.fixture(scope="module")
def marks_of(spark: SparkSession) -> Callable[[str], Marks]:
    """The marks of a table's valid row and of its breaking ones, by the rules' names: one query a table."""

    @cache
    def judge(table: str) -> Marks:
        contract = CONTRACTS[table]
        rows = {VALID: valid_row(contract), **{rule.name: breaking_row(contract, rule) for rule in contract.row_rules}}
        frame = spark.createDataFrame(arrow_rows(contract, rows))
        marked = with_broken_rules(frame, contract, [column.name for column in arriving(contract)])
        found = marked.select("_case", "_broken_rules", "_ok").collect()
        return {row["_case"]: (row["_broken_rules"], row["_ok"]) for row in found}

    return judge


def every_rule(rules_of: Callable[[Contract], Iterable[RowRule | TableRule]]) -> list[Any]:
    """The rules of a kind of all contracts, each with its table."""
    return [
        pytest.param(table, rule, id=f"{table}-{rule.name}")
        for table, contract in CONTRACTS.items()
        for rule in rules_of(contract)
    ]


@pytest.mark.parametrize("table", CONTRACTS)
def test_a_valid_row_breaks_no_rule(marks_of: Callable[[str], Marks], table: str) -> None:
    assert marks_of(table)[VALID] == (None, True)


@pytest.mark.parametrize(("table", "rule"), every_rule(lambda contract: contract.row_rules))
def test_a_row_that_breaks_one_rule_is_marked_with_its_name_alone(
    marks_of: Callable[[str], Marks], table: str, rule: RowRule
) -> None:
    assert marks_of(table)[rule.name] == ([rule.name], rule.severity is Severity.WARNING)


def results_of(spark: SparkSession, contract: Contract, rows: list[dict[str, Any]]) -> tuple[TableRuleResult, ...]:
    """What the audit finds of the table's rules, row rules and counts aside."""
    bare = replace(contract, row_rules=(), counted_rules=(), conserves=None, mode="partitions")
    cases = arrow_rows(contract, {str(number): row for number, row in enumerate(rows)})
    staged = with_broken_rules(spark.createDataFrame(cases), bare)
    counts = Counter(str(row[0]) for row in staged.select(contract.partition_column).collect())
    return audit(bare, staged, RunCounts(staged={value: (count, 0) for value, count in counts.items()})).table_rules


@pytest.mark.parametrize("table", [table for table, contract in CONTRACTS.items() if contract.table_rules])
def test_a_valid_row_breaks_no_table_rule(spark: SparkSession, table: str) -> None:
    results = results_of(spark, CONTRACTS[table], [stored_row(CONTRACTS[table])])
    assert [result.name for result in results] == [rule.name for rule in CONTRACTS[table].table_rules]
    assert [result for result in results if not result.passed] == []


@pytest.mark.parametrize(("table", "rule"), every_rule(lambda contract: contract.table_rules))
def test_rows_that_together_break_one_table_rule_fail_it_alone(
    spark: SparkSession, table: str, rule: TableRule
) -> None:
    results = results_of(spark, CONTRACTS[table], breaking_rows(CONTRACTS[table], rule))
    assert [result.name for result in results if not result.passed] == [rule.name]


@pytest.mark.parametrize("table", [table for table, contract in CONTRACTS.items() if contract.layer == "bronze"])
def test_a_value_that_cannot_be_read_breaks_the_rule_of_its_type_alone(spark: SparkSession, table: str) -> None:
    contract = CONTRACTS[table]
    names = [column.name for column in arriving(contract)]
    rows = arrow_rows(contract, {name: {**valid_row(contract), name: None} for name in names})
    delivered = rows.append_column("_unreadable", pa.array([[name] for name in names]))
    marked = with_broken_rules(spark.createDataFrame(delivered), contract, names)
    found = {
        row["_case"]: (row["_broken_rules"], row["_ok"])
        for row in marked.select("_case", "_broken_rules", "_ok").collect()
    }
    assert found == {name: ([f"{name}_type"], False) for name in names}
