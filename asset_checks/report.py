"""What an audit finds: plain data that can be shown, stored and compared, without an engine and without Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from asset_checks.figures import Figure
from contracts.model import Bounds, Dimension, Severity

NO_WINDOW = "none"
"""Stands for the window of rows that lack the value which decides it."""


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What a run counted outside the engine's queries, by window (`YYYY-MM-DD`; null where rows lack it).

    `staged`: rows that may be published and rows to quarantine, from the staged files' statistics. `read`: rows that the
    source delivered or the upstream table holds. `retained`: rows among the staged that are kept although no longer
    delivered. `applied`, `superseded`: what change application made of the incoming rows. `measures`: the sums that the
    conserved measure must have. `counted`: what the run found of the contract's counted rules, by name.
    """

    staged: Mapping[str | None, tuple[int, int]]
    read: Mapping[str, int] | None = None
    retained: Mapping[str, int] = field(default_factory=dict)
    applied: Mapping[str, int] | None = None
    superseded: Mapping[str, int] | None = None
    measures: Mapping[str, Figure] | None = None
    counted: Mapping[str, int] = field(default_factory=dict)


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
    """The figure of a table rule and whether it holds.

    For uniqueness the figure is rows that repeat another's values, for expectations what Great Expectations observed: a
    number, else how many rows or values are unexpected or missing, else their percentage where a share is allowed.
    """

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
    """All that an audit found. `content_hashes` are by storage partition (none of `changes` tables); `measured` the conserved measure by window."""

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


def broken_errors(report: AuditReport) -> dict[str, int]:
    """How many rows broke each row rule that sets rows aside; rules that all rows met are left out."""
    return {rule.name: rule.broken for rule in report.rules if rule.severity is Severity.ERROR and rule.broken}
