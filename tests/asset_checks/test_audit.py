"""The audit on the embedded engine: what may be published, what not, and what is said about it."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from audited_tables import (
    AT_LEAST_ONE,
    DAY,
    ORDER,
    ORDERS,
    audited,
    frame_of,
    orders,
    row_rule,
    staged_counts,
    without_rules,
)

from asset_checks import audit as audit_module
from asset_checks import repeats as repeats_module
from asset_checks.audit import RunCounts, audit, measures, schema_differences
from asset_checks.content_hash import content_hashes
from asset_checks.rules import with_broken_rules
from contracts.model import AggregateRule, Bounds, Column, Conservation, Contract, Severity, UniqueRule

TODAY = str(DAY)
NEXT = DAY + dt.timedelta(days=1)


def unique(severity: Severity = Severity.ERROR, *columns: str) -> UniqueRule:
    return UniqueRule("order_id_unique", columns or ("order_id",), severity, "uniqueness", "an order is there once")


def aggregate(expression: str, bounds: Bounds, severity: Severity = Severity.ERROR) -> AggregateRule:
    return AggregateRule("figure", expression, bounds, severity, "accuracy", "a figure")


# --- row rules -------------------------------------------------------------------------------------------------------


def test_broken_rules_are_counted_by_window_and_rule(spark: Any) -> None:
    rows = [
        *orders(3),
        *orders(2, currency="?"),
        *orders(1, currency="?", order_date=NEXT),
        *orders(1, amount=Decimal(5000)),
    ]
    report = audited(spark, rows)
    broken = {rule.name: (rule.broken, dict(rule.by_window)) for rule in report.rules}
    assert broken["currency_known"] == (3, {TODAY: 2, str(NEXT): 1})
    assert broken["amount_usual"] == (1, {TODAY: 1})
    assert broken["order_id_required"] == (0, {})
    assert [(one.window, one.incoming, one.published, one.quarantined) for one in report.windows] == [
        (TODAY, 6, 4, 2),
        (str(NEXT), 1, 0, 1),
    ]


def test_unreadable_values_are_reported_under_their_type_rule(spark: Any) -> None:
    frame = frame_of(spark, orders(2)).selectExpr("*", "array('amount') as _unreadable")
    staged = with_broken_rules(frame, ORDERS)
    report = audit(ORDERS, staged, RunCounts(staged_counts(staged)))
    found = {rule.name: rule for rule in report.rules}["amount_type"]
    assert (found.broken, found.severity, found.description) == (
        2,
        Severity.ERROR,
        "amount can be read as decimal(18,2)",
    )


def test_a_line_without_columns_is_reported_under_a_rule_of_its_own(spark: Any) -> None:
    staged = with_broken_rules(frame_of(spark, orders(1)).selectExpr("*", "array('_line') as _unreadable"), ORDERS)
    report = audit(ORDERS, staged, RunCounts(staged_counts(staged)))
    assert [(rule.name, rule.broken) for rule in report.rules if rule.broken] == [("_line_type", 1)]


def test_every_broken_rule_has_samples_and_restricted_values_are_hidden(spark: Any) -> None:
    rows = [
        *orders(300, amount=Decimal(5000)),
        *orders(1, email="secret-without-at"),
        *orders(1, email=None, currency="?"),
        *orders(3),
    ]
    report = audited(spark, rows)
    samples = {sample.rule: sample.row for sample in report.samples}
    assert samples.keys() == {"amount_usual", "email_pattern", "currency_known"}
    assert samples["email_pattern"]["email"] == "***"
    assert samples["currency_known"]["email"] is None
    assert samples["currency_known"]["currency"] == "?"
    assert samples["amount_usual"]["tags"] == '{"gift":"yes"}'
    assert "secret" not in repr(report)
    assert "ada@" not in repr(report)


def test_long_values_of_samples_are_cut(spark: Any) -> None:
    report = audited(spark, orders(1, currency="x" * 5000))
    assert len(report.samples[0].row["currency"] or "") == 203


def test_samples_show_dates_that_python_cannot_hold(spark: Any) -> None:
    contract = replace(ORDERS, row_rules=(row_rule("calendar", "order_date <= date'9999-12-31'", "order_date"),))
    frame = (
        frame_of(spark, [ORDER]).drop("order_date").selectExpr("*", "date_add(date'9999-12-31', 800000) as order_date")
    )
    report = audit(contract, with_broken_rules(frame, contract), RunCounts({None: (0, 1)}))
    assert "12190" in (report.samples[0].row["order_date"] or "")


def test_rows_without_rules_broken_ask_nothing_about_rules(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = replace(ORDERS, row_rules=tuple(rule for rule in ORDERS.row_rules if rule.severity is Severity.ERROR))
    monkeypatch.setattr(audit_module, "_window_text", lambda _: pytest.fail("asked for windows of broken rows"))
    assert audited(spark, orders(3), contract).passed


# --- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad", "passed", "severity"),
    [
        (979, 20, True, Severity.WARNING),
        (980, 20, True, Severity.ERROR),
        (979, 21, False, Severity.ERROR),
        (1000, 0, True, Severity.ERROR),
        (0, 999, True, Severity.WARNING),
        (0, 0, True, Severity.ERROR),
    ],
)
def test_share_of_quarantined_rows_blocks_from_a_thousand_rows_on(
    spark: Any, good: int, bad: int, passed: bool, severity: Severity
) -> None:
    contract = replace(ORDERS, row_rules=tuple(rule for rule in ORDERS.row_rules if rule.name == "currency_known"))
    report = audited(spark, [*orders(good), *orders(bad, currency="?")], contract)
    outcome = report.outcome("rows")
    assert (outcome.passed, outcome.severity, report.passed) == (passed, severity, passed)
    if not passed:
        assert "currency_known (21)" in outcome.message
        assert "lakehouse quarantine gold/orders" in outcome.message


def test_share_is_of_the_run_and_not_of_a_window(spark: Any) -> None:
    report = audited(spark, [*orders(5, currency="?"), *orders(1000, order_date=NEXT)])
    assert report.outcome("rows").passed


def test_broken_warnings_pass_and_are_marked(spark: Any) -> None:
    outcome = audited(spark, orders(2, amount=Decimal(5000))).outcome("rows")
    assert (outcome.passed, outcome.severity) == (True, Severity.WARNING)
    assert "amount_usual (2)" in outcome.message


# --- table -----------------------------------------------------------------------------------------------------------


def test_repeated_keys_fail_and_are_shown_masked(spark: Any) -> None:
    contract = without_rules(table_rules=(unique(),))
    rows = [*orders(3), ORDER | {"order_id": "o1"}, ORDER | {"order_id": "o1"}]
    report = audited(spark, rows, contract)
    assert (report.table_rules[0].value, report.outcome("table").passed, report.passed) == (2, False, False)
    assert [(sample.rule, sample.row["order_id"]) for sample in report.samples] == [("order_id_unique", "o1")]
    by_email = audited(spark, rows, without_rules(table_rules=(unique(Severity.ERROR, "email"),)))
    assert (by_email.table_rules[0].value, by_email.samples[0].row["email"]) == (4, "***")


def test_repeated_keys_are_found_a_few_partitions_at_a_time(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ORDER | {"order_date": DAY + dt.timedelta(days=number % 3)} for number in range(7)]
    contract = without_rules(table_rules=(unique(),))
    whole = audited(spark, rows, contract)
    monkeypatch.setattr(audit_module, "_ROWS_AT_ONCE", 3)
    cut = audited(spark, rows, contract)
    assert cut.table_rules == whole.table_rules
    assert cut.table_rules[0].value == 4
    assert len(cut.samples) == len(whole.samples) == 2


def test_keys_may_repeat_in_other_partitions_and_where_null(spark: Any) -> None:
    rows = [ORDER, {**ORDER, "order_date": NEXT}, {**ORDER, "order_id": None}, {**ORDER, "order_id": None}]
    report = audited(spark, rows, without_rules(table_rules=(unique(),)))
    assert (report.table_rules[0].value, report.passed) == (0, True)


def test_quarantined_rows_repeat_nothing(spark: Any) -> None:
    report = audited(spark, [ORDER, {**ORDER, "currency": "?"}], replace(ORDERS, table_rules=(unique(),)))
    assert report.table_rules[0].value == 0


def test_a_shared_hash_alone_is_no_repeated_key(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats_module, "_key_hash", lambda _: "cast(7 as bigint)")
    contract = without_rules(table_rules=(unique(),))
    assert audited(spark, orders(5), contract).table_rules[0].value == 0
    assert audited(spark, [*orders(5), ORDER | {"order_id": "o3"}], contract).table_rules[0].value == 1


@pytest.mark.parametrize(
    ("expression", "bounds", "value", "passed"),
    [
        ("count(*)", AT_LEAST_ONE, 3, True),
        ("count(*)", Bounds(at_least=4), 3, False),
        ("count(*)", Bounds(above=2, below=4), 3, True),
        ("count(*)", Bounds(not_between=(1, 5)), 3, False),
        ("sum(amount)", Bounds(equal=29.97), Decimal("29.97"), True),
        ("sum(amount)", Bounds(at_most=29.96), Decimal("29.97"), False),
        ("max(if(quantity > 5, quantity, null))", Bounds(at_most=1), None, True),
    ],
)
def test_aggregates_are_held_against_their_bounds(
    spark: Any, expression: str, bounds: Bounds, value: object, passed: bool
) -> None:
    report = audited(spark, orders(3), without_rules(table_rules=(aggregate(expression, bounds),)))
    assert (report.table_rules[0].value, report.table_rules[0].passed, report.outcome("table").passed) == (
        value,
        passed,
        passed,
    )


def test_aggregates_see_only_rows_that_may_be_published(spark: Any) -> None:
    contract = replace(ORDERS, table_rules=(aggregate("count(*)", Bounds(equal=2)),))
    assert audited(spark, [*orders(2), *orders(5, currency="?")], contract).passed


def test_broken_table_warning_publishes_and_says_so(spark: Any) -> None:
    report = audited(
        spark, orders(1), without_rules(table_rules=(aggregate("count(*)", Bounds(at_least=2), Severity.WARNING),))
    )
    outcome = report.outcome("table")
    assert (report.passed, outcome.passed, outcome.severity) == (True, True, Severity.WARNING)
    assert "figure is 1, must be at least 2" in outcome.message


# --- schema ----------------------------------------------------------------------------------------------------------


def test_schema_that_differs_fails_by_column_and_blocks(spark: Any) -> None:
    staged = with_broken_rules(frame_of(spark, orders(2)), ORDERS)
    other = staged.selectExpr("* ", "1 as extra").drop("email").withColumnRenamed("quantity", "count")
    assert schema_differences(ORDERS, other) == (
        "`email` is missing",
        "`quantity` is missing",
        "`count` is unknown to the contract",
        "`extra` is unknown to the contract",
    )
    retyped = (
        staged.selectExpr("*", "cast(quantity as bigint) as q").drop("quantity").withColumnRenamed("q", "quantity")
    )
    report = audit(ORDERS, retyped, RunCounts({TODAY: (2, 0)}))
    assert [(one.name, one.passed) for one in report.outcomes] == [
        ("schema", False),
        ("rows", True),
        ("table", False),
        ("conserved", False),
    ]
    assert "`quantity` is bigint instead of int" in report.outcome("schema").message
    assert not report.passed


# --- conserved -------------------------------------------------------------------------------------------------------

BY_ROWS = replace(ORDERS, conserves=Conservation("silver/orders"))
BY_MEASURE = replace(ORDERS, conserves=Conservation("silver/orders", "amount", "if(is_net, amount, 0)"))


def test_rows_read_are_published_or_quarantined(spark: Any) -> None:
    rows = [*orders(4), *orders(1, currency="?"), *orders(2, order_date=NEXT)]
    assert audited(spark, rows, BY_ROWS, {TODAY: 5, str(NEXT): 2}).passed
    dropped = audited(spark, rows[1:], BY_ROWS, {TODAY: 5, str(NEXT): 2})
    assert not dropped.passed
    assert f"for {TODAY}: 5 and 4" in dropped.outcome("conserved").message
    moved = audited(spark, [*rows[1:], *orders(1, order_date=NEXT)], BY_ROWS, {TODAY: 5, str(NEXT): 2})
    assert not moved.passed


def test_a_window_that_was_read_and_left_nothing_is_missed(spark: Any) -> None:
    report = audited(spark, orders(1), BY_ROWS, {TODAY: 1, str(NEXT): 3})
    assert f"for {NEXT}: 3 and 0" in report.outcome("conserved").message
    assert not report.passed


def test_retained_rows_count_beside_those_read(spark: Any) -> None:
    assert audited(spark, orders(5), BY_ROWS, {TODAY: 3}, retained={TODAY: 2}).passed
    assert not audited(spark, orders(5), BY_ROWS, {TODAY: 3}, retained={TODAY: 1}).passed


def test_rows_without_a_window_are_compared_over_the_run(spark: Any) -> None:
    rows = [*orders(2), *orders(1, order_date=None)]
    assert audited(spark, rows, BY_ROWS, {TODAY: 3}).outcome("conserved").passed
    assert not audited(spark, rows, BY_ROWS, {TODAY: 4}).outcome("conserved").passed


def test_files_that_hold_other_rows_than_they_state_fail(spark: Any) -> None:
    staged = with_broken_rules(frame_of(spark, orders(3)), ORDERS)
    outcome = audit(ORDERS, staged, RunCounts({TODAY: (4, 0)}, read={TODAY: 4})).outcome("conserved")
    assert not outcome.passed
    assert "state 4 rows to publish and hold 3" in outcome.message


def test_conserved_measure_is_compared_to_the_cent(spark: Any) -> None:
    rows = [
        *orders(3, amount=Decimal("0.10")),
        *orders(1, amount=Decimal("99999999999999.99")),
        *orders(1, amount=Decimal("0.20"), currency="?"),
    ]
    expected = Decimal("100000000000000.49")
    held = audited(spark, rows, BY_MEASURE, measures={TODAY: expected})
    assert held.passed
    assert "sum(if(is_net, amount, 0)) of silver/orders = sum(amount): holds" in held.outcome("conserved").message
    report = audited(spark, rows, BY_MEASURE, measures={TODAY: expected - Decimal("0.01")})
    assert not report.outcome("conserved").passed
    assert report.measured == {TODAY: expected}


def test_measures_of_both_sides_are_summed_alike(spark: Any) -> None:
    source = frame_of(
        spark, [*orders(2, amount=Decimal("1.10")), *orders(1, amount=None), *orders(1, amount=None, order_date=NEXT)]
    )
    assert measures(source, "order_date", "amount") == {TODAY: Decimal("2.20"), str(NEXT): 0}


def test_measure_of_a_day_without_rows_is_nothing(spark: Any) -> None:
    assert audited(spark, orders(1), BY_MEASURE, measures={TODAY: Decimal("9.99"), str(NEXT): 0}).passed
    assert not audited(
        spark, orders(1), BY_MEASURE, measures={TODAY: Decimal("9.99"), str(NEXT): Decimal("0.01")}
    ).passed


@pytest.mark.parametrize("contract", [BY_ROWS, BY_MEASURE, replace(ORDERS, mode="changes")])
def test_audit_without_what_is_conserved_is_refused(spark: Any, contract: Contract) -> None:
    with pytest.raises(ValueError, match="gold/orders"):
        audited(spark, orders(1), contract)


# --- changes ---------------------------------------------------------------------------------------------------------

CHANGES = replace(
    ORDERS,
    mode="changes",
    columns=(*ORDERS.columns, Column("version", "bigint", "derived", derived=True)),
    table_rules=(unique(),),
)


def changes_report(spark: Any, applied: int, superseded: int, content_rows: list[dict[str, Any]]) -> Any:
    changes = frame_of(
        spark,
        [{**one, "_window": NEXT} for one in (*orders(4), *orders(1, currency="?"))],
        CHANGES.arrow_schema.remove(8).append(_WINDOW),
    )
    staged = with_broken_rules(changes, CHANGES, [column.name for column in ORDERS.columns])
    content = frame_of(spark, [{**one, "version": 1} for one in content_rows], CHANGES.arrow_schema)
    counts = RunCounts({str(NEXT): (4, 1)}, applied={str(NEXT): applied}, superseded={str(NEXT): superseded})
    return audit(CHANGES, staged, counts, window_column="_window", content=content)


_WINDOW = ORDERS.arrow_schema.field("order_date").with_name("_window")


def test_changes_are_applied_superseded_or_quarantined(spark: Any) -> None:
    report = changes_report(spark, 3, 1, orders(7))
    assert report.passed
    assert [(one.incoming, one.published, one.superseded, one.quarantined) for one in report.windows] == [(5, 3, 1, 1)]
    assert not changes_report(spark, 3, 0, orders(7)).outcome("conserved").passed


def test_rules_that_the_run_counted_are_reported_beside_those_of_rows(spark: Any) -> None:
    rule = row_rule("conflicting_versions", "true", severity=Severity.WARNING)
    contract = replace(ORDERS, counted_rules=(rule,))
    report = audited(spark, orders(2), contract, counted={"conflicting_versions": 3})
    assert report.rules[-1].broken == 3
    assert (report.passed, report.outcome("rows").severity) == (True, Severity.WARNING)
    assert "conflicting_versions (3)" in report.outcome("rows").message
    assert report.samples == ()


def test_table_rules_of_changes_judge_the_folded_content(spark: Any) -> None:
    report = changes_report(spark, 3, 1, [*orders(7), ORDER])
    assert (report.table_rules[0].value, report.passed) == (1, False)


def test_report_holds_the_hashes_of_what_would_be_published(spark: Any) -> None:
    rows = [*orders(3), *orders(2, order_date=NEXT)]
    report = audited(spark, [*rows, *orders(1, currency="?")])
    assert report.content_hashes == content_hashes(frame_of(spark, rows), ORDERS)


def test_an_empty_run_passes(spark: Any) -> None:
    report = audited(spark, [], replace(BY_ROWS, table_rules=(unique(),)), {TODAY: 0})
    assert report.passed
    assert report.content_hashes == {}
    assert [(one.window, one.incoming) for one in report.windows] == [(TODAY, 0)]
