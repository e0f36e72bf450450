"""Check outcomes as Dagster's check results: the only module here that knows Dagster, which is imported when it is used."""

from typing import TYPE_CHECKING

from asset_checks.metadata import Markdown, Metadata, audit_metadata, reconciled_metadata
from asset_checks.reconciled import Reconciliation
from asset_checks.report import AuditReport, CheckOutcome
from asset_checks.runbooks import runbook_of
from contracts.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import dagster as dg


def audit_results(report: AuditReport) -> "Iterator[dg.AssetCheckResult]":
    """The result of each check of an audit."""
    metadata = audit_metadata(report)
    for outcome in report.outcomes:
        yield check_result(report.table, outcome, metadata[outcome.name])


def check_result(table: str, outcome: CheckOutcome, metadata: Metadata) -> "dg.AssetCheckResult":
    """One check's result of the table's asset; its message is the result's description."""
    import dagster as dg

    return dg.AssetCheckResult(
        asset_key=table.split("/"),
        check_name=outcome.name,
        passed=outcome.passed,
        severity=dg.AssetCheckSeverity.ERROR if outcome.severity is Severity.ERROR else dg.AssetCheckSeverity.WARN,
        description=outcome.message,
        metadata=as_metadata(with_runbook(metadata, outcome.name, passed=outcome.passed)),
    )


def with_runbook(metadata: Metadata, check: str, *, passed: bool) -> Metadata:
    """A check's metadata, and where it failed the runbook that helps."""
    return metadata if passed else {**metadata, "runbook": runbook_of(check)}


def reconciliation_result(table: str, reconciliation: Reconciliation) -> "dg.AssetCheckResult":
    """The result of the check `reconciled`."""
    outcome = CheckOutcome("reconciled", reconciliation.passed, Severity.ERROR, reconciliation.message)
    return check_result(table, outcome, reconciled_metadata(reconciliation.windows))


def as_metadata(metadata: Metadata) -> "Mapping[str, dg.MetadataValue | int | float | str]":
    """Figures as they are, and Markdown as Dagster shows it."""
    import dagster as dg

    return {
        name: dg.MetadataValue.md(value.text) if isinstance(value, Markdown) else value
        for name, value in metadata.items()
    }
