"""Change application: folds changes into a table's stored rows, whatever order, repetition or split the changes arrive in.

Pure DataFrame code, lazy until an outcome is asked for. The steps, in order:

1. `change_dates` and `partitions_to_read`: which stored partitions can hold a row that the changes affect;
2. `decide`: what each affected key looks like afterwards, and how that differs from what is stored;
3. `outcome_of`, `conflicting_versions`, `superseded`: what the run reports, and which partitions it replaces;
4. `content`: the new rows of those partitions.

Where nothing is stored that could be affected, `first_content` and `as_decisions` stand for 2 and 4.

`versions` says which version of a key stands, `decisions` applies that to either kind of history, `reach` and
`outcome` are what surrounds it.
"""

from io_managers.change_application.decisions import apply_changes, as_decisions, content, decide, first_content
from io_managers.change_application.outcome import (
    ChangesNotConservedError,
    Outcome,
    conflicting_versions,
    incoming_by_window,
    outcome_of,
    superseded,
)
from io_managers.change_application.reach import change_dates, partitions_in_reach, partitions_to_read

__all__ = [
    "ChangesNotConservedError",
    "Outcome",
    "apply_changes",
    "as_decisions",
    "change_dates",
    "conflicting_versions",
    "content",
    "decide",
    "first_content",
    "incoming_by_window",
    "outcome_of",
    "partitions_in_reach",
    "partitions_to_read",
    "superseded",
]
