"""Which loads of a lake did the work of others again: days loaded twice from the same, by the tables' own logs."""

import datetime as dt
from collections.abc import Iterator, Mapping

from contracts.model import Contract
from io_managers.commits import CommitRecord, read_commits
from io_managers.reads import reads_any
from io_managers.storage import Storage

Commits = Mapping[str, list[CommitRecord]]
"""The publishes of each table, oldest first."""


def repeated_loads(storage: Storage, contracts: Mapping[str, Contract]) -> list[tuple[str, str, int]]:
    """The table, day and version of each load of a day that had been loaded from the very same before."""
    commits = {table: list(read_commits(storage, table))[::-1] for table in contracts}
    found = []
    for contract in contracts.values():
        last: dict[str, CommitRecord] = {}
        for commit in commits[contract.table]:
            for day in commit.windows or commit.partitions:
                if day in last and not any(_news(contract, day, last[day], commit, commits)):
                    found.append((contract.table, day, commit.version))
                last[day] = commit
    return found


def _news(contract: Contract, day: str, before: CommitRecord, after: CommitRecord, commits: Commits) -> Iterator[bool]:
    """Whether what a day is made from changed between two loads of it, by each input; by time and marks where that is a source."""
    loaded = dt.date.fromisoformat(day)
    if not contract.reads:
        marks = [(one.marks or {}).get(day, frozenset()) for one in (before, after)]
        end = dt.datetime.combine(loaded + dt.timedelta(days=1), dt.time(), dt.UTC)
        yield bool(marks[1] - marks[0]) or before.clock < end <= after.clock
    for read in contract.reads:
        seen = range(before.inputs.get(read.table, -1) + 1, after.inputs.get(read.table, -1) + 1)
        changes = [one for one in commits[read.table] if one.version in seen]
        yield any(reads_any(read, loaded, one.touched) for one in changes)
        # What an input's run may have changed, a table of the same run can't know when the run is asked for.
        yield any(one.run_id == after.run_id for one in changes)
