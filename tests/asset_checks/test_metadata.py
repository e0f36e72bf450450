"""What people see of an audit, in plain data and in Dagster."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import dagster as dg
from audited_tables import DAY, ORDER, ORDERS, audited, orders

from asset_checks.dagster_results import audit_results, reconciliation_result
from asset_checks.identities import IDENTITIES, IdentityResult, Verdict
from asset_checks.metadata import (
    LONGEST_TABLE,
    Markdown,
    audit_metadata,
    identities_metadata,
    markdown_table,
    reconciled_metadata,
)
from asset_checks.reconciled import ReconciledWindow, reconcile
from contracts.model import AggregateRule, Bounds, Conservation, Severity, UniqueRule

TABLE_RULES = (
    UniqueRule("order_id_unique", ("order_id",), Severity.ERROR, "uniqueness", "an order is there once"),
    AggregateRule(
        "row_count", "count(*)", Bounds(at_least=1, at_most=1_000_000), Severity.WARNING, "completeness", "not too many"
    ),
)
CONTRACT = replace(ORDERS, table_rules=TABLE_RULES, conserves=Conservation("silver/orders", "amount", "amount"))


def lines(value: object) -> list[str]:
    assert isinstance(value, Markdown)
    return value.text.splitlines()


def test_counts_rules_and_masked_samples_are_shown(spark: Any) -> None:
    rows = [
        *orders(3),
        *orders(2, currency="a|b"),
        *orders(1, email="hidden", order_date=DAY + dt.timedelta(days=1)),
        ORDER,
    ]
    report = audited(spark, rows, CONTRACT, measures={str(DAY): Decimal("59.94"), "2026-10-02": Decimal("9.99")})
    shown = audit_metadata(report)
    assert {name: shown["rows"][name] for name in ("incoming", "published", "quarantined")} == {
        "incoming": 7,
        "published": 4,
        "quarantined": 3,
    }
    assert lines(shown["rows"]["windows"])[2:] == ["| 2026-10-01 | 6 | 4 | 2 |", "| 2026-10-02 | 1 | 0 | 1 |"]
    assert lines(shown["rows"]["broken_rules"])[2:] == [
        "| currency_known | error | conformity | 2 | currency_known holds |",
        "| email_pattern | error | conformity | 1 | email_pattern holds |",
    ]
    assert lines(shown["rows"]["broken_rules_by_window"])[2:] == ["| 2026-10-01 | 2 | 0 |", "| 2026-10-02 | 0 | 1 |"]
    assert "currency=a\\|b" in "".join(lines(shown["rows"]["samples"]))
    assert "hidden" not in repr(shown)
    assert lines(shown["table"]["figures"])[2:] == [
        "| order_id_unique | error | 1 | 0 | broken | an order is there once |",
        "| row_count | warning | 4 | at least 1 and at most 1,000,000 | holds | not too many |",
    ]
    assert "order_id=o0" in "".join(lines(shown["table"]["repeated"])) or "order_id=o1" in "".join(
        lines(shown["table"]["repeated"])
    )
    assert lines(shown["conserved"]["measured"])[2:] == ["| 2026-10-01 | 59.94 |", "| 2026-10-02 | 9.99 |"]


def test_more_windows_than_a_month_are_summed_up() -> None:
    windows = [ReconciledWindow(str(DAY + dt.timedelta(days=number)), 10, 9, 1, 0) for number in range(40)]
    shown = lines(reconciled_metadata(windows)["windows"])
    assert len(shown) == LONGEST_TABLE + 3
    assert shown[2] == "| 9 older, 2026-10-01 to 2026-10-09 | 90 | 81 | 9 | 0 | 0 |"
    assert shown[3].startswith("| 2026-10-10 |")


def test_broken_identities_are_shown_before_all_others() -> None:
    days = [DAY + dt.timedelta(days=number) for number in range(40)]
    held = [IdentityResult(IDENTITIES[0], day, 1, 1, Verdict.HOLDS) for day in days]
    assert len(lines(identities_metadata(held)["comparisons"])) == LONGEST_TABLE + 2
    broken = [*held, IdentityResult(IDENTITIES[0], DAY, Decimal("1000.00"), Decimal("1000.01"), Verdict.BROKEN)]
    shown = identities_metadata(broken)
    assert (shown["comparisons_broken"], shown["comparisons_holds"], shown["comparisons_stale"]) == (1, 40, 0)
    assert lines(shown["comparisons"])[2:] == [
        f"| 2026-10-01 | {IDENTITIES[0].name} | 1,000.01 | 1,000.00 | gold/fct_orders | broken |"
    ]


def test_rows_read_are_shown_beside_what_became_of_them(spark: Any) -> None:
    shown = audit_metadata(audited(spark, orders(3), ORDERS, {str(DAY): 2}, retained={str(DAY): 1}))
    assert lines(shown["conserved"]["windows"])[2:] == ["| 2026-10-01 | 2 | 3 | 0 | 0 | 1 |"]


def test_text_cannot_break_out_of_its_cell() -> None:
    assert markdown_table(["a"], [["x | y\n<b>`"]]).text.splitlines()[2] == "| x \\| y &lt;b>\\` |"


def test_outcomes_become_check_results_of_the_asset(spark: Any) -> None:
    report = audited(spark, [*orders(3), *orders(3)], replace(ORDERS, table_rules=TABLE_RULES))
    results = {result.check_name: result for result in audit_results(report)}
    assert results.keys() == {"schema", "rows", "table", "conserved"}
    table = results["table"]
    assert (table.asset_key, table.passed, table.severity) == (
        dg.AssetKey(["gold", "orders"]),
        False,
        dg.AssetCheckSeverity.ERROR,
    )
    assert "order_id_unique is 3, must be 0" in (table.description or "")
    assert isinstance(table.metadata["figures"], dg.MarkdownMetadataValue)
    warned = audited(spark, orders(1, amount=Decimal(5000)))
    assert {result.check_name: result.severity for result in audit_results(warned)}[
        "rows"
    ] is dg.AssetCheckSeverity.WARN


def test_reconciliation_becomes_a_check_result() -> None:
    result = reconciliation_result(
        "bronze/x", reconcile("bronze/x", {"a": 2}, published={"a": 1}, quarantined={}, retained={})
    )
    assert (result.check_name, result.passed, result.metadata["difference"].value) == ("reconciled", False, 1)
