"""What a table's log says of its days: the state that staleness is judged by, read again only where the table moved on."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import replace

from contracts.model import Contract
from io_managers.commits import CommitRecord, read_commits
from io_managers.quarantine import window_transaction
from io_managers.snapshot import Snapshot, find_snapshot, recorded
from io_managers.staleness import Load, TableState, Touch
from io_managers.storage import Storage, at_once


class StateReader:
    """Reads the states of all tables, and remembers those of tables that haven't changed since."""

    def __init__(self, storage: Storage, contracts: Mapping[str, Contract]) -> None:
        self._storage = storage
        self._contracts = contracts
        self._known: dict[str, TableState] = {}
        self._commits: dict[str, tuple[str, int, list[CommitRecord]]] = {}

    def states(self, moved: Collection[str] | None = None) -> Mapping[str, TableState]:
        """The state of every table as its log has it now; an empty one for a table that was never created.

        Args:
            moved: look only at these again, and take the others as they were seen last, if they were.
        """
        again = [
            contract
            for table, contract in self._contracts.items()
            if moved is None or table in moved or table not in self._known
        ]
        self._known |= zip((one.table for one in again), at_once(self._state, again), strict=True)
        return {table: self._known[table] for table in self._contracts}

    def _state(self, contract: Contract) -> TableState:
        snapshot = find_snapshot(self._storage, contract.table)
        if snapshot is None:
            return TableState()
        # A table that was dropped and made anew has another identity.
        now = str(snapshot.delta.metadata().id), snapshot.version
        identity, version, commits = self._commits.get(contract.table, ("", -1, []))
        if (identity, version) == now:
            return self._known[contract.table]
        after = version if identity == now[0] else -1
        newer = list(read_commits(self._storage, contract.table, after, snapshot.version))
        commits = [*newer, *(commits if after >= 0 else [])]
        self._commits[contract.table] = *now, commits
        return table_state(contract, snapshot, commits)


def table_state(contract: Contract, snapshot: Snapshot, commits: list[CommitRecord]) -> TableState:
    """Joins a table's transactions, which are kept for ever, with its commits, which expire; commits are given newest first."""
    prefix = window_transaction(contract)
    loaded = frozenset(dt.date.fromisoformat(day) for day in recorded(snapshot.transactions, prefix))
    loads: dict[dt.date, Load] = {}
    for commit in commits:
        load = Load(commit.version, commit.clock, commit.inputs)
        for day in commit.windows if prefix == "w:" else commit.partitions:
            marks = commit.marks.get(day) if commit.marks else None
            loads.setdefault(dt.date.fromisoformat(day), load if marks is None else replace(load, marks=marks))
    return TableState(
        loaded,
        loads,
        tuple(
            Touch(commit.version, commit.touched, commit.timestamp, commit.clock)
            for commit in commits
            if commit.touched
        ),
    )
