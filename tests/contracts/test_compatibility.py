"""Which changes of a contract break those who rely on it, and which don't."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from contracts.compatibility import breaking_changes
from contracts.expectations import expectation_rule
from contracts.model import AggregateRule, Bounds, Column, Constraint, Contract, Mask, RowRule, Severity, UniqueRule
from contracts.problems import Problems
from contracts.row_rules import rule

Contracts = Mapping[str, Contract]
Change = Callable[[Contract], Contract]


def with_column(contract: Contract, of: str, /, **changes: Any) -> Contract:
    columns = (dataclasses.replace(c, **changes) if c.name == of else c for c in contract.columns)
    return dataclasses.replace(contract, columns=tuple(columns))


def without_column(contract: Contract, name: str) -> Contract:
    return dataclasses.replace(contract, columns=tuple(c for c in contract.columns if c.name != name))


def plus_column(contract: Contract, column: Column) -> Contract:
    return dataclasses.replace(contract, columns=(*contract.columns, column))


def with_rule(contract: Contract, of: str, /, **changes: Any) -> Contract:
    rules = (dataclasses.replace(r, **changes) if r.name == of else r for r in contract.row_rules)
    return dataclasses.replace(contract, row_rules=tuple(rules))


def limited(contract: Contract, column: str, *constraints: Constraint) -> Contract:
    """The contract with other constraints of a column, but for its being required."""
    kept = [r for r in contract.row_rules if r.column != column or (r.constraint and r.constraint.kind == "required")]
    made = [rule(contract.by_name[column], constraint) for constraint in constraints]
    return dataclasses.replace(contract, row_rules=(*kept, *made))


def changed(**changes: Any) -> Change:
    return lambda contract: dataclasses.replace(contract, **changes)


BREAKING: list[tuple[str, Change, str]] = [
    ("silver/orders", lambda c: without_column(c, "status"), "column 'status' was removed"),
    ("silver/orders", lambda c: with_column(c, "quantity", type="string"), "column 'quantity' was int and is string"),
    ("silver/orders", lambda c: with_column(c, "amount", type="decimal(18,3)"), "column 'amount' was decimal(18,2) and is decimal(18,3)"),
    ("silver/orders", lambda c: with_column(c, "amount", type="decimal(10,2)"), "column 'amount' was decimal(18,2) and is decimal(10,2)"),
    ("gold/product_perf_daily", lambda c: with_column(c, "units", type="int"), "column 'units' was bigint and is int"),
    ("silver/orders", lambda c: with_column(c, "status", required=False), "column 'status' may be null now"),
    ("silver/customers", lambda c: with_column(c, "city", required=True), "column 'city' must not be null now, and stored rows may be"),
    ("silver/orders", lambda c: plus_column(c, Column("new", "string", "", required=True)), "column 'new' is new and must not be null, and stored rows have none"),
    ("gold/dim_customers", lambda c: with_column(c, "email", mask=Mask("hide")), "column 'email' is masked differently"),
    ("silver/orders", lambda c: with_column(c, "customer_id", key=True), "the key was order_id and is order_id, customer_id"),
    ("silver/orders", changed(sequence="order_date"), "the sequence was last_modified_ts and is order_date"),
    ("silver/orders", changed(partition_column="status"), "the storage partition was order_date and is status"),
    ("silver/orders", changed(mode="partitions"), "the write mode was changes and is partitions"),
    ("silver/orders", changed(history="scd2"), "the history was scd1 and is scd2"),
    ("silver/customers", changed(delete_condition=None), "the delete condition was is_deleted and is none"),
    ("silver/fx_rates", changed(business_date="_window"), "the business date was rate_date and is _window"),
    ("silver/fx_rates", lambda c: with_column(c, "eur_per_unit", derived=False), "the columns that break ties were rate and are rate, eur_per_unit"),
    ("silver/orders", lambda c: dataclasses.replace(c, columns=c.columns[::-1]), "the columns that break ties were customer_id,"),
    ("silver/orders", lambda c: limited(c, "amount"), "rule 'amount_minimum' was dropped"),
    ("silver/orders", lambda c: limited(c, "amount", Constraint("minimum", -1)), "rule 'amount_minimum' was loosened"),
    ("silver/orders", lambda c: limited(c, "quantity", Constraint("minimum", 0)), "rule 'quantity_exclusive_minimum' was dropped"),
    ("silver/orders", lambda c: limited(c, "status", Constraint("known", frozenset({"PLACED", "PAID", "SHIPPED", "DELIVERED", "CANCELLED", "RETURNED", "LOST"}))), "rule 'status_known' was loosened"),
    ("silver/fx_rates", lambda c: limited(c, "currency", Constraint("pattern", "^[A-Z]*$")), "rule 'currency_pattern' was loosened"),
    ("silver/orders", lambda c: with_rule(c, "amount_minimum", severity=Severity.WARNING), "rule 'amount_minimum' was loosened"),
    ("silver/orders", lambda c: with_rule(c, "order_date_not_after_modification", predicate="true"), "rule 'order_date_not_after_modification' was loosened"),
    ("silver/orders", changed(counted_rules=()), "rule 'conflicting_versions' was dropped"),
    ("gold/fct_orders", changed(table_rules=()), "rule 'key_unique' was dropped"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "change", "expected"), BREAKING)
def test_a_breaking_change_is_named(contracts: Contracts, table: str, change: Change, expected: str) -> None:
    assert any(found.startswith(expected) for found in breaking_changes(contracts[table], change(contracts[table])))


@pytest.mark.parametrize(("table", "change", "expected"), BREAKING)
def test_a_higher_major_version_allows_it(contracts: Contracts, table: str, change: Change, expected: str) -> None:
    assert breaking_changes(contracts[table], dataclasses.replace(change(contracts[table]), version="9.0.0")) == []


def test_a_higher_minor_version_does_not(contracts: Contracts) -> None:
    before = contracts["silver/orders"]
    assert breaking_changes(before, dataclasses.replace(without_column(before, "status"), version="1.9.9"))


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("silver/orders", lambda c: c),
        ("silver/orders", changed(description="Other words.", version="1.0.1", live=True)),
        ("silver/orders", lambda c: with_column(c, "quantity", type="bigint")),
        ("silver/orders", lambda c: with_column(c, "amount", type="decimal(38,2)")),
        ("silver/orders", lambda c: plus_column(c, Column("new", "string", ""))),
        ("silver/orders", lambda c: limited(c, "amount", Constraint("minimum", 1))),
        ("silver/orders", lambda c: limited(c, "amount", Constraint("exclusive_minimum", 0))),
        ("silver/orders", lambda c: limited(c, "amount", Constraint("minimum", 0), Constraint("maximum", 9))),
        ("silver/orders", lambda c: limited(c, "status", Constraint("known", frozenset({"PLACED"})))),
        ("silver/orders", lambda c: with_rule(c, "amount_minimum", name="amount_not_negative")),
        ("gold/fct_orders", lambda c: with_column(c, "country", description="Other words.")),
        ("silver/customers", lambda c: with_column(c, "email", mask=Mask("hide"))),
    ],
)
def test_a_compatible_change_is_none(contracts: Contracts, table: str, change: Change) -> None:
    assert breaking_changes(contracts[table], change(contracts[table])) == []


def test_a_warning_may_become_an_error(contracts: Contracts) -> None:
    contract = contracts["silver/orders"]
    warned = with_rule(contract, "amount_minimum", severity=Severity.WARNING)
    assert breaking_changes(warned, contract) == []


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (Bounds(at_least=1), Bounds(at_least=1), True),
        (Bounds(at_least=1), Bounds(at_least=2), True),
        (Bounds(at_least=1), Bounds(above=1), True),
        (Bounds(at_least=1), Bounds(equal=1), True),
        (Bounds(at_least=1), Bounds(at_least=0), False),
        (Bounds(at_least=1), Bounds(at_most=2), False),
        (Bounds(above=1), Bounds(above=1), True),
        (Bounds(above=1), Bounds(at_least=1), False),
        (Bounds(above=1), Bounds(at_least=2, at_most=3), True),
        (Bounds(at_most=1), Bounds(below=1), True),
        (Bounds(at_most=1), Bounds(below=2), False),
        (Bounds(below=1), Bounds(at_most=1), False),
        (Bounds(below=1), Bounds(at_most=0), True),
        (Bounds(equal=1), Bounds(at_least=1, at_most=1), False),
        (Bounds(not_equal=1), Bounds(above=1), True),
        (Bounds(not_equal=1), Bounds(at_least=1), False),
        (Bounds(not_between=(1, 2)), Bounds(not_between=(1, 3)), False),
        (Bounds(not_between=(1, 2)), Bounds(equal=3), True),
    ],
)
def test_bounds_may_only_narrow(contracts: Contracts, before: Bounds, after: Bounds, kept: bool) -> None:
    contract = contracts["gold/fct_orders"]

    def bounded(bounds: Bounds) -> Contract:
        aggregate = AggregateRule("total", "sum(amount_eur)", bounds, Severity.ERROR, "consistency", "")
        return dataclasses.replace(contract, table_rules=(aggregate,))

    assert breaking_changes(bounded(before), bounded(after)) == ([] if kept else ["rule 'total' was loosened"])


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ({"max_value": 5}, {"max_value": 5}, True),
        ({"max_value": 5}, {"max_value": 4, "min_value": 0}, True),
        ({"max_value": 5}, {"max_value": 5, "strict_max": True}, True),
        ({"max_value": 5}, {"max_value": 6}, False),
        ({"max_value": 5}, {"min_value": 0}, False),
        ({"max_value": 5}, {"column": "quantity", "max_value": 5}, False),
        ({"value_set": [1]}, {"value_set": [1]}, True),
        ({"value_set": [1]}, {"value_set": [1, 2]}, False),
        ({"value_set": [1], "mostly": 0.9}, {"value_set": [1], "mostly": 0.95}, True),
        ({"value_set": [1], "mostly": 0.9}, {"value_set": [1]}, True),
        ({"value_set": [1], "mostly": 0.9}, {"value_set": [1], "mostly": 0.8}, False),
        ({"value_set": [1]}, {"value_set": [1], "mostly": 0.9}, False),
        ({"value_set": [1]}, {"max_value": 5}, False),
    ],
)
def test_expectations_may_only_narrow(
    contracts: Contracts, before: dict[str, Any], after: dict[str, Any], kept: bool
) -> None:
    orders = contracts["silver/orders"]

    def expecting(kwargs: dict[str, Any]) -> Contract:
        kind = "expect_column_values_to_be_in_set" if "value_set" in kwargs else "expect_column_mean_to_be_between"
        implementation = {"type": kind, "kwargs": {"column": "amount", **kwargs}}
        entry = {"name": "expected", "description": "y", "implementation": implementation}
        rule = expectation_rule(entry, Severity.ERROR, "accuracy", Problems(entry))
        assert rule
        return dataclasses.replace(orders, table_rules=(rule,))

    lost = [] if kept else ["rule 'expected' was loosened"]
    assert breaking_changes(expecting(before), expecting(after)) == lost
    assert breaking_changes(expecting(before), dataclasses.replace(orders, table_rules=())) == [
        "rule 'expected' was dropped"
    ]


def test_uniqueness_of_fewer_columns_is_stricter(contracts: Contracts) -> None:
    contract = contracts["gold/fct_orders"]

    def unique(*columns: str) -> Contract:
        return dataclasses.replace(contract, table_rules=(UniqueRule("u", columns, Severity.ERROR, "uniqueness", ""),))

    assert breaking_changes(unique("order_id", "status"), unique("order_id")) == []
    assert breaking_changes(unique("order_id"), unique("order_id", "status")) == ["rule 'u' was loosened"]


def test_lengths_may_only_narrow(contracts: Contracts) -> None:
    contract = contracts["silver/orders"]
    before = limited(contract, "order_id", Constraint("min_length", 2), Constraint("max_length", 5))
    assert (
        breaking_changes(
            before, limited(contract, "order_id", Constraint("min_length", 3), Constraint("max_length", 4))
        )
        == []
    )
    looser = limited(contract, "order_id", Constraint("min_length", 1), Constraint("max_length", 6))
    assert breaking_changes(before, looser) == [
        "rule 'order_id_min_length' was loosened",
        "rule 'order_id_max_length' was loosened",
    ]


def test_a_rule_of_a_removed_column_is_not_told_twice(contracts: Contracts) -> None:
    before = contracts["silver/orders"]
    after = dataclasses.replace(
        without_column(before, "status"), row_rules=tuple(r for r in before.row_rules if r.column != "status")
    )
    assert [found for found in breaking_changes(before, after) if "status" in found] == ["column 'status' was removed"]


def test_a_predicate_replaced_by_a_constraint_counts_as_dropped(contracts: Contracts) -> None:
    before = contracts["silver/orders"]
    predicate = RowRule("positive", "amount > 0", Severity.ERROR, "accuracy", "", "amount")
    assert breaking_changes(dataclasses.replace(before, row_rules=(*before.row_rules, predicate)), before) == [
        "rule 'positive' was dropped"
    ]
