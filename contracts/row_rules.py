"""Compiles what a contract says of a column's values to row rules: Spark SQL predicates that every engine reads alike.

A predicate is true or null for a row that meets its rule, so that a rule holds on null; only `required` is false there.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from contracts.model import Column, Constraint, ConstraintKind, Dimension, RowRule, Severity
from contracts.patterns import engine_pattern

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
_FIRST_TIME = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_LAST_TIME = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)


def quoted(name: str) -> str:
    """A column's name as SQL reads it, whatever it is."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: Decimal | int | str | dt.date | dt.datetime) -> str:
    """A value as a Spark SQL literal; times are written in UTC."""
    match value:
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case dt.datetime():
            moment = value.astimezone(dt.UTC).replace(tzinfo=None)
            return f"timestamp'{moment.isoformat(sep=' ')}+00:00'"
        case dt.date():
            return f"date'{value.isoformat()}'"
        case _:
            return f"{value:f}" if isinstance(value, Decimal) else str(value)


def rule(column: Column, constraint: Constraint) -> RowRule:
    """The row rule of one constraint: an error, named `<column>_<constraint>`."""
    return RowRule(
        name=f"{column.name}_{constraint.kind}",
        predicate=predicate(column, constraint),
        severity=Severity.ERROR,
        dimension=_DIMENSIONS.get(constraint.kind, "accuracy"),
        description=describe(column, constraint),
        column=column.name,
        constraint=constraint,
    )


def predicate(column: Column, constraint: Constraint) -> str:
    """The condition as Spark SQL."""
    name, limit = quoted(column.name), constraint.limit
    match constraint.kind, limit:
        case "required", None:
            text = f"{name} is not null"
        case "not_nan", None:
            text = f"not isnan({name})"
        case "calendar", None:
            first, last = (
                (literal(_FIRST_DAY), literal(_LAST_DAY))
                if column.type == "date"
                else (literal(_FIRST_TIME), literal(_LAST_TIME))
            )
            text = f"{name} between {first} and {last}"
        case "known", frozenset():
            text = f"{name} in ({', '.join(literal(value) for value in sorted(limit))})"
        case "pattern", str():
            text = f"{name} rlike {literal(engine_pattern(limit))}"
        case "min_length", int():
            text = f"length({name}) >= {limit}"
        case "max_length", int():
            text = f"length({name}) <= {limit}"
        case kind, Decimal() | int() | dt.date() if kind in _COMPARISONS:
            # An engine that compares a double with a decimal as decimals fails on NaN and infinity.
            value = f"cast({literal(limit)} as double)" if column.type == "double" else literal(limit)
            text = f"{name} {_COMPARISONS[kind][0]} {value}"
            if column.type == "double" and kind in ("maximum", "exclusive_maximum"):
                # Engines hold NaN to be the greatest number; that it is none is a rule of its own.
                text = f"isnan({name}) or {text}"
        case _:
            raise ValueError(f"column '{column.name}': {constraint} has no predicate")
    return text


def describe(column: Column, constraint: Constraint) -> str:
    """The condition as people read it."""
    limit = constraint.limit
    match constraint.kind:
        case "required":
            text = "is given"
        case "not_nan":
            text = "is a number"
        case "calendar":
            text = "is in the years 1 to 9999"
        case "known":
            values = sorted(limit) if isinstance(limit, frozenset) else []
            text = f"is one of {', '.join(values) if len(values) <= _SHOWN_VALUES else f'{len(values)} known codes'}"
        case "pattern":
            text = f"matches {limit}"
        case "min_length":
            text = f"has at least {limit} characters"
        case "max_length":
            text = f"has at most {limit} characters"
        case kind:
            text = f"is {_COMPARISONS[kind][1]} {limit}"
    return f"{column.name} {text}"


def column_rules(column: Column, constraints: Iterable[Constraint]) -> tuple[RowRule, ...]:
    """The rules of a column: that it is given where it is required, what its type can hold but nobody means, its constraints."""
    built_in = []
    if column.required:
        built_in.append(Constraint("required"))
    if column.type == "double":
        built_in.append(Constraint("not_nan"))
    return tuple(rule(column, constraint) for constraint in (*built_in, *constraints))
