"""Reads `quality` entries: the standard's metrics, predicates of rows, aggregates and expectations of the table, and rules that a run counts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.expectations import expectation_rule
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
from contracts.patterns import engine_pattern
from contracts.problems import Problems
from contracts.row_rules import literal, quoted, rule

_AGGREGATE = re.compile(r"\s*select\s+(.+?)\s+from\s+\$\{table\}\s*", re.IGNORECASE | re.DOTALL)
_OPERATORS = {
    "mustBe": "equal",
    "mustNotBe": "not_equal",
    "mustBeGreaterThan": "above",
    "mustBeGreaterOrEqualTo": "at_least",
    "mustBeLessThan": "below",
    "mustBeLessOrEqualTo": "at_most",
}
_COMMON_KEYS = frozenset({"name", "description", "type", "dimension", "severity"})
_BOUND_KEYS = frozenset({*_OPERATORS, "mustBeBetween", "mustNotBeBetween"})
_KEYS: Mapping[str, frozenset[str]] = {
    "library": frozenset({"metric", "arguments", "unit"}) | _BOUND_KEYS,
    "custom": frozenset({"engine", "implementation"}),
    "sql": frozenset({"query"}) | _BOUND_KEYS,
    "text": frozenset(),
}
_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "nullValues": frozenset(),
    "missingValues": frozenset({"missingValues"}),
    "invalidValues": frozenset({"validValues", "pattern"}),
    "duplicateValues": frozenset({"properties"}),
    "rowCount": frozenset(),
}
_UNITS: Mapping[str, tuple[str, ...]] = {
    metric: ("rows",) if metric in ("duplicateValues", "rowCount") else ("rows", "percent") for metric in _ARGUMENTS
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
        _Entry(entry, column, rules, problems.at(index)).read()


def unique_rule(columns: Sequence[str], name: str | None = None) -> UniqueRule:
    """No two rows of a storage partition agree in these columns."""
    return UniqueRule(
        name=name or f"{'_'.join(columns)}_unique",
        columns=tuple(columns),
        severity=Severity.ERROR,
        dimension="uniqueness",
        description=f"No two rows of a partition have the same {', '.join(columns)}",
    )


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
        return None
    try:
        engine_pattern(pattern)
    except ValueError as error:
        problems.add(str(error))
        return None
    return Constraint("pattern", pattern)


@dataclass(frozen=True)
class _Entry:
    """One entry of `quality`: what it says, of which column or of the table, and where its rules and problems go."""

    entry: Mapping[str, Any]
    column: Column | None
    rules: Rules
    problems: Problems

    def read(self) -> None:
        kind = self.entry.get("type", "library")
        if self.entry.get("severity", "error") not in tuple(Severity):
            self.problems.at("severity").add(f"'{self.entry['severity']}' is neither error nor warning")
        elif unread := self.entry.keys() - _COMMON_KEYS - _KEYS[kind]:
            for key in sorted(unread):
                self.problems.at(key).add(f"a rule of type {kind} has no such key")
        elif kind == "library":
            self._read_metric()
        elif "name" not in self.entry or not self.entry.get("description"):
            self.problems.add(f"a rule of type {kind} needs a name and a description")
        elif kind == "text":
            self._read_counted()
        elif kind == "custom":
            self._read_custom()
        else:
            self._read_aggregate()

    def _read_counted(self) -> None:
        name = self.entry["name"]
        if name != CONFLICTING_VERSIONS or self.column is not None:
            self.problems.at("name").add(f"a run counts no '{name}' here, only the table's '{CONFLICTING_VERSIONS}'")
        else:
            dimension = self.entry.get("dimension", "uniqueness")
            self.rules.counted.append(CountedRule(name, self._severity, dimension, self.entry["description"]))

    def _read_custom(self) -> None:
        match self.entry["engine"]:
            case "spark":
                self._read_predicate()
            case "great-expectations":
                self._read_expectation()
            case engine:
                self.problems.at("engine").add(f"'{engine}' is neither spark nor great-expectations")

    def _read_expectation(self) -> None:
        if self.column is not None:
            self.problems.add("an expectation is the table's, and names its columns in `kwargs`")
            return
        dimension = self.entry.get("dimension", "consistency")
        expectation = expectation_rule(self.entry, self._severity, dimension, self.problems)
        if expectation is not None:
            self.rules.table.append(expectation)

    def _read_predicate(self) -> None:
        if not isinstance(self.entry["implementation"], str):
            self.problems.at("implementation").add("a rule of the engine spark is a predicate of a row")
            return
        self._add_row_rule(
            RowRule(
                name=self.entry["name"],
                predicate=self.entry["implementation"].strip(),
                severity=self._severity,
                dimension="consistency",
                description=self.entry["description"],
                column=self.column.name if self.column else None,
            )
        )

    def _read_aggregate(self) -> None:
        match = _AGGREGATE.fullmatch(self.entry["query"])
        if match is None or self.column is not None:
            self.problems.at("query").add(
                "a rule of type sql is the table's, and its query `SELECT <aggregate> FROM ${table}`"
            )
        else:
            self._add_aggregate(self.entry["name"], match[1], "consistency", self.entry["description"])

    def _read_metric(self) -> None:
        metric, arguments = self.entry.get("metric", ""), self.entry.get("arguments", {})
        if metric not in _ARGUMENTS:
            self.problems.add(f"a rule of type library needs a metric: {', '.join(_ARGUMENTS)}")
        elif unknown := arguments.keys() - _ARGUMENTS[metric]:
            known = ", ".join(sorted(_ARGUMENTS[metric])) or "none"
            for argument in sorted(unknown):
                self.problems.at("arguments", argument).add(f"metric {metric} has no such argument; it has {known}")
        elif self.entry.get("unit", "rows") not in _UNITS[metric]:
            self.problems.at("unit").add(f"{metric} is measured in {' or '.join(_UNITS[metric])}")
        elif metric == "duplicateValues":
            self._read_unique(arguments)
        elif (metric == "rowCount") != (self.column is None):
            self.problems.at("metric").add(
                f"{metric} is a metric of {'the table' if metric == 'rowCount' else 'a column'}"
            )
        elif self.column is None:
            self._add_aggregate("row_count", "count(*)", "completeness", "How many rows a run has")
        else:
            self._read_values(self._value_rules(self.column, metric, arguments))

    def _read_unique(self, arguments: Mapping[str, Any]) -> None:
        columns = arguments.get("properties", [self.column.name] if self.column else [])
        if not isinstance(columns, list) or not columns or not all(isinstance(name, str) for name in columns):
            self.problems.at("arguments").add("duplicateValues of the table needs `properties`, a list of columns")
        elif self.entry.get("mustBe") != 0:
            self.problems.add("the lakehouse holds duplicateValues only to `mustBe: 0`")
        else:
            self.rules.table.append(replace(unique_rule(columns), severity=self._severity, **self._stated))

    def _read_values(self, row_rules: Sequence[RowRule]) -> None:
        """A metric that counts a column's values that break a condition: a row rule where none may, else an aggregate."""
        for row_rule in row_rules:
            if self.entry.get("mustBe") == 0:
                self._add_row_rule(replace(row_rule, severity=self._severity))
                continue
            broken = f"case when not ({row_rule.predicate}) then cast(1 as double) else cast(0 as double) end"
            expression = f"100 * avg({broken})" if self.entry.get("unit") == "percent" else f"sum({broken})"
            self._add_aggregate(row_rule.name, expression, row_rule.dimension, row_rule.description)

    def _value_rules(self, column: Column, metric: str, arguments: Mapping[str, Any]) -> list[RowRule]:
        if metric == "nullValues":
            return [rule(column, Constraint("required"))]
        if metric == "missingValues":
            return self._missing_rules(column, arguments.get("missingValues"))
        if not arguments:
            self.problems.add("invalidValues needs the argument validValues or pattern")
        if len(arguments) > 1:
            self.problems.at("arguments").add("validValues and pattern are two rules: give each an entry")
            return []
        readers = {"validValues": known_values, "pattern": text_pattern}
        limits = [
            readers[name](value, column, self.problems.at("arguments", name)) for name, value in arguments.items()
        ]
        return [rule(column, limit) for limit in limits if limit is not None]

    def _missing_rules(self, column: Column, values: Any) -> list[RowRule]:
        texts = [value for value in values if value is not None] if isinstance(values, list) else []
        if column.type != "string" or not texts or not all(isinstance(value, str) for value in texts):
            self.problems.add(
                "missingValues is of text, and needs the argument missingValues, a list of texts and null"
            )
            return []
        given = f"{quoted(column.name)} not in ({', '.join(literal(text) for text in texts)})"
        return [
            RowRule(
                name=f"{column.name}_missing_values",
                predicate=f"{quoted(column.name)} is not null and {given}" if None in values else given,
                severity=Severity.ERROR,
                dimension="completeness",
                description=f"{column.name} is none of the values that stand for a missing one",
                column=column.name,
            )
        ]

    def _add_row_rule(self, row_rule: RowRule) -> None:
        self.rules.rows.append(replace(row_rule, **self._stated))

    def _add_aggregate(self, name: str, expression: str, dimension: Dimension, description: str) -> None:
        bounds = self._bounds()
        if bounds is not None:
            aggregate = AggregateRule(name, expression, bounds, self._severity, dimension, description)
            self.rules.table.append(replace(aggregate, **self._stated))

    def _bounds(self) -> Bounds | None:
        if "mustBeBetween" in self.entry:
            low, high = self.entry["mustBeBetween"]
            return Bounds(at_least=low, at_most=high)
        if "mustNotBeBetween" in self.entry:
            low, high = self.entry["mustNotBeBetween"]
            return Bounds(not_between=(low, high))
        # The standard allows exactly one operator, and has already been asked.
        operator, value = next((name, self.entry[name]) for name in _OPERATORS if name in self.entry)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.problems.at(operator).add("a figure is compared with a number")
            return None
        figures: dict[str, Any] = {_OPERATORS[operator]: value}
        return Bounds(**figures)

    @property
    def _severity(self) -> Severity:
        default = Severity.WARNING if self.entry.get("type") == "text" else Severity.ERROR
        return Severity(self.entry.get("severity", default))

    @property
    def _stated(self) -> dict[str, Any]:
        """What the entry says in place of a rule's defaults."""
        return {name: self.entry[name] for name in ("name", "dimension", "description") if name in self.entry}
