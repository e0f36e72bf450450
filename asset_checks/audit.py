"""The audit of staged rows against their contract: what a run may publish, and why not.

Pure: reads DataFrames and figures, returns data. Who stages, publishes or shows the report is elsewhere.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from asset_checks.content_hash import ContentHash, hashed_partitions
from asset_checks.rules import BROKEN_RULES, MARKS, OK, same_type
from contracts.model import AggregateRule, Bounds, Contract, Dimension, RowRule, Severity, UniqueRule
from contracts.row_rules import literal, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Figure = int | float | Decimal

CHECKS = ("schema", "rows", "table", "conserved")
"""Every table's blocking checks, in the order in which they are judged."""

NO_WINDOW = "none"
"""Stands for the window of rows that lack the value which decides it."""

SHARE_BLOCKS_FROM = 1_000
"""Incoming rows of a run from which on its share of quarantined rows blocks the publish; of fewer it says too little."""

SAMPLES_PER_RULE = 2
SAMPLED_RULES = 10
_LONGEST_VALUE = 200
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What a run counted outside the engine's queries, by window (`YYYY-MM-DD`; null where rows lack it).

    `staged`: rows that may be published and rows to quarantine, from the staged files' statistics. `read`: rows that the
    source delivered or the upstream table holds. `retained`: rows among the staged that are kept although no longer
    delivered. `applied`, `superseded`: what change application made of the incoming rows. `measures`: the sums that the
    conserved measure must have.
    """

    staged: Mapping[str | None, tuple[int, int]]
    read: Mapping[str, int] | None = None
    retained: Mapping[str, int] = field(default_factory=dict)
    applied: Mapping[str, int] | None = None
    superseded: Mapping[str, int] | None = None
    measures: Mapping[str, Figure] | None = None


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """What became of a window's rows. In `changes` tables `published` counts the applied ones.

    `read` and `retained` are what the source gave and what is kept although no longer delivered; null where not known.
    """

    window: str
    incoming: int
    published: int
    quarantined: int
    superseded: int = 0
    retained: int = 0
    read: int | None = None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How many rows broke a row rule, altogether and by window (windows without such rows are left out)."""

    name: str
    severity: Severity
    dimension: Dimension
    description: str
    broken: int
    by_window: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TableRuleResult:
    """The figure of a table rule (for uniqueness: rows that repeat another's values) and whether it is within bounds."""

    name: str
    severity: Severity
    dimension: Dimension
    description: str
    value: Figure | None
    bounds: Bounds
    passed: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """A row that broke a rule, as text; restricted values are hidden."""

    rule: str
    row: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """A check's result. A passed check of severity `warning` has something to look at; a failed one of `error` blocks."""

    name: str
    passed: bool
    severity: Severity
    message: str

    @property
    def blocks(self) -> bool:
        return not self.passed and self.severity is Severity.ERROR


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All that an audit found. `content_hashes` are by storage partition; `measured` the conserved measure by window."""

    table: str
    contract_version: str
    windows: tuple[WindowCounts, ...]
    rules: tuple[RuleResult, ...]
    table_rules: tuple[TableRuleResult, ...]
    samples: tuple[Sample, ...]
    content_hashes: Mapping[str, int]
    measured: Mapping[str, Figure]
    outcomes: tuple[CheckOutcome, ...]

    @property
    def passed(self) -> bool:
        """Whether the staged rows may be published."""
        return not any(outcome.blocks for outcome in self.outcomes)

    def outcome(self, check: str) -> CheckOutcome:
        return {outcome.name: outcome for outcome in self.outcomes}[check]


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
    differences = schema_differences(contract, staged if content is None else content)
    schema = _judge_schema(contract, differences)
    rules = _rule_results(contract, staged, window, windows)
    samples = _row_samples(contract, staged, rules)
    if differences:
        unjudged = [
            CheckOutcome(name, False, Severity.ERROR, "not judged, because the check `schema` failed")
            for name in ("table", "conserved")
        ]
        return AuditReport(
            contract.table,
            contract.version,
            windows,
            rules,
            (),
            samples,
            {},
            {},
            (schema, _judge_rows(contract, windows, rules), *unjudged),
        )
    good = _publishable(staged) if content is None else content
    hashes = hashed_partitions(good, contract)
    table_rules, repeats = _table_results(contract, good)
    measured = _measured(contract, staged, window)
    outcomes = (
        schema,
        _judge_rows(contract, windows, rules),
        _judge_table(contract, table_rules),
        _judge_conserved(contract, counts, windows, hashes if content is None else None, measured),
    )
    return AuditReport(
        contract.table,
        contract.version,
        windows,
        rules,
        table_rules,
        samples + repeats,
        {partition: content_hash.value for partition, content_hash in hashes.items()},
        measured,
        outcomes,
    )


def measures(frame: "DataFrame", by: str, expression: str) -> dict[str, Figure]:
    """The sum of an expression by a column's values as text; windows without rows are left out, nulls count as 0.

    Conserved measures of both sides are made by it: of the source's rows, and of the staged rows.
    """
    rows = frame.selectExpr(_window_text(by), f"{expression} as measure").groupBy("window").sum("measure").collect()
    return {window: total or 0 for window, total in rows}


def _window_text(column: str) -> str:
    return f"coalesce(cast({quoted(column)} as string), '{NO_WINDOW}') as window"


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


def _publishable(staged: "DataFrame") -> "DataFrame":
    return staged.where(OK)


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
    """The rules that unreadable values break, which no contract needs to state."""
    return [
        RowRule(
            f"{column.name}_type",
            "true",
            Severity.ERROR,
            "conformity",
            f"{column.name} can be read as {column.type}",
            column.name,
        )
        for column in contract.columns
    ]


def _row_samples(contract: Contract, staged: "DataFrame", rules: Sequence[RuleResult]) -> tuple[Sample, ...]:
    """A few rows for each broken rule, for those that most rows broke."""
    most = sorted((rule for rule in rules if rule.broken), key=lambda rule: (-rule.broken, rule.name))[:SAMPLED_RULES]
    if not most:
        return ()
    shown = [name for name in staged.columns if name not in MARKS]
    found = [
        staged.where(
            f"array_contains({BROKEN_RULES}, {literal(rule.name)})"
            + (f" and not {OK}" if rule.severity is Severity.ERROR else "")
        )
        .limit(SAMPLES_PER_RULE)
        .selectExpr(f"{literal(rule.name)} as {BROKEN_RULES}", *map(quoted, shown))
        for rule in most
    ]
    rows = reduce(lambda one, other: one.union(other), found).collect()
    return tuple(Sample(row[BROKEN_RULES], _shown(contract, {name: row[name] for name in shown})) for row in rows)


def _shown(contract: Contract, row: Mapping[str, object]) -> dict[str, str | None]:
    """A row as people may see it."""
    hidden = {column.name for column in contract.restricted}
    return {
        name: None if value is None else _HIDDEN if name in hidden else _shortened(str(value))
        for name, value in row.items()
    }


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _table_results(contract: Contract, good: "DataFrame") -> tuple[tuple[TableRuleResult, ...], tuple[Sample, ...]]:
    """The figures of all table rules, and a few repeated keys."""
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
            figures[rule.name], repeated = _repeats(contract, good, rule)
            samples += [Sample(rule.name, _shown(contract, row)) for row in repeated]
    results = []
    for rule in contract.table_rules:
        bounds = rule.bounds if isinstance(rule, AggregateRule) else Bounds(equal=0)
        value = figures[rule.name]
        held = bounds.hold(float(value) if isinstance(value, Decimal) else value)
        results.append(TableRuleResult(rule.name, rule.severity, rule.dimension, rule.description, value, bounds, held))
    return tuple(results), tuple(samples)


def _key_hash(columns: Sequence[str]) -> str:
    """Spark SQL text of the hash that likely repeats are found by."""
    return f"xxhash64({', '.join(quoted(name) for name in columns)})"


def _repeats(contract: Contract, good: "DataFrame", rule: UniqueRule) -> tuple[int, list[dict[str, object]]]:
    """How many rows of a partition repeat another's values, and a few of those values. Rows with a null among them repeat nothing.

    Hashes are grouped first, as that is cheaper than the values; only rows that share a hash are compared by value.
    """
    columns = list(dict.fromkeys((contract.partition_column, *rule.columns)))
    complete = good.where(" and ".join(f"{quoted(name)} is not null" for name in rule.columns)).selectExpr(
        *map(quoted, columns), f"{_key_hash(columns)} as _hash"
    )
    shared = complete.groupBy("_hash").count().where("count > 1").select("_hash")
    if not shared.limit(1).collect():
        return 0, []
    repeated = complete.join(shared, "_hash", "left_semi").groupBy(*columns).count().where("count > 1")
    surplus = repeated.selectExpr("coalesce(sum(count - 1), 0) as surplus").collect()[0]["surplus"]
    if not surplus:
        return 0, []
    return surplus, [
        row.asDict() for row in repeated.orderBy(*columns).limit(SAMPLES_PER_RULE).select(*columns).collect()
    ]


def _measured(contract: Contract, staged: "DataFrame", window: str) -> dict[str, Figure]:
    """The conserved measure of all staged rows, quarantined ones included."""
    if not contract.conserves or not contract.conserves.measure:
        return {}
    return measures(staged, window, quoted(contract.conserves.measure))


def _judge_schema(contract: Contract, differences: Sequence[str]) -> CheckOutcome:
    if differences:
        message = f"{'; '.join(differences)}. Change the table's function, or its contract (version {contract.version}), so that both agree."
        return CheckOutcome("schema", False, Severity.ERROR, message)
    return CheckOutcome(
        "schema",
        True,
        Severity.ERROR,
        f"{len(contract.columns)} columns as in version {contract.version} of the contract",
    )


def _judge_rows(contract: Contract, windows: Sequence[WindowCounts], rules: Sequence[RuleResult]) -> CheckOutcome:
    incoming = sum(one.incoming for one in windows)
    quarantined = sum(one.quarantined for one in windows)
    most = sorted((rule for rule in rules if rule.broken), key=lambda rule: (-rule.broken, rule.name))
    broken = f" Broken rules: {', '.join(f'{rule.name} ({rule.broken:,})' for rule in most)}." if most else ""
    warned = any(rule.severity is Severity.WARNING for rule in most)
    if not quarantined:
        return CheckOutcome(
            "rows",
            True,
            Severity.WARNING if warned else Severity.ERROR,
            f"none of {incoming:,} rows is quarantined.{broken}",
        )
    share = f"{quarantined:,} of {incoming:,} rows ({quarantined / incoming:.2%}) {'is' if quarantined == 1 else 'are'} quarantined"
    if quarantined <= contract.max_quarantined_share * incoming:
        return CheckOutcome(
            "rows", True, Severity.WARNING if warned else Severity.ERROR, f"{share}, which the contract allows.{broken}"
        )
    allowed = f"more than the {contract.max_quarantined_share:.2%} that the contract allows"
    repair = f"Repair the source or the rules, then load the partitions again; `lakehouse quarantine {contract.table}` shows rows that were quarantined before."
    if incoming < SHARE_BLOCKS_FROM:
        return CheckOutcome(
            "rows",
            True,
            Severity.WARNING,
            f"{share}, {allowed}; of fewer than {SHARE_BLOCKS_FROM:,} rows that doesn't block.{broken} {repair}",
        )
    return CheckOutcome("rows", False, Severity.ERROR, f"{share}, {allowed}; nothing is published.{broken} {repair}")


def _judge_table(contract: Contract, results: Sequence[TableRuleResult]) -> CheckOutcome:
    broken = [result for result in results if not result.passed]
    if not broken:
        return CheckOutcome(
            "table",
            True,
            Severity.ERROR,
            f"all {len(results)} table rules hold" if results else "the contract has no table rules",
        )
    found = "; ".join(
        f"{result.name} is {result.value}, must be {described(result.bounds)} ({result.description})"
        for result in broken
    )
    if any(result.severity is Severity.ERROR for result in broken):
        return CheckOutcome(
            "table",
            False,
            Severity.ERROR,
            f"{found}. Nothing is published: repair the rows that {contract.table} is made from, or change the rule.",
        )
    return CheckOutcome(
        "table", True, Severity.WARNING, f"{found}. The rows are published: look whether they are right."
    )


def described(bounds: Bounds) -> str:
    """Bounds in words."""
    words = {
        "equal": "",
        "not_equal": "other than ",
        "above": "above ",
        "at_least": "at least ",
        "below": "below ",
        "at_most": "at most ",
    }
    parts = [f"{word}{getattr(bounds, name):g}" for name, word in words.items() if getattr(bounds, name) is not None]
    if bounds.not_between:
        parts.append("not between {:g} and {:g}".format(*bounds.not_between))
    return " and ".join(parts)


def _judge_conserved(
    contract: Contract,
    counts: RunCounts,
    windows: Sequence[WindowCounts],
    scanned: Mapping[str, ContentHash] | None,
    measured: Mapping[str, Figure],
) -> CheckOutcome:
    """Compares both sides by window; over the run where rows lack a window, since they can't be told apart by it."""
    sides: list[tuple[str, dict[str, Figure], dict[str, Figure]]] = []
    if counts.read is not None:
        into = {one.window: one.read or 0 for one in windows}
        out = {one.window: one.incoming - one.retained for one in windows}
        sides.append(("rows read = published + quarantined - retained", dict(into), dict(out)))
    if contract.mode == "changes":
        incoming = {one.window: one.incoming for one in windows}
        made = {one.window: one.published + one.superseded + one.quarantined for one in windows}
        sides.append(("incoming = applied + superseded + quarantined", dict(incoming), dict(made)))
    if counts.measures is not None and contract.conserves and contract.conserves.measure:
        sides.append(
            (
                f"{contract.conserves.expression} of {contract.conserves.source} = {contract.conserves.measure}",
                dict(counts.measures),
                dict(measured),
            )
        )
    problems = [problem for name, left, right in sides for problem in _unequal(name, left, right)]
    if scanned is not None:
        stated, found = sum(one.published for one in windows), sum(one.rows for one in scanned.values())
        if stated != found:
            problems.append(f"the staged files state {stated:,} rows to publish and hold {found:,}")
    if problems:
        repair = "Rows are lost or doubled on the way: nothing is published. Look for a join or a filter in the table's function that drops or repeats rows."
        return CheckOutcome("conserved", False, Severity.ERROR, f"{'; '.join(problems)}. {repair}")
    return CheckOutcome(
        "conserved",
        True,
        Severity.ERROR,
        "; ".join(f"{name}: holds" for name, _, _ in sides) or "every staged row is accounted for",
    )


def _unequal(name: str, left: dict[str, Figure], right: dict[str, Figure]) -> list[str]:
    if NO_WINDOW in {*left, *right}:
        left, right = {"the run": sum(left.values())}, {"the run": sum(right.values())}
    return [
        f"{name} does not hold for {window}: {left.get(window, 0)} and {right.get(window, 0)}"
        for window in sorted({*left, *right})
        if not _same(left.get(window, 0), right.get(window, 0))
    ]


def _same(one: Figure, other: Figure) -> bool:
    """Whole numbers and decimals must be equal; sums of doubles depend on the order of their rows."""
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return one == other
