"""Reads `quality` entries: the standard's metrics, predicates of rows, aggregates of the table, and rules that a run counts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.model import (
    CONFLICTING_VERSIONS,
    AggregateRule,
    Bounds,
    Column,
    Constraint,
    CountedRule,
    Dimension,
    RowRule,
    Severity,
    TableRule,
    UniqueRule,
)
from contracts.problems import Problems
from contracts.row_rules import ENGINE_DEPENDENT, literal, predicate, quoted, rule

_AGGREGATE = re.compile(r"\s*select\s+(.+?)\s+from\s+\$\{table\}\s*", re.IGNORECASE | re.DOTALL)
_OPERATORS = {
    "mustBe": "equal",
    "mustNotBe": "not_equal",
    "mustBeGreaterThan": "above",
    "mustBeGreaterOrEqualTo": "at_least",
    "mustBeLessThan": "below",
    "mustBeLessOrEqualTo": "at_most",
}
_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "nullValues": frozenset(),
    "missingValues": frozenset({"missingValues"}),
    "invalidValues": frozenset({"validValues", "pattern"}),
    "duplicateValues": frozenset({"properties"}),
    "rowCount": frozenset(),
}
_METRIC_DIMENSIONS: Mapping[str, Dimension] = {
    "nullValues": "completeness",
    "missingValues": "completeness",
    "invalidValues": "conformity",
    "duplicateValues": "uniqueness",
    "rowCount": "completeness",
}


@dataclass
class Rules:
    """What the entries of a contract mean, in their order."""

    rows: list[RowRule] = field(default_factory=list)
    table: list[TableRule] = field(default_factory=list)
    counted: list[CountedRule] = field(default_factory=list)


def read_quality(entries: Sequence[Mapping[str, Any]], column: Column | None, rules: Rules, problems: Problems) -> None:
    """Adds the rules of a column's entries, or of the table's where there is no column."""
    for index, entry in enumerate(entries):
        _read_entry(entry, column, rules, problems.at(index))


def _read_entry(entry: Mapping[str, Any], column: Column | None, rules: Rules, problems: Problems) -> None:
    if entry.get("severity", "error") not in tuple(Severity):
        problems.at("severity").add(f"'{entry['severity']}' is neither error nor warning")
        return
    kind = entry.get("type", "library")
    if kind != "library" and "name" not in entry:
        problems.add(f"a rule of type {kind} needs a name")
    elif kind == "text":
        _read_counted(entry, column, rules, problems)
    elif kind == "custom":
        _read_predicate(entry, column, rules, problems)
    elif kind == "sql":
        _read_aggregate(entry, column, rules, problems)
    else:
        _read_metric(entry, column, rules, problems)


def _read_counted(entry: Mapping[str, Any], column: Column | None, rules: Rules, problems: Problems) -> None:
    if entry["name"] != CONFLICTING_VERSIONS or column is not None:
        problems.at("name").add(
            f"a run counts no rule '{entry['name']}' here, only the table's '{CONFLICTING_VERSIONS}'"
        )
        return
    rules.counted.append(
        CountedRule(
            entry["name"], _severity(entry), entry.get("dimension", "uniqueness"), _description(entry, problems)
        )
    )


def _read_predicate(entry: Mapping[str, Any], column: Column | None, rules: Rules, problems: Problems) -> None:
    if entry["engine"] != "spark" or not isinstance(entry["implementation"], str):
        problems.add("a custom rule has engine 'spark' and a predicate of a row as its implementation")
        return
    rules.rows.append(
        RowRule(
            name=entry["name"],
            predicate=entry["implementation"].strip(),
            severity=_severity(entry),
            dimension=entry.get("dimension", "consistency"),
            description=_description(entry, problems),
            column=column.name if column else None,
        )
    )


def _read_aggregate(entry: Mapping[str, Any], column: Column | None, rules: Rules, problems: Problems) -> None:
    match = _AGGREGATE.fullmatch(entry["query"])
    if match is None or column is not None:
        problems.add("a rule of type sql stands at the table, and its query is `SELECT <aggregate> FROM ${table}`")
        return
    _add_aggregate(entry, entry["name"], match[1], "consistency", _description(entry, problems), rules, problems)


def _read_metric(entry: Mapping[str, Any], column: Column | None, rules: Rules, problems: Problems) -> None:
    metric, arguments = entry["metric"], entry.get("arguments", {})
    for argument in arguments.keys() - _ARGUMENTS[metric]:
        known = ", ".join(sorted(_ARGUMENTS[metric])) or "none"
        problems.at("arguments", argument).add(f"metric {metric} has no such argument; it has {known}")
    if arguments.keys() - _ARGUMENTS[metric]:
        return
    if metric == "rowCount":
        if column is not None:
            problems.at("metric").add("rowCount is a metric of the table, not of a column")
            return
        _add_aggregate(
            entry,
            entry.get("name", "row_count"),
            "count(*)",
            "completeness",
            entry.get("description", "Rows of a run"),
            rules,
            problems,
        )
    elif metric == "duplicateValues":
        _read_unique(entry, arguments, column, rules, problems)
    elif column is None:
        problems.at("metric").add(f"{metric} is a metric of a column")
    else:
        _read_values(entry, arguments, column, rules, problems)


def _read_unique(
    entry: Mapping[str, Any], arguments: Mapping[str, Any], column: Column | None, rules: Rules, problems: Problems
) -> None:
    columns = arguments.get("properties", [column.name] if column else [])
    if not isinstance(columns, list) or not columns or not all(isinstance(name, str) for name in columns):
        problems.at("arguments").add("duplicateValues of the table needs `properties`, a list of columns")
    elif entry.get("mustBe") != 0:
        problems.add("duplicateValues supports only `mustBe: 0`")
    else:
        rules.table.append(unique_rule(columns, entry.get("name"), _severity(entry), entry.get("description")))


def unique_rule(
    columns: Sequence[str], name: str | None = None, severity: Severity = Severity.ERROR, description: str | None = None
) -> UniqueRule:
    """No two rows of a storage partition agree in these columns."""
    return UniqueRule(
        name=name or f"{'_'.join(columns)}_unique",
        columns=tuple(columns),
        severity=severity,
        dimension="uniqueness",
        description=description or f"No two rows of a partition have the same {', '.join(columns)}",
    )


def _read_values(
    entry: Mapping[str, Any], arguments: Mapping[str, Any], column: Column, rules: Rules, problems: Problems
) -> None:
    """A metric that counts a column's values that break a condition: a row rule where none may, else an aggregate."""
    row_rules = _value_rules(entry, arguments, column, problems)
    if entry.get("mustBe") == 0:
        rules.rows.extend(row_rules)
        return
    for row_rule in row_rules:
        broken = f"case when not ({row_rule.predicate}) then cast(1 as double) else cast(0 as double) end"
        expression = f"100 * avg({broken})" if entry.get("unit") == "percent" else f"sum({broken})"
        _add_aggregate(entry, row_rule.name, expression, row_rule.dimension, row_rule.description, rules, problems)


def _value_rules(
    entry: Mapping[str, Any], arguments: Mapping[str, Any], column: Column, problems: Problems
) -> list[RowRule]:
    metric = entry["metric"]
    if metric == "nullValues":
        return [_named(entry, column, Constraint("required"))]
    if metric == "missingValues":
        return _missing_rules(entry, arguments, column, problems)
    constraints = []
    if "validValues" in arguments and (
        known := known_values(arguments["validValues"], column, problems.at("arguments", "validValues"))
    ):
        constraints.append(known)
    if "pattern" in arguments and (
        pattern := text_pattern(arguments["pattern"], column, problems.at("arguments", "pattern"))
    ):
        constraints.append(pattern)
    if not arguments:
        problems.add("invalidValues needs the argument validValues or pattern")
    if len(arguments) > 1 and "name" in entry:
        problems.at("name").add("validValues and pattern are two rules: give each an entry of its own")
    return [_named(entry, column, constraint) for constraint in constraints]


def _named(entry: Mapping[str, Any], column: Column, constraint: Constraint) -> RowRule:
    return rule(
        column,
        constraint,
        name=entry.get("name"),
        severity=_severity(entry),
        dimension=entry.get("dimension"),
        description=entry.get("description"),
    )


def _missing_rules(
    entry: Mapping[str, Any], arguments: Mapping[str, Any], column: Column, problems: Problems
) -> list[RowRule]:
    values = arguments.get("missingValues")
    texts = [value for value in values if value is not None] if isinstance(values, list) else []
    if column.type != "string" or not texts or not all(isinstance(value, str) for value in texts):
        problems.at("arguments").add(
            "missingValues needs a text column and the argument missingValues, a list of texts and null"
        )
        return []
    given = f"{quoted(column.name)} not in ({', '.join(literal(text) for text in texts)})"
    if None in values:
        given = f"{predicate(column, Constraint('required'))} and {given}"
    return [
        RowRule(
            name=entry.get("name", f"{column.name}_missing_values"),
            predicate=given,
            severity=_severity(entry),
            dimension=entry.get("dimension", "completeness"),
            description=entry.get("description", f"{column.name} is none of the values that stand for a missing one"),
            column=column.name,
        )
    ]


def known_values(values: Any, column: Column, problems: Problems) -> Constraint | None:
    """The constraint that a text is one of a list."""
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        problems.add("known values are a list of texts")
    elif column.type != "string":
        problems.add(f"known values are for text, not for {column.type}")
    elif len(set(values)) < len(values):
        problems.add("a known value occurs twice")
    else:
        return Constraint("known", frozenset(values))
    return None


def text_pattern(pattern: Any, column: Column, problems: Problems) -> Constraint | None:
    """The constraint that a regular expression is found in a text."""
    if not isinstance(pattern, str) or column.type != "string":
        problems.add("a pattern is a regular expression for text")
    elif ENGINE_DEPENDENT.search(pattern):
        problems.add("engines read `\\d`, `\\w`, `\\b` and `(?` differently: write [0-9] and the like")
    else:
        try:
            re.compile(pattern)
        except re.error as error:
            problems.add(f"no regular expression: {error}")
        else:
            return Constraint("pattern", pattern)
    return None


def _add_aggregate(
    entry: Mapping[str, Any],
    name: str,
    expression: str,
    dimension: Dimension,
    description: str,
    rules: Rules,
    problems: Problems,
) -> None:
    bounds = _bounds(entry, problems)
    if bounds is not None:
        rules.table.append(
            AggregateRule(name, expression, bounds, _severity(entry), entry.get("dimension", dimension), description)
        )


def _bounds(entry: Mapping[str, Any], problems: Problems) -> Bounds | None:
    if "mustBeBetween" in entry:
        low, high = entry["mustBeBetween"]
        return Bounds(at_least=low, at_most=high)
    if "mustNotBeBetween" in entry:
        low, high = entry["mustNotBeBetween"]
        return Bounds(not_between=(low, high))
    for operator, bound in _OPERATORS.items():
        if operator in entry:
            if isinstance(entry[operator], bool) or not isinstance(entry[operator], int | float):
                problems.at(operator).add("a figure is compared with a number")
                return None
            return Bounds(**{bound: entry[operator]})
    problems.add("it says not what the figure must be, such as mustBe or mustBeLessThan")
    return None


def _severity(entry: Mapping[str, Any]) -> Severity:
    return Severity(entry.get("severity", "error"))


def _description(entry: Mapping[str, Any], problems: Problems) -> str:
    if not entry.get("description"):
        problems.add("a rule that isn't one of the standard's metrics needs a description")
    return str(entry.get("description", ""))
