"""Whose a step of a run is, and what it says when it fails."""

from collections.abc import Sequence
from typing import Any


def step_of(step: str, tables: Sequence[str]) -> tuple[str, str]:
    """The table of a step, and the name of the check that the step is; none for the table's own."""
    from lakehouse_assets.asset_metadata import step_key

    keys = {step_key(table): table for table in tables}
    if step in keys:
        return keys[step], ""
    of_check = max((key for key in keys if step.startswith(f"{key}_")), key=len)
    return keys[of_check], step.removeprefix(f"{of_check}_")


def failure_reason(data: Any) -> str:
    """What a failed step says to a person: the description of its failure, else the first cause's message."""
    if data.user_failure_data is not None and data.user_failure_data.description:
        description: str = data.user_failure_data.description
        return description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "unknown"
