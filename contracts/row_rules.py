"""Compiles what a contract says of a column's values to row rules: Spark SQL predicates that every engine reads alike.

A predicate is true or null for a row that meets its rule, so that a rule holds on null; only `required` is false there.
"""

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal

from contracts.model import Column, Constraint, ConstraintKind, Dimension, RowRule, Severity

_DIMENSIONS: dict[ConstraintKind, Dimension] = {
    "required": "completeness",
    "min_length": "conformity",
    "max_length": "conformity",
    "pattern": "conformity",
    "known": "conformity",
}
_COMPARISONS: dict[ConstraintKind, tuple[str, str]] = {
    "minimum": (">=", "at least"),
    "maximum": ("<=", "at most"),
    "exclusive_minimum": (">", "more than"),
    "exclusive_maximum": ("<", "less than"),
}
_SHOWN_VALUES = 12
_FIRST_DAY, _LAST_DAY = dt.date(1, 1, 1), dt.date(9999, 12, 31)
_LAST_TIME = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)


def quoted(name: str) -> str:
    """A column's name as SQL reads it, whatever it is."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: Decimal | float | str | dt.date | dt.datetime) -> str:
    """A value as a Spark SQL literal; times are written in UTC."""
    match value:
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case dt.datetime():
            moment = value.astimezone(dt.UTC).replace(tzinfo=None)
            return f"timestamp'{moment.isoformat(sep=' ')}+00:00'"
        case dt.date():
            return f"date'{value.isoformat()}'"
        case float():
            return f"{Decimal(repr(value)):f}"
        case _:
            return f"{value:f}" if isinstance(value, Decimal) else str(value)


def rule(
    column: Column,
    constraint: Constraint,
    *,
    name: str | None = None,
    severity: Severity = Severity.ERROR,
    dimension: Dimension | None = None,
    description: str | None = None,
) -> RowRule:
    """The row rule of one constraint, named `<column>_<constraint>` unless it has a name."""
    return RowRule(
        name=name or f"{column.name}_{constraint.kind}",
        predicate=predicate(column, constraint),
        severity=severity,
        dimension=dimension or _DIMENSIONS.get(constraint.kind, "accuracy"),
        description=description or describe(column, constraint),
        column=column.name,
        constraint=constraint,
    )


def predicate(column: Column, constraint: Constraint) -> str:
    """The condition as Spark SQL."""
    name, limit = quoted(column.name), constraint.limit
    match constraint.kind:
        case "required":
            return f"{name} is not null"
        case "not_nan":
            return f"not isnan({name})"
        case "calendar":
            last = _LAST_DAY if column.type == "date" else _LAST_TIME
            first = _FIRST_DAY if column.type == "date" else dt.datetime.combine(_FIRST_DAY, dt.time(), dt.UTC)
            return f"{name} between {literal(first)} and {literal(last)}"
        case "known" if isinstance(limit, frozenset):
            return f"{name} in ({', '.join(literal(value) for value in sorted(limit))})"
        case "pattern" if isinstance(limit, str):
            return f"{name} rlike {literal(limit)}"
        case "min_length" if isinstance(limit, int):
            return f"length({name}) >= {limit}"
        case "max_length" if isinstance(limit, int):
            return f"length({name}) <= {limit}"
        case kind if kind in _COMPARISONS and limit is not None and not isinstance(limit, frozenset):
            return f"{name} {_COMPARISONS[kind][0]} {literal(limit)}"
    raise ValueError(f"column '{column.name}': {constraint} has no predicate")


def describe(column: Column, constraint: Constraint) -> str:
    """The condition as people read it."""
    limit = constraint.limit
    match constraint.kind:
        case "required":
            return f"{column.name} is given"
        case "not_nan":
            return f"{column.name} is a number"
        case "calendar":
            return f"{column.name} is in the years 1 to 9999"
        case "known" if isinstance(limit, frozenset):
            shown = sorted(limit) if len(limit) <= _SHOWN_VALUES else [f"{len(limit)} known codes"]
            return f"{column.name} is one of {', '.join(shown)}"
        case "pattern":
            return f"{column.name} matches {limit}"
        case "min_length" | "max_length":
            return (
                f"{column.name} has {'at least' if constraint.kind == 'min_length' else 'at most'} {limit} characters"
            )
        case kind:
            return f"{column.name} is {_COMPARISONS[kind][1]} {limit}"


def column_rules(column: Column, constraints: Iterable[Constraint]) -> tuple[RowRule, ...]:
    """The rules of a column: that it is given where it is required, what its type can hold but nobody means, its constraints."""
    built_in = []
    if column.required:
        built_in.append(Constraint("required"))
    if column.type == "double":
        built_in.append(Constraint("not_nan"))
    return tuple(rule(column, constraint) for constraint in (*built_in, *constraints))


ENGINE_DEPENDENT = re.compile(r"\\[A-Za-z]|\(\?")
"""What engines read differently in a regular expression: classes such as `\\d` and `\\b`, and groups that look around."""
