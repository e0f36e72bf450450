"""What people see of an audit: plain figures and Markdown tables by check, without Dagster.

Samples arrive with restricted values hidden; nothing here looks at rows itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asset_checks.identities import IdentityResult, Verdict
from asset_checks.reconciled import ReconciledWindow
from asset_checks.report import AuditReport, RuleResult, Sample, TableRuleResult, WindowCounts
from asset_checks.verdicts import described

LONGEST_TABLE = 31
"""Rows of a table that are shown; older ones are summed up in one row."""


@dataclass(frozen=True, slots=True)
class Markdown:
    """Text that is shown formatted."""

    text: str


Metadata = Mapping[str, int | float | str | Markdown]


def audit_metadata(report: AuditReport) -> dict[str, Metadata]:
    """Metadata of each check of an audit, by the check's name. Counts are rows over the whole run."""
    return {
        "schema": {"contract_version": report.contract_version},
        "rows": _rows(report),
        "table": _table(report),
        "conserved": _conserved(report),
    }


def identities_metadata(results: Sequence[IdentityResult]) -> Metadata:
    """Metadata of the check `identities`: what doesn't hold, or the newest days where all do."""
    verdicts = {f"comparisons_{verdict}": sum(result.verdict is verdict for result in results) for verdict in Verdict}
    shown = [result for result in results if result.verdict is Verdict.BROKEN] or sorted(
        results, key=lambda result: result.day
    )
    # What is named is the sum of the right side, in the check's own table.
    rows = [
        (str(one.day), one.identity.name, f"{one.right:,}", f"{one.left:,}", one.identity.left.table, one.verdict.value)
        for one in shown
    ]
    return {
        **verdicts,
        "comparisons": markdown_table(("day", "sum", "is", "should be", "as in", "verdict"), rows[-LONGEST_TABLE:]),
    }


def reconciled_metadata(windows: Sequence[ReconciledWindow]) -> Metadata:
    """Metadata of the check `reconciled`."""
    columns = ("window", "source", "published", "quarantined", "retained", "difference")
    figures = {
        one.window: (one.source, one.published, one.quarantined, one.retained, one.difference) for one in windows
    }
    return {"difference": sum(abs(one.difference) for one in windows), "windows": _summarised(columns, figures)}


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Markdown:
    """Rows of text as a Markdown table, whatever the text contains."""
    lines = (columns, ["---"] * len(columns), *rows)
    return Markdown("\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines))


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("<", "&lt;").split())


def _summarised(columns: Sequence[str], figures: Mapping[str, Sequence[int]]) -> Markdown:
    """A row a window, of which the newest are shown and the others added up."""
    windows = sorted(figures)
    older, shown = windows[: max(0, len(windows) - LONGEST_TABLE)], windows[-LONGEST_TABLE:]
    rows = [(window, *(f"{figure:,}" for figure in figures[window])) for window in shown]
    if older:
        sums = (sum(column) for column in zip(*(figures[window] for window in older), strict=True))
        rows.insert(0, (f"{len(older)} older, {older[0]} to {older[-1]}", *(f"{total:,}" for total in sums)))
    return markdown_table(columns, rows)


def _rows(report: AuditReport) -> Metadata:
    counts = {
        name: sum(getattr(window, name) for window in report.windows)
        for name in ("incoming", "published", "superseded", "quarantined", "retained")
    }
    found: dict[str, int | float | str | Markdown] = {**counts, "windows": _windows(report.windows)}
    if counts["incoming"]:
        found["quarantined_share"] = counts["quarantined"] / counts["incoming"]
    broken = [rule for rule in report.rules if rule.broken]
    found["rules_held"] = len(report.rules) - len(broken)
    if broken:
        found["broken_rules"] = _broken_rules(broken)
    if by_window := [rule for rule in broken if rule.by_window]:
        found["broken_rules_by_window"] = _broken_by_window(by_window)
    if samples := [sample for sample in report.samples if sample.rule in {rule.name for rule in broken}]:
        found["samples"] = _samples(samples)
    return found


def _windows(windows: Sequence[WindowCounts]) -> Markdown:
    names = ("incoming", "published", "superseded", "quarantined", "retained")
    used = [
        name for name in names if name not in ("superseded", "retained") or any(getattr(one, name) for one in windows)
    ]
    return _summarised(("window", *used), {one.window: [getattr(one, name) for name in used] for one in windows})


def _broken_rules(broken: Sequence[RuleResult]) -> Markdown:
    ordered = sorted(broken, key=lambda rule: (-rule.broken, rule.name))
    rows = [(rule.name, rule.severity.value, rule.dimension, f"{rule.broken:,}", rule.description) for rule in ordered]
    return markdown_table(("rule", "severity", "dimension", "rows", "what it says"), rows)


def _broken_by_window(broken: Sequence[RuleResult]) -> Markdown:
    windows = sorted({window for rule in broken for window in rule.by_window})
    names = [rule.name for rule in broken]
    return _summarised(
        ("window", *names), {window: [rule.by_window.get(window, 0) for rule in broken] for window in windows}
    )


def _samples(samples: Sequence[Sample]) -> Markdown:
    rows = [
        (sample.rule, ", ".join(f"{name}={'null' if value is None else value}" for name, value in sample.row.items()))
        for sample in samples
    ]
    return markdown_table(("rule", "row"), rows)


def _table(report: AuditReport) -> Metadata:
    found: dict[str, int | float | str | Markdown] = {"rules": len(report.table_rules)}
    if report.table_rules:
        found["figures"] = markdown_table(
            ("rule", "severity", "figure", "must be", "result", "what it says"),
            [_figure(one) for one in report.table_rules],
        )
    if samples := [sample for sample in report.samples if sample.rule in {rule.name for rule in report.table_rules}]:
        found["repeated"] = _samples(samples)
    return found


def _figure(result: TableRuleResult) -> tuple[str, ...]:
    held = "holds" if result.passed else "broken"
    return (result.name, result.severity.value, str(result.value), described(result.bounds), held, result.description)


def _conserved(report: AuditReport) -> Metadata:
    found: dict[str, int | float | str | Markdown] = {}
    if any(window.read is not None for window in report.windows):
        columns = ("window", "read", "published", "superseded", "quarantined", "retained")
        figures = {
            one.window: (one.read or 0, one.published, one.superseded, one.quarantined, one.retained)
            for one in report.windows
        }
        found["windows"] = _summarised(columns, figures)
    if report.measured:
        measured = [(window, str(figure)) for window, figure in sorted(report.measured.items())]
        found["measured"] = markdown_table(("window", "conserved measure"), measured[-LONGEST_TABLE:])
    return found
