"""The audit of staged rows against their contract: what a run may publish, and why not.

Belongs here: what is asked of the engine. How the answers are judged is `verdicts`', and what they look like `report`'s.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from asset_checks.content_hash import content_hashes, hashed_partitions
from asset_checks.expectations import judge_expectations
from asset_checks.figures import Figure
from asset_checks.repeats import repeats
from asset_checks.report import (
    NO_WINDOW,
    AuditReport,
    CheckOutcome,
    RuleResult,
    RunCounts,
    Sample,
    TableRuleResult,
    WindowCounts,
)
from asset_checks.rules import MARKS, same_type
from asset_checks.shown import as_text, shortened
from asset_checks.verdicts import judge_conserved, judge_rows, judge_schema, judge_table
from contracts.model import (
    BROKEN_RULES,
    OK,
    AggregateRule,
    Bounds,
    Contract,
    ExpectationRule,
    RowRule,
    Severity,
    UniqueRule,
)
from contracts.partitions import chunks, in_partitions
from contracts.row_rules import literal, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = [
    "AuditReport",
    "CheckOutcome",
    "RuleResult",
    "RunCounts",
    "Sample",
    "TableRuleResult",
    "WindowCounts",
    "audit",
    "content_hashes",
    "measures",
    "schema_differences",
]

_SAMPLES_PER_RULE = 2
_SAMPLED_RULES = 10
_ROWS_AT_ONCE = 10_000_000
"""An engine holds a key of every row in which it looks for repeats: of more rows, a few partitions at a time are looked through."""


def audit(
    contract: Contract,
    staged: "DataFrame",
    counts: RunCounts,
    *,
    window_column: str | None = None,
    content: "DataFrame | None" = None,
) -> AuditReport:
    """Judges staged rows by their contract. Asks the engine only what the counts leave open.

    Args:
        contract: of the table that the rows are for.
        staged: the rows as `with_broken_rules` marked them, read from where they were staged.
        counts: what the run counted of them.
        window_column: the staged column whose values `counts` is by; the partition column by default.
        content: `changes` tables: the folded rows that would be published, which the table's rules are about.

    Raises:
        ValueError: the contract says that something is conserved, and the counts don't hold it.
    """
    _require_counts(contract, counts)
    window = window_column or contract.partition_column
    windows = _window_counts(counts)
    marked = _rule_results(contract, staged, window, windows)
    samples = _row_samples(contract, staged, marked)
    rules = (*marked, *_counted_results(contract, counts))
    judged = [judge_rows(contract, windows, rules)]
    good = staged.where(OK) if content is None else content
    if differences := schema_differences(contract, good):
        unjudged = (
            CheckOutcome(name, False, Severity.ERROR, "not judged, because the check `schema` failed")
            for name in ("table", "conserved")
        )
        outcomes = (judge_schema(contract, differences), *judged, *unjudged)
        return AuditReport(contract.table, contract.version, windows, rules, (), samples, {}, {}, outcomes)
    hashes = hashed_partitions(good, contract) if content is None else {}
    # A row without a partition repeats nothing.
    known = {one.window: one.published for one in windows if one.window != NO_WINDOW}
    partitions = known if content is None else {}
    table_rules, samples_of_table = _table_results(contract, good, partitions)
    measured = _measured(contract, staged, window)
    scanned = sum(one.rows for one in hashes.values()) if content is None else None
    return AuditReport(
        table=contract.table,
        contract_version=contract.version,
        windows=windows,
        rules=rules,
        table_rules=table_rules,
        samples=samples + samples_of_table,
        content_hashes={partition: one.value for partition, one in hashes.items()},
        measured=measured,
        outcomes=(
            judge_schema(contract, ()),
            *judged,
            judge_table(contract, table_rules),
            judge_conserved(contract, windows, counts.measures, measured, scanned),
        ),
    )


def measures(frame: "DataFrame", by: str, expression: str) -> dict[str, Figure]:
    """The sum of an expression by a column's values as text; windows without rows are left out, nulls count as 0.

    Conserved measures of both sides are made by it: of the source's rows, and of the staged rows.
    """
    measured = frame.selectExpr(_window_text(by), f"{expression} as measure").groupBy("window").agg({"measure": "sum"})
    return {window: total or 0 for window, total in measured.collect()}


def schema_differences(contract: Contract, frame: "DataFrame") -> tuple[str, ...]:
    """How the frame's columns differ from the contract's, marks of the audit aside: what lacks, is unknown or has another type."""
    types = {one.name: one.dataType.simpleString() for one in frame.schema.fields}
    missing = [f"`{column.name}` is missing" for column in contract.columns if column.name not in types]
    added = [
        f"`{name}` is unknown to the contract"
        for name in types
        if name not in contract.by_name and not name.startswith("_")
    ]
    retyped = [
        f"`{column.name}` is {types[column.name]} instead of {column.type}"
        for column in contract.columns
        if column.name in types and not same_type(types[column.name], column.type)
    ]
    return (*missing, *added, *retyped)


def _require_counts(contract: Contract, counts: RunCounts) -> None:
    if contract.mode == "changes" and (counts.applied is None or counts.superseded is None):
        raise ValueError(
            f"{contract.table}: the audit of a `changes` table needs the counts of applied and superseded rows"
        )
    if contract.conserves and contract.conserves.measure and counts.measures is None:
        raise ValueError(
            f"{contract.table}: the contract conserves {contract.conserves.measure}, and the audit was not given its expected sums"
        )
    if contract.conserves and not contract.conserves.measure and counts.read is None:
        raise ValueError(
            f"{contract.table}: the contract conserves the rows of {contract.conserves.source}, and the audit was not given their number"
        )


def _window_counts(counts: RunCounts) -> tuple[WindowCounts, ...]:
    staged = {window or NO_WINDOW: count for window, count in counts.staged.items()}
    by_window = (counts.read, counts.retained, counts.applied, counts.superseded)
    every = {*staged, *(window for given in by_window if given for window in given)}
    found = []
    for window in sorted(every):
        good, bad = staged.get(window, (0, 0))
        found.append(
            WindowCounts(
                window=window,
                incoming=good + bad,
                published=good if counts.applied is None else counts.applied.get(window, 0),
                quarantined=bad,
                superseded=(counts.superseded or {}).get(window, 0),
                retained=counts.retained.get(window, 0),
                read=None if counts.read is None else counts.read.get(window, 0),
            )
        )
    return tuple(found)


def _counted_results(contract: Contract, counts: RunCounts) -> tuple[RuleResult, ...]:
    """The rules whose breaches the run counted while it made the rows."""
    return tuple(
        RuleResult(rule.name, rule.severity, rule.dimension, rule.description, counts.counted.get(rule.name, 0), {})
        for rule in contract.counted_rules
    )


def _rule_results(
    contract: Contract, staged: "DataFrame", window: str, windows: Sequence[WindowCounts]
) -> tuple[RuleResult, ...]:
    """Every row rule of the contract with its broken rows, and those of unreadable values that were broken."""
    broken: dict[str, dict[str, int]] = {}
    if any(one.quarantined for one in windows) or any(rule.severity is Severity.WARNING for rule in contract.row_rules):
        exploded = staged.where(f"{BROKEN_RULES} is not null").selectExpr(
            _window_text(window), f"explode({BROKEN_RULES}) as rule"
        )
        for row in exploded.groupBy("window", "rule").count().collect():
            broken.setdefault(row["rule"], {})[row["window"]] = row["count"]
    rules = {rule.name: rule for rule in (*contract.row_rules, *_type_rules(contract))}
    named = [
        *(rule.name for rule in contract.row_rules),
        *sorted(name for name in broken if name not in {rule.name for rule in contract.row_rules}),
    ]
    return tuple(
        RuleResult(
            name,
            rules[name].severity,
            rules[name].dimension,
            rules[name].description,
            sum(by_window.values()),
            dict(sorted(by_window.items())),
        )
        for name in named
        for by_window in [broken.get(name, {})]
    )


def _type_rules(contract: Contract) -> list[RowRule]:
    """The rules that unreadable values break, which no contract needs to state; a source names a line without columns `_line`."""
    line = RowRule("_line_type", "true", Severity.ERROR, "conformity", "the delivered line can be split into columns")
    columns = (
        RowRule(
            f"{column.name}_type",
            "true",
            Severity.ERROR,
            "conformity",
            f"{column.name} can be read as {column.type}",
            column.name,
        )
        for column in contract.columns
    )
    return [line, *columns]


def _row_samples(contract: Contract, staged: "DataFrame", rules: Sequence[RuleResult]) -> tuple[Sample, ...]:
    """A few rows for each broken rule, for those that most rows broke."""
    most = sorted((rule for rule in rules if rule.broken), key=lambda rule: (-rule.broken, rule.name))[:_SAMPLED_RULES]
    if not most:
        return ()
    shown = as_text(contract, [(name, kind) for name, kind in staged.dtypes if name not in MARKS])
    found = [
        staged.where(_breaks(rule))
        .limit(_SAMPLES_PER_RULE)
        .selectExpr(f"{literal(rule.name)} as {BROKEN_RULES}", *shown)
        for rule in most
    ]
    rows = reduce(lambda one, other: one.union(other), found).collect()
    return tuple(Sample(rule, shortened(row.asDict())) for row in rows for rule in [row[BROKEN_RULES]])


def _breaks(rule: RuleResult) -> str:
    """The rows that break a rule; those of an error are looked for in the files of quarantined rows alone."""
    broken = f"array_contains({BROKEN_RULES}, {literal(rule.name)})"
    return f"{broken} and not {OK}" if rule.severity is Severity.ERROR else broken


def _table_results(
    contract: Contract, good: "DataFrame", partitions: Mapping[str, int]
) -> tuple[tuple[TableRuleResult, ...], tuple[Sample, ...]]:
    """The figures of all table rules, and a few repeated keys. Partitions have so many rows, where that is known."""
    figures: dict[str, Figure | None] = {}
    samples: list[Sample] = []
    aggregates = [rule for rule in contract.table_rules if isinstance(rule, AggregateRule)]
    if aggregates:
        row = good.selectExpr(
            *(f"{rule.expression} as rule_{number}" for number, rule in enumerate(aggregates))
        ).collect()[0]
        figures |= {rule.name: row[f"rule_{number}"] for number, rule in enumerate(aggregates)}
    for rule in contract.table_rules:
        if isinstance(rule, UniqueRule):
            # The rule holds within a partition.
            columns = list(dict.fromkeys((contract.partition_column, *rule.columns)))
            figures[rule.name], shown = _repeats(contract, good, columns, partitions)
            samples += [Sample(rule.name, row) for row in shown]
    results = {result.name: result for result in judge_expectations(contract, good)}
    for rule in contract.table_rules:
        if not isinstance(rule, ExpectationRule):
            results[rule.name] = _bounded(rule, figures[rule.name])
    return tuple(results[rule.name] for rule in contract.table_rules), tuple(samples)


def _repeats(
    contract: Contract, good: "DataFrame", columns: Sequence[str], partitions: Mapping[str, int]
) -> tuple[int, list[dict[str, str | None]]]:
    """What `repeats` finds in rows of which none repeats another partition's."""
    parts = list(chunks(sorted(partitions), partitions, _ROWS_AT_ONCE))
    frames = [good.where(in_partitions(contract, part)) for part in parts] if len(parts) > 1 else [good]
    found = [repeats(contract, frame, columns, _SAMPLES_PER_RULE) for frame in frames]
    return sum(surplus for surplus, _ in found), [row for _, rows in found for row in rows][:_SAMPLES_PER_RULE]


def _bounded(rule: AggregateRule | UniqueRule, value: Figure | None) -> TableRuleResult:
    bounds = rule.bounds if isinstance(rule, AggregateRule) else Bounds(equal=0)
    held = bounds.hold(float(value) if isinstance(value, Decimal) else value)
    return TableRuleResult(rule.name, rule.severity, rule.dimension, rule.description, value, bounds, held)


def _measured(contract: Contract, staged: "DataFrame", window: str) -> dict[str, Figure]:
    """The conserved measure of all staged rows, quarantined ones included."""
    if not contract.conserves or not contract.conserves.measure:
        return {}
    return measures(staged, window, contract.conserves.measure)


def _window_text(column: str) -> str:
    return f"coalesce(cast({quoted(column)} as string), '{NO_WINDOW}') as window"
