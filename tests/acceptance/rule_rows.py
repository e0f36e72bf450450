"""A valid row of every table, and for every row rule of a contract what has to change of it to break that rule and no other.

What the contract says of a column decides its value; values that rules relate, and what breaks a predicate, stand below by hand.
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from contracts.model import (
    CURRENT,
    HISTORY_COLUMNS,
    Column,
    Constraint,
    ConstraintKind,
    Contract,
    RowRule,
    TableRule,
    UniqueRule,
)
from tests.support import exact

Values = Mapping[str, Any]

DAY = dt.date(2026, 10, 1)
MOMENT = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)
_YEAR_0 = {"date": -719163, "timestamp": -62135596800000001}
"""The last day, in days, and the last moment, in microseconds since 1970, before the years that Python has."""
_YEAR_10000 = 253402300800000000

VALID: Mapping[str, Values] = {
    "gold/customer_360": {
        "lifecycle": "active", "churn_risk": "low", "value_tier": "low", "first_order_date": DAY, "last_order_date": DAY,
    },
    "gold/customer_daily": {
        "categories": [{"category": "Books", "orders": 1, "net_eur": Decimal(1)}],
        "channels": [{"channel": "email", "sessions": 1}],
    },
    "gold/customer_monthly": {"first_order_date": DAY, "last_order_date": DAY},
    "gold/customer_segments": {
        "recency_quintile": 3, "frequency_quintile": 3, "monetary_quintile": 3, "rfm_score": "333",
    },
    "gold/fct_orders": {"is_net": True, "status": "PAID"},
    "gold/marketing_attribution": {"model": "linear"},
    "gold/product_perf_daily": {"gross_eur": 3, "net_eur": 2, "cancelled_eur": 1},
    "silver/fx_rates": {"currency": "USD"},
}  # fmt: skip
"""What of a table's valid row does not follow from its columns one by one."""

BREAKING: Mapping[tuple[str, str], Values] = {
    ("gold/customer_360", "windows_nest"): {"sessions_7d": 2},
    ("gold/customer_360", "prospect_without_orders"): {"lifecycle": "prospect"},
    ("gold/customer_360", "favourite_category_of_buyers"): {"favourite_category": None},
    ("gold/customer_360", "first_order_before_last"): {"first_order_date": DAY + dt.timedelta(days=1)},
    ("gold/customer_daily", "orders_minimum"): {
        "orders": -1, "units": 0, "net_eur": 0, "categories": [{"category": "Books", "orders": -1, "net_eur": 0}],
    },
    ("gold/customer_daily", "sessions_minimum"): {"sessions": -1, "channels": [{"channel": "email", "sessions": -1}]},
    ("gold/customer_daily", "order_or_event"): {
        "orders": 0, "units": 0, "net_eur": 0, "categories": [], "cancelled_orders": 0, "sessions": 0, "channels": [],
        "page_views": 0, "add_to_carts": 0, "purchases": 0, "first_event_ts": None, "last_event_ts": None,
    },
    ("gold/customer_daily", "net_at_most_gross"): {"net_eur": Decimal("1.01")},
    ("gold/customer_daily", "units_of_orders"): {"units": 0},
    ("gold/customer_daily", "first_event_not_after_last"): {"first_event_ts": MOMENT + dt.timedelta(seconds=1)},
    ("gold/customer_daily", "events_of_the_day"): {"last_event_ts": MOMENT + dt.timedelta(hours=12)},
    ("gold/customer_daily", "counts_without_event"): {"first_event_ts": None, "last_event_ts": None},
    ("gold/customer_daily", "categories_add_up"): {"categories": []},
    ("gold/customer_daily", "channels_add_up"): {"channels": []},
    ("gold/customer_monthly", "orders_minimum"): {"orders": -1, "first_order_date": None, "last_order_date": None},
    ("gold/customer_monthly", "net_at_most_gross"): {"net_eur": Decimal("1.01")},
    ("gold/customer_monthly", "orders_have_dates"): {"first_order_date": None},
    **{
        ("gold/customer_segments", f"{quintile}_quintile_{limit}"): {f"{quintile}_quintile": number, "rfm_score": score}
        for limit, number, scores in (("minimum", 0, ("033", "303", "330")), ("maximum", 6, ("633", "363", "336")))
        for quintile, score in zip(("recency", "frequency", "monetary"), scores, strict=True)
    },
    ("gold/customer_segments", "score_of_quintiles"): {"rfm_score": "334"},
    ("gold/customer_segments", "champions_are_best"): {"segment": "champions"},
    ("gold/dim_customers", "industry_of_account"): {"account_id": None},
    ("gold/dim_customers", "account_by_email"): {"email": None},
    ("gold/fct_orders", "net_status"): {"is_net": False},
    ("gold/fct_orders", "industry_of_account"): {"account_id": None},
    ("gold/marketing_attribution", "one_touch_has_all"): {"model": "first_touch", "credit": 0.5},
    ("gold/order_funnel_daily", "events_minimum"): {"events": 0, "orders": 0},
    ("gold/order_funnel_daily", "orders_at_most_events"): {"orders": 2},
    ("gold/order_funnel_daily", "placed_by_themselves"): {"event_type": "PLACED", "median_minutes_since_placed": None},
    ("gold/product_perf_daily", "net_eur_minimum"): {"net_eur": -1, "cancelled_eur": 4},
    ("gold/product_perf_daily", "cancelled_eur_minimum"): {"cancelled_eur": -1, "net_eur": 4},
    ("gold/product_perf_daily", "views_minimum"): {"views": -1, "conversion": None},
    ("gold/product_perf_daily", "gross_is_net_and_cancelled"): {"gross_eur": 4},
    ("gold/product_perf_daily", "buyers_at_most_orders"): {"buyers": 2},
    ("gold/product_perf_daily", "conversion_of_views"): {"conversion": None},
    ("gold/sales_pipeline", "stage_open"): {"stage": "Closed Won"},
    ("gold/sales_pipeline", "weighted_at_most_amount"): {"weighted_amount_eur": Decimal("1.01")},
    ("silver/behavior", "loaded_at_calendar"): {"loaded_at": _YEAR_10000},
    ("silver/behavior", "event_not_after_load"): {"event_ts": MOMENT + dt.timedelta(microseconds=1)},
    ("silver/behavior", "metadata_json"): {"metadata": None},
    ("silver/fx_rates", "currency_not_base"): {"currency": "EUR"},
    ("silver/order_events", "metadata_json"): {"metadata": None},
    ("silver/orders", "last_modified_ts_calendar"): {"last_modified_ts": _YEAR_10000},
    ("silver/orders", "order_date_not_after_modification"): {"order_date": DAY + dt.timedelta(days=1)},
    **{
        (table, rule): values
        for table in ("gold/revenue_by_geography", "gold/revenue_by_industry")
        for rule, values in {
            "net_eur_minimum": {"orders": 2, "net_eur": Decimal("-0.01"), "avg_order_value_eur": 0},
            "customers_at_most_orders": {"customers": 2},
            "average_of_total": {"avg_order_value_eur": Decimal("1.01")},
        }.items()
    },
}  # fmt: skip
"""What breaks a rule and no other, by table and rule: predicates, and limits of columns that a predicate relates to others."""


_CURRENT = {"valid_from": MOMENT, "valid_to": None, "is_current": True, "valid_to_month": CURRENT}
_TOUCHES: tuple[Values, ...] = ({"model": "linear"}, {"model": "first_touch"}, {"model": "last_touch"})

BREAKING_TOGETHER: Mapping[tuple[str, str], Sequence[Values]] = {
    ("bronze/fx_rates", "days_complete"): [
        *({"quote": quote} for quote in ("CHF", "GBP", "USD")), {"rate_date": DAY + dt.timedelta(days=1)},
    ],
    ("gold/customer_segments", "even_quintiles"): [
        {"customer_id": name, "recency_quintile": 1, "rfm_score": "133"} for name in "ab"
    ],
    ("gold/fct_orders", "net_share"): [{"order_id": "a"}, *({"order_id": one, "is_net": False} for one in "bc")],
    ("gold/marketing_attribution", "same_orders"): _TOUCHES[:2],
    ("gold/marketing_attribution", "credit_adds_up"): [{**_TOUCHES[0], "credit": 0.999999}, *_TOUCHES[1:]],
    ("gold/marketing_attribution", "same_euros_first"): [_TOUCHES[0], {**_TOUCHES[1], "net_eur": 2}, _TOUCHES[2]],
    ("gold/marketing_attribution", "same_euros_last"): [*_TOUCHES[:2], {**_TOUCHES[2], "net_eur": 2}],
    ("gold/product_perf_daily", "gross_is_net_and_cancelled_in_total"): [{"gross_eur": Decimal("3.01")}],
    ("gold/revenue_by_geography", "countries_in_the_world"): [{"country": str(number)} for number in range(251)],
    ("silver/accounts", "one_current_version"): [{}, {"name": "another"}],
    ("silver/products", "versions_follow_each_other"): [{"valid_to": MOMENT, "is_current": False}],
}  # fmt: skip
"""What a table's valid row becomes, row by row, so that the rows together break a table rule and no other."""


class MissingRowError(Exception):
    """A rule has no row that breaks it."""


def arriving(contract: Contract) -> list[Column]:
    """The columns that row rules judge: change application adds the others later."""
    history = HISTORY_COLUMNS if contract.history == "scd2" else frozenset()
    return [column for column in contract.columns if column.name not in history]


def valid_row(contract: Contract) -> dict[str, Any]:
    """A row that breaks nothing."""
    limits: dict[str, list[Constraint]] = {}
    for rule in contract.row_rules:
        if rule.column is not None and rule.constraint is not None:
            limits.setdefault(rule.column, []).append(rule.constraint)
    row = {column.name: _valid_value(column, limits.get(column.name, [])) for column in arriving(contract)}
    return {**row, **VALID.get(contract.table, {})}


def breaking_row(contract: Contract, rule: RowRule) -> dict[str, Any]:
    """The valid row with what breaks the rule.

    Raises:
        MissingRowError: the rule is a predicate, and nobody wrote down what breaks it.
    """
    changes = BREAKING.get((contract.table, rule.name))
    if changes is None:
        if rule.constraint is None or rule.column is None:
            raise MissingRowError(
                f"{contract.table}: rule '{rule.name}' has no row that breaks it: add what must change of a valid row to "
                f"BREAKING[('{contract.table}', '{rule.name}')] in {__file__}"
            )
        changes = {rule.column: _breaking_value(contract.by_name[rule.column], rule.constraint)}
    return {**valid_row(contract), **changes}


def breaking_rows(contract: Contract, rule: TableRule) -> list[dict[str, Any]]:
    """Rows of a table, change application's columns included, that together break the rule.

    Raises:
        MissingRowError: nobody wrote down what breaks it.
    """
    changes = BREAKING_TOGETHER.get((contract.table, rule.name), [{}, {}] if isinstance(rule, UniqueRule) else None)
    if changes is None:
        raise MissingRowError(
            f"{contract.table}: rule '{rule.name}' has no rows that break it: add them to "
            f"BREAKING_TOGETHER[('{contract.table}', '{rule.name}')] in {__file__}"
        )
    return [{**stored_row(contract), **change} for change in changes]


def stored_row(contract: Contract) -> dict[str, Any]:
    """The valid row as it is stored."""
    return {**valid_row(contract), **(_CURRENT if contract.history == "scd2" else {})}


def arrow_rows(contract: Contract, rows: Mapping[str, Values]) -> pa.Table:
    """The rows as the engine takes them, each under its name in the column `_case`; columns that no row has are left out.

    Integers among dates and times are days and microseconds since 1970, since Python has none outside of the years 1 to 9999.
    """
    named = {name for row in rows.values() for name in row}
    schema = pa.schema(pa.field(column.name, column.arrow) for column in contract.columns if column.name in named)
    columns = [_array([exact(row, schema)[field.name] for row in rows.values()], field.type) for field in schema]
    return pa.Table.from_arrays([*columns, pa.array(rows)], schema=schema.append(pa.field("_case", pa.string())))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not any(type(value) is int for value in values) or not pa.types.is_temporal(kind):
        return pa.array(values, kind)
    plain = pa.int32() if pa.types.is_date(kind) else pa.int64()
    numbers = [
        value if value is None or type(value) is int else pa.scalar(value, kind).cast(plain).as_py() for value in values
    ]
    return pa.array(numbers, plain).cast(kind)


def _valid_value(column: Column, limits: list[Constraint]) -> Any:
    by_kind = {one.kind: one.limit for one in limits}
    known = by_kind.get("known")
    if isinstance(known, frozenset):
        return min(known)
    plain = {"string": column.name, "boolean": False, "date": DAY, "timestamp": MOMENT}
    if column.type in plain:
        return plain[column.type]
    if column.type.startswith(("array", "map")):
        return []
    number = _number(by_kind)
    return Decimal(number) if column.type.startswith("decimal") else number


def _number(limits: Mapping[str, Any]) -> int:
    """The least whole number from 1 on that is within the limits, else the greatest."""
    least = max(1, math.ceil(limits.get("minimum", 1)), math.floor(limits.get("exclusive_minimum", 0)) + 1)
    return min(
        least, math.floor(limits.get("maximum", least)), math.ceil(limits.get("exclusive_maximum", least + 1)) - 1
    )


def _breaking_value(column: Column, constraint: Constraint) -> Any:
    limit: Any = constraint.limit
    step: Any = {"date": dt.timedelta(days=1), "timestamp": dt.timedelta(microseconds=1)}.get(column.type, 1)
    values: Mapping[ConstraintKind, Callable[[], Any]] = {
        "required": lambda: None,
        "minimum": lambda: limit - step,
        "maximum": lambda: limit + step,
        "exclusive_minimum": lambda: limit,
        "exclusive_maximum": lambda: limit,
        "min_length": lambda: "x" * (limit - 1),
        "max_length": lambda: "x" * (limit + 1),
        "pattern": lambda: "§",
        "known": lambda: "unknown",
        "not_nan": lambda: math.nan,
        "calendar": lambda: _YEAR_0[column.type],
    }
    return values[constraint.kind]()
