"""Contracts and frames that tests of checks share: orders, small enough to be written by hand."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from asset_checks.audit import RunCounts, audit
from asset_checks.report import AuditReport
from asset_checks.rules import with_broken_rules
from contracts.model import Bounds, Column, Contract, RowRule, Severity

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAY = dt.date(2026, 10, 1)


def row_rule(name: str, predicate: str, column: str | None = None, severity: Severity = Severity.ERROR) -> RowRule:
    return RowRule(name, predicate, severity, "conformity", f"{name} holds", column)


ORDERS = Contract(
    table="gold/orders",
    version="1.2.0",
    title="Orders",
    description="Orders of a day",
    grain="order_id",
    owner="sales",
    columns=(
        Column("order_id", "string", "its identifier", required=True, key=True),
        Column("order_date", "date", "when", required=True),
        Column("email", "string", "whose", classification="restricted"),
        Column("quantity", "int", "how many"),
        Column("amount", "decimal(18,2)", "how much"),
        Column("currency", "string", "in what"),
        Column("tags", "map<string,string>", "anything else"),
        Column("_ingested_at", "timestamp", "when it was loaded"),
    ),
    mode="partitions",
    partition_column="order_date",
    available_by=dt.time(3),
    retention_days=365,
    row_rules=(
        row_rule("order_id_required", "order_id is not null", "order_id"),
        row_rule("order_date_required", "order_date is not null", "order_date"),
        row_rule("amount_minimum", "amount >= 0", "amount"),
        row_rule("currency_known", "currency in ('EUR', 'USD')", "currency"),
        row_rule("email_pattern", "email rlike '^[^@]+@[^@]+$'", "email"),
        row_rule("cheap_for_many", "not (quantity > 10 and amount < 1)"),
        row_rule("amount_usual", "amount < 1000", "amount", Severity.WARNING),
    ),
)

ORDER: dict[str, Any] = {
    "order_id": "o1",
    "order_date": DAY,
    "email": "ada@example.org",
    "quantity": 1,
    "amount": Decimal("9.99"),
    "currency": "EUR",
    "tags": {"gift": "yes"},
    "_ingested_at": dt.datetime(2026, 10, 2, tzinfo=dt.UTC),
}


def orders(number: int, **changes: Any) -> list[dict[str, Any]]:
    """That many orders with the same changes, each with an identifier of its own."""
    return [{**ORDER, "order_id": f"o{one}", **changes} for one in range(number)]


def frame_of(spark: "SparkSession", rows: list[dict[str, Any]], schema: pa.Schema = ORDERS.arrow_schema) -> "DataFrame":
    nullable = pa.schema([pa.field(field.name, field.type) for field in schema])
    # The session can't make a frame of an empty table, so one row is made and left out again.
    return spark.createDataFrame(pa.Table.from_pylist(rows or [{}], nullable)).limit(len(rows))


def staged_counts(staged: "DataFrame", window: str = "order_date") -> dict[str | None, tuple[int, int]]:
    """What the statistics of the staged files would say."""
    found: dict[str | None, tuple[int, int]] = {}
    for row in staged.selectExpr(f"cast(`{window}` as string) as w", "_ok").collect():
        good, bad = found.get(row["w"], (0, 0))
        found[row["w"]] = (good + row["_ok"], bad + (not row["_ok"]))
    return found


def audited(
    spark: "SparkSession",
    rows: list[dict[str, Any]],
    contract: Contract = ORDERS,
    read: dict[str, int] | None = None,
    **counts: Any,
) -> AuditReport:
    """The audit of rows as a run does it."""
    staged = with_broken_rules(frame_of(spark, rows, contract.arrow_schema), contract)
    return audit(contract, staged, RunCounts(staged=staged_counts(staged), read=read, **counts))


def without_rules(contract: Contract = ORDERS, **changes: Any) -> Contract:
    return replace(contract, row_rules=(), **changes)


AT_LEAST_ONE = Bounds(at_least=1)
