"""Which runbook says what to do about a check that failed."""

FOLDER = "docs/runbooks"
_OF_CHECKS = {
    "schema": "schema-and-conserved.md",
    "rows": "rows.md",
    "table": "table.md",
    "conserved": "schema-and-conserved.md",
    "reconciled": "reconciled.md",
    "freshness": "late.md",
    "identities": "identities.md",
    "keys": "keys-and-complete.md",
    "complete": "keys-and-complete.md",
    "whole_tables": "run-failed.md",
}
"""By the check's name; `whole_tables` is the step of two that could not be carried out."""


def runbook_of(check: str) -> str:
    """The runbook's file, from the project's folder: the list of all for a check of somebody's own."""
    return f"{FOLDER}/{_OF_CHECKS.get(check, 'README.md')}"
