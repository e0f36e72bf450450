"""Great Expectations on the embedded engine: what its rules find, and that it keeps to the engine and to memory."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from audited_tables import ORDER, ORDERS, audited, frame_of, orders
from pyspark.sql import functions as F

from asset_checks.audit import audit
from asset_checks.expectations import ExpectationError, judge_expectations
from asset_checks.metadata import audit_metadata
from asset_checks.report import RunCounts
from asset_checks.rules import with_broken_rules
from contracts.expectations import KINDS, expectation_rule
from contracts.model import Contract, ExpectationRule, Severity
from contracts.problems import Problems
from tests.lake_processes import import_path


def expectation(kind: str, *, severity: Severity = Severity.ERROR, **kwargs: Any) -> ExpectationRule:
    entry = {"name": "expected", "description": "as expected", "implementation": {"type": kind, "kwargs": kwargs}}
    problems = Problems(entry)
    rule = expectation_rule(entry, severity, "consistency", problems)
    assert rule, problems.found
    return rule


def expecting(*rules: ExpectationRule) -> Contract:
    return replace(ORDERS, table_rules=rules)


QUERY = "SELECT currency FROM {batch} GROUP BY currency HAVING count(*) > 1"
ROWS = [
    {**ORDER, "order_id": "o1", "amount": Decimal("1.00"), "quantity": 1, "currency": "EUR", "email": "EUR"},
    {**ORDER, "order_id": "o2", "amount": Decimal("2.00"), "quantity": 2, "currency": "EUR", "email": "USD"},
    {**ORDER, "order_id": "o3", "amount": Decimal("6.00"), "quantity": 6, "currency": "USD", "email": None},
    {**ORDER, "order_id": "o4", "amount": None, "quantity": None, "currency": None, "email": None},
]
CASES: list[tuple[str, dict[str, Any], float, bool]] = [
    ("expect_column_mean_to_be_between", {"column": "amount", "min_value": 3, "max_value": 3}, 3, True),
    ("expect_column_mean_to_be_between", {"column": "amount", "min_value": 3, "strict_min": True}, 3, False),
    ("expect_column_stdev_to_be_between", {"column": "quantity", "max_value": 2.7}, 2.6457513110645907, True),
    ("expect_column_stdev_to_be_between", {"column": "quantity", "max_value": 2.6}, 2.6457513110645907, False),
    ("expect_column_sum_to_be_between", {"column": "amount", "max_value": 9}, 9, True),
    ("expect_column_sum_to_be_between", {"column": "amount", "max_value": 9, "strict_max": True}, 9, False),
    ("expect_column_min_to_be_between", {"column": "amount", "min_value": 1}, 1, True),
    ("expect_column_min_to_be_between", {"column": "amount", "min_value": 1.01}, 1, False),
    ("expect_column_max_to_be_between", {"column": "quantity", "max_value": 6}, 6, True),
    ("expect_column_max_to_be_between", {"column": "quantity", "max_value": 5}, 6, False),
    ("expect_column_unique_value_count_to_be_between", {"column": "currency", "max_value": 2}, 2, True),
    ("expect_column_unique_value_count_to_be_between", {"column": "currency", "max_value": 1}, 2, False),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "quantity", "min_value": 1}, 1, True),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "currency", "min_value": 1}, 2 / 3, False),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "currency", "min_value": 0.75}, 0.75, True),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "currency", "min_value": 0.8}, 0.75, False),
    ("expect_column_distinct_values_to_be_in_set", {"column": "currency", "value_set": ["EUR", "USD"]}, 0, True),
    ("expect_column_distinct_values_to_be_in_set", {"column": "currency", "value_set": ["EUR"]}, 1, False),
    ("expect_column_distinct_values_to_contain_set", {"column": "currency", "value_set": ["EUR"]}, 0, True),
    ("expect_column_distinct_values_to_contain_set", {"column": "currency", "value_set": ["EUR", "GBP", "CHF"]}, 2, False),
    ("expect_column_distinct_values_to_equal_set", {"column": "currency", "value_set": ["EUR", "USD"]}, 0, True),
    ("expect_column_distinct_values_to_equal_set", {"column": "currency", "value_set": ["EUR", "GBP"]}, 2, False),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "amount", "column_B": "quantity", "or_equal": True, "ignore_row_if": "either_value_is_missing"}, 0, True),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "amount", "column_B": "quantity", "ignore_row_if": "either_value_is_missing"}, 3, False),
    ("expect_column_pair_values_to_be_equal", {"column_A": "currency", "column_B": "email", "ignore_row_if": "either_value_is_missing", "mostly": 0.5}, 50, True),
    ("expect_column_pair_values_to_be_equal", {"column_A": "currency", "column_B": "email", "ignore_row_if": "either_value_is_missing"}, 1, False),
    ("expect_column_pair_values_to_be_in_set", {"column_A": "currency", "column_B": "quantity", "value_pairs_set": [["EUR", 1], ["EUR", 2], ["USD", 6]]}, 0, True),
    ("expect_column_pair_values_to_be_in_set", {"column_A": "currency", "column_B": "quantity", "value_pairs_set": [["EUR", 1], ["USD", 6]]}, 1, False),
    ("expect_compound_columns_to_be_unique", {"column_list": ["currency", "quantity"]}, 0, True),
    ("expect_compound_columns_to_be_unique", {"column_list": ["currency", "order_date"]}, 2, False),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["order_id", "currency"]}, 0, True),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["currency", "email"], "ignore_row_if": "any_value_is_missing"}, 1, False),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["amount", "quantity"], "ignore_row_if": "any_value_is_missing"}, 0, True),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["currency", "email"], "ignore_row_if": "any_value_is_missing"}, 1, False),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["amount", "quantity"], "sum_total": 2, "ignore_row_if": "any_value_is_missing", "mostly": 0.2}, 200 / 3, True),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["amount", "quantity"], "sum_total": 2, "ignore_row_if": "any_value_is_missing"}, 2, False),
    ("expect_column_values_to_be_in_set", {"column": "currency", "value_set": ["EUR"], "mostly": 0.6}, 100 / 3, True),
    ("expect_column_values_to_be_in_set", {"column": "currency", "value_set": ["EUR"], "mostly": 0.7}, 100 / 3, False),
    ("expect_column_values_to_not_be_in_set", {"column": "currency", "value_set": ["CHF"]}, 0, True),
    ("expect_column_values_to_not_be_in_set", {"column": "currency", "value_set": ["USD"]}, 1, False),
    ("expect_column_values_to_match_regex", {"column": "currency", "regex": "^[A-Z]{3}$"}, 0, True),
    ("expect_column_values_to_match_regex", {"column": "currency", "regex": "^E"}, 1, False),
    ("expect_column_values_to_not_match_regex", {"column": "currency", "regex": "^C"}, 0, True),
    ("expect_column_values_to_not_match_regex", {"column": "currency", "regex": "^U"}, 1, False),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "quantity", "threshold": 2, "double_sided": True}, 0, True),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "quantity", "threshold": 1, "double_sided": True}, 1, False),
    ("unexpected_rows_expectation", {"unexpected_rows_query": QUERY.replace("> 1", "> 2")}, 0, True),
    ("unexpected_rows_expectation", {"unexpected_rows_query": QUERY}, 1, False),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "kwargs", "figure", "held"), CASES)
def test_an_expectation_has_a_figure_and_holds_where_it_is_within_bounds(
    spark: Any, kind: str, kwargs: dict[str, Any], figure: float, held: bool
) -> None:
    (result,) = judge_expectations(expecting(expectation(kind, **kwargs)), frame_of(spark, ROWS))
    assert result.value == pytest.approx(figure)
    assert result.passed == held
    assert result.bounds.hold(result.value) == held


def test_every_kind_that_a_contract_may_use_is_tried_both_ways() -> None:
    assert {(kind, held) for kind, _, _, held in CASES} == {(kind, held) for kind in KINDS for held in (True, False)}


def test_every_expectation_holds_of_no_rows(spark: Any) -> None:
    rules = [
        replace(expectation(kind, **kwargs), name=f"rule_{number}") for number, (kind, kwargs, _, _) in enumerate(CASES)
    ]
    results = judge_expectations(expecting(*rules), frame_of(spark, []))
    assert [(result.name, result.value, result.passed) for result in results] == [
        (rule.name, None, True) for rule in rules
    ]


def test_an_expectation_of_nulls_alone_holds(spark: Any) -> None:
    rules = [
        expectation("expect_column_mean_to_be_between", column="amount", min_value=1),
        expectation("expect_column_values_to_be_in_set", column="currency", value_set=["EUR"], mostly=0.9),
    ]
    nothing = [{**ORDER, "amount": None, "currency": None}]
    results = judge_expectations(expecting(*rules), frame_of(spark, nothing))
    assert [(result.value, result.passed) for result in results] == [(None, True), (None, True)]


def test_a_broken_expectation_stops_the_publish_and_says_what_was_observed(spark: Any) -> None:
    mean = expectation("expect_column_mean_to_be_between", column="amount", max_value=5)
    report = audited(spark, orders(2), replace(ORDERS, table_rules=(mean,)))
    assert not report.passed
    message = report.outcome("table").message
    assert "expected is 9.99, must be at most 5 (as expected)" in message
    table = str(audit_metadata(report)["table"]["figures"])
    assert "| expected | error | 9.99 | at most 5 | broken | as expected |" in table


def test_a_broken_expectation_that_warns_is_published(spark: Any) -> None:
    mean = expectation("expect_column_mean_to_be_between", severity=Severity.WARNING, column="amount", max_value=5)
    report = audited(spark, orders(2), replace(ORDERS, table_rules=(mean,)))
    assert report.passed
    assert report.outcome("table").severity is Severity.WARNING


def test_only_rows_that_would_be_published_are_judged(spark: Any) -> None:
    total = expectation("expect_column_sum_to_be_between", column="amount", min_value=0)
    broken = {**ORDER, "order_id": "o9", "amount": Decimal("-100.00")}
    report = audited(spark, [*orders(1), broken], replace(ORDERS, table_rules=(total,), max_quarantined_share=1.0))
    assert [(result.value, result.passed) for result in report.table_rules] == [(9.99, True)]


def test_results_stand_in_the_order_of_the_contract(spark: Any) -> None:
    rules = [
        replace(expectation("expect_column_sum_to_be_between", column="amount", min_value=0), name=name)
        for name in ("z", "a", "m")
    ]
    report = audited(spark, orders(1), replace(ORDERS, table_rules=tuple(rules)))
    assert [result.name for result in report.table_rules] == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("kind", "kwargs", "reason"),
    [
        ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT no_such_column FROM {batch}"}, "no_such_column"),
        ("expect_column_mean_to_be_between", {"column": "tags", "min_value": 1}, ""),
        ("expect_column_values_to_match_regex", {"column": "currency", "regex": "("}, ""),
    ],
)  # fmt: skip
def test_an_expectation_that_fails_is_an_error_that_names_table_and_rule(
    spark: Any, kind: str, kwargs: dict[str, Any], reason: str
) -> None:
    contract = expecting(expectation(kind, **kwargs))
    with pytest.raises(ExpectationError, match=rf"gold/orders: rule 'expected' \({kind}\) can't be judged: .*{reason}"):
        audited(spark, orders(1), contract)


def test_arguments_that_great_expectations_refuses_are_an_error_too(spark: Any) -> None:
    rule = replace(expectation("expect_column_sum_to_be_between", column="amount", min_value=0), arguments={"colum": 1})
    with pytest.raises(ExpectationError, match=r"gold/orders: rule 'expected' .* can't be judged: ValidationError"):
        audited(spark, orders(1), expecting(rule))


def test_dates_that_python_cannot_hold_are_no_obstacle(spark: Any) -> None:
    rows = frame_of(spark, orders(2)).withColumn("order_date", F.expr("date_add(date'9999-12-31', 9)"))
    rules = [
        expectation("expect_column_sum_to_be_between", column="amount", max_value=1),
        expectation("unexpected_rows_expectation", unexpected_rows_query="SELECT count(*) AS rows FROM {batch}"),
    ]
    assert [result.value for result in judge_expectations(expecting(*rules), rows)] == [19.98, 1]


WATCHED = """
import json, os, sys

written, asked, threads = [], [], []

def observe(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        written.append(str(arguments[0]))
    elif event in ("os.mkdir", "os.rename", "os.remove"):
        written.append(f"{event} {arguments[0]}")
    elif event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        asked.append(f"{event} {arguments[-1] if event == 'socket.connect' else arguments[0]}")
    elif event in ("subprocess.Popen", "os.system"):
        asked.append(f"{event} {arguments[0]}")

from dataclasses import replace
sys.path.insert(0, os.environ["TEST_FOLDER"])
from audited_tables import ORDERS, frame_of, orders
from test_expectations import expectation, expecting, QUERY
from asset_checks.expectations import judge_expectations, start_import
from resources.engine.sail import SailEngine

engine = SailEngine()
frame = frame_of(engine.session(), orders(2))
rules = (
    expectation("expect_column_mean_to_be_between", column="amount", max_value=5),
    expectation("unexpected_rows_expectation", unexpected_rows_query=QUERY),
)
assert "great_expectations" not in sys.modules
sys.addaudithook(observe)
start_import([expecting(*rules)])
results = judge_expectations(expecting(*rules), frame)
engine.close()
print(json.dumps({"written": written, "asked": asked, "values": [result.value for result in results]}))
"""


def test_it_writes_nothing_asks_no_service_and_says_nothing(tmp_path: Path) -> None:
    folder = str(Path(__file__).parent)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GX_", "COV"))}
    ended = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED],
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": import_path(), "TEST_FOLDER": folder, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    observed = json.loads(ended.stdout)
    assert observed["values"] == [9.99, 1]
    assert [path for path in observed["written"] if path != os.devnull] == []
    assert [place for place in observed["asked"] if "127.0.0.1" not in place] == []
    assert ended.stderr == ""
    assert list(tmp_path.iterdir()) == []


BESIDE = """
import sys
from threading import Thread

import dagster
from asset_checks.expectations import _importing

def start(thread):
    print("sqlalchemy.orm" in sys.modules and not sys.modules["sqlalchemy.orm"].__spec__._initializing)

assert "sqlalchemy.orm" not in sys.modules
Thread.start = start
_importing()
"""


def test_what_dagster_uses_meanwhile_is_imported_before_the_rest_is_imported_beside() -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    ended = subprocess.run(
        [sys.executable, "-c", BESIDE],
        env={**clean, "PYTHONPATH": import_path()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "True\n"


def test_a_contract_without_expectations_imports_nothing(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asset_checks.expectations._importing", lambda: pytest.fail("it was imported"))
    staged = with_broken_rules(frame_of(spark, orders(1)), ORDERS)
    assert audit(ORDERS, staged, RunCounts(staged={"2026-10-01": (1, 0)})).passed
