"""Row rules on the embedded engine: which rows break which, and what is kept of them."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from audited_tables import DAY, ORDER, ORDERS, frame_of, row_rule, without_rules

from asset_checks.rules import FrameError, with_broken_rules
from contracts.model import Column, Contract, Severity


def marks(spark: Any, row: dict[str, Any], contract: Contract = ORDERS) -> tuple[list[str] | None, bool]:
    marked = with_broken_rules(frame_of(spark, [row], contract.arrow_schema), contract).collect()[0]
    return marked["_broken_rules"], marked["_ok"]


@pytest.mark.parametrize(
    ("changes", "broken", "ok"),
    [
        ({}, None, True),
        ({"order_id": None}, ["order_id_required"], False),
        ({"order_date": None}, ["order_date_required"], False),
        ({"amount": Decimal("-0.01")}, ["amount_minimum"], False),
        ({"currency": "XXX"}, ["currency_known"], False),
        ({"email": "nobody"}, ["email_pattern"], False),
        ({"quantity": 11, "amount": Decimal("0.99")}, ["cheap_for_many"], False),
        ({"amount": Decimal("1000.00")}, ["amount_usual"], True),
        ({"amount": Decimal("1000.00"), "currency": "?"}, ["currency_known", "amount_usual"], False),
        (
            {"order_id": None, "currency": "?", "email": "?"},
            ["order_id_required", "currency_known", "email_pattern"],
            False,
        ),
        ({"email": None, "quantity": None, "amount": None, "currency": None, "tags": None}, None, True),
        ({"quantity": 11, "amount": None}, None, True),
    ],
)
def test_row_is_marked_with_every_rule_it_breaks(
    spark: Any, changes: dict[str, Any], broken: list[str] | None, ok: bool
) -> None:
    assert marks(spark, {**ORDER, **changes}) == (broken, ok)


def test_a_rule_that_is_null_does_not_hide_one_that_is_broken(spark: Any) -> None:
    assert marks(spark, {**ORDER, "quantity": None, "amount": None, "currency": "?"}) == (["currency_known"], False)


def test_only_rows_that_break_an_error_keep_their_raw_text(spark: Any) -> None:
    rows = [ORDER, {**ORDER, "amount": Decimal("5000.00")}, {**ORDER, "currency": "?"}]
    raw = [row["_raw"] for row in with_broken_rules(frame_of(spark, rows), ORDERS).collect()]
    assert raw[:2] == [None, None]
    delivered = json.loads(raw[2])
    assert (delivered["order_id"], delivered["currency"], delivered["order_date"]) == ("o1", "?", "2026-10-01")
    assert delivered["tags"] == {"gift": "yes"}


def test_columns_come_in_the_types_and_order_of_the_contract(spark: Any) -> None:
    row = {**ORDER, "quantity": 2, "amount": Decimal("1.500"), "_window": DAY}
    schema = pa.schema(
        [
            ("amount", pa.decimal128(38, 3)),
            ("quantity", pa.int64()),
            ("_window", pa.date32()),
            *((field.name, field.type) for field in ORDERS.arrow_schema if field.name not in ("amount", "quantity")),
        ]
    )
    marked = with_broken_rules(frame_of(spark, [row], schema), ORDERS)
    kinds = [(field.name, field.dataType.simpleString()) for field in marked.schema.fields]
    assert kinds == [
        *((column.name, column.type) for column in ORDERS.columns),
        ("_window", "date"),
        ("_broken_rules", "array<string>"),
        ("_raw", "string"),
        ("_ok", "boolean"),
    ]
    first = marked.collect()[0]
    assert (first["quantity"], first["amount"], first["_window"], first["_ok"]) == (2, Decimal("1.50"), DAY, True)


def test_a_value_that_its_type_cannot_hold_breaks_the_type_rule_alone(spark: Any) -> None:
    schema = pa.schema(
        [
            (field.name, pa.string() if field.name in ("amount", "quantity") else field.type)
            for field in ORDERS.arrow_schema
        ]
    )
    rows = [
        {**ORDER, "amount": "12.50", "quantity": "3"},
        {**ORDER, "amount": "a lot", "quantity": None},
        {**ORDER, "amount": "?", "quantity": "?", "currency": "?"},
    ]
    good, bad, worse = with_broken_rules(frame_of(spark, rows, schema), ORDERS).collect()
    assert (good["_broken_rules"], good["amount"], good["quantity"]) == (None, Decimal("12.50"), 3)
    assert (bad["_broken_rules"], bad["_ok"], bad["amount"], json.loads(bad["_raw"])["amount"]) == (
        ["amount_type"],
        False,
        None,
        "a lot",
    )
    assert sorted(worse["_broken_rules"]) == ["amount_type", "currency_known", "quantity_type"]


def test_an_unreadable_column_breaks_its_type_rule_and_no_other(spark: Any) -> None:
    contract = replace(
        ORDERS, row_rules=(*ORDERS.row_rules, row_rule("amount_required", "amount is not null", "amount"))
    )
    schema = pa.schema(
        [
            *((field.name, field.type) for field in ORDERS.arrow_schema),
            ("_unreadable", pa.list_(pa.string())),
            ("_raw", pa.string()),
        ]
    )
    rows = [
        {**ORDER, "amount": None, "currency": "?", "_unreadable": ["amount"], "_raw": '{"amount":"1,5"}'},
        {**ORDER, "amount": None, "_unreadable": None, "_raw": None},
        {**ORDER, "_unreadable": [], "_raw": None},
    ]
    unreadable, missing, good = with_broken_rules(frame_of(spark, rows, schema), contract).collect()
    assert (unreadable["_broken_rules"], unreadable["_raw"]) == (["amount_type", "currency_known"], '{"amount":"1,5"}')
    assert (missing["_broken_rules"], missing["_ok"], json.loads(missing["_raw"])["order_id"]) == (
        ["amount_required"],
        False,
        "o1",
    )
    assert (good["_broken_rules"], good["_ok"], good["_raw"]) == (None, True, None)
    assert "_unreadable" not in good.asDict()


def test_columns_that_change_application_derives_may_be_left_out(spark: Any) -> None:
    derived = Column("valid_from", "timestamp", "since when", required=True, derived=True)
    contract = replace(
        ORDERS,
        columns=(*ORDERS.columns, derived),
        row_rules=(*ORDERS.row_rules, row_rule("valid_from_required", "valid_from is not null", "valid_from")),
    )
    with pytest.raises(FrameError, match="valid_from"):
        with_broken_rules(frame_of(spark, [ORDER]), contract)
    marked = with_broken_rules(frame_of(spark, [ORDER]), contract, [column.name for column in ORDERS.columns])
    assert marked.collect()[0]["_ok"]
    assert "valid_from" not in marked.columns


def test_frame_that_is_not_the_contracts_is_refused_by_column(spark: Any) -> None:
    schema = pa.schema(
        [*((field.name, field.type) for field in ORDERS.arrow_schema if field.name != "email"), ("mail", pa.string())]
    )
    with pytest.raises(FrameError, match=r"gold/orders.*lack email.*have mail"):
        with_broken_rules(frame_of(spark, [{**ORDER, "mail": "x"}], schema), ORDERS)


def test_contract_without_rules_lets_every_row_through(spark: Any) -> None:
    assert marks(spark, {**ORDER, "currency": "?"}, without_rules()) == (None, True)


def test_contract_with_warnings_alone_quarantines_nothing(spark: Any) -> None:
    contract = without_rules(table="gold/warned")
    contract = replace(contract, row_rules=(row_rule("amount_usual", "amount < 1000", "amount", Severity.WARNING),))
    assert marks(spark, {**ORDER, "amount": Decimal(5000)}, contract) == (["amount_usual"], True)


def test_names_with_quotes_are_spelt_safely(spark: Any) -> None:
    contract = replace(ORDERS, row_rules=(row_rule('it\'s \\ "odd"', "currency = 'EUR'", "currency"),))
    assert marks(spark, {**ORDER, "currency": "?"}, contract) == (['it\'s \\ "odd"'], False)


def test_raw_text_shows_dates_that_python_cannot_hold(spark: Any) -> None:
    impossible = (
        frame_of(spark, [ORDER]).drop("order_date").selectExpr("*", "date_add(date'9999-12-31', 800000) as order_date")
    )
    contract = replace(
        ORDERS, row_rules=(row_rule("order_date_calendar", "order_date <= date'9999-12-31'", "order_date"),)
    )
    marked = with_broken_rules(impossible, contract).selectExpr("_broken_rules", "_raw").collect()[0]
    assert marked["_broken_rules"] == ["order_date_calendar"]
    assert json.loads(marked["_raw"])["order_date"].lstrip("+").startswith("12190")


def test_staged_rows_read_back_as_they_were_marked(spark: Any, root: str) -> None:
    rows = [
        ORDER,
        {**ORDER, "order_id": "o2", "currency": "?"},
        {**ORDER, "order_id": "o3", "order_date": DAY + dt.timedelta(days=1)},
    ]
    with_broken_rules(frame_of(spark, rows), ORDERS).write.format("delta").mode("error").partitionBy(
        "order_date", "_ok"
    ).save(root)
    staged = spark.read.format("delta").load(root)
    assert sorted((row["order_id"], row["_ok"], row["_broken_rules"]) for row in staged.collect()) == [
        ("o1", True, None),
        ("o2", False, ["currency_known"]),
        ("o3", True, None),
    ]
