"""A Delta log as the JSON and checkpoint files that it is.

delta-rs opens tables and commits; it neither lists application transactions, nor reads one without replaying the log
(5 ms each after 150 commits), nor shows what a commit between two versions did. That is read here. Written is the log of
a staged table alone, which nobody else writes.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from io_managers.storage import Storage

CHECKPOINT_HINT = "_last_checkpoint"
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(\.\d{10}\.\d{10})?\.parquet")

Action = Mapping[str, Any]


def log_uri(table_uri: str) -> str:
    """The address of a table's log."""
    return f"{table_uri}/_delta_log"


def commit_versions(storage: Storage, table_uri: str) -> Sequence[int]:
    """The versions whose commits the log still holds, ascending; none where there is no table."""
    return sorted(
        int(match[1]) for name in storage.list_files(log_uri(table_uri)) if (match := _COMMIT.fullmatch(name))
    )


def read_actions(storage: Storage, table_uri: str, version: int) -> Sequence[Action]:
    """The actions of one commit.

    Raises:
        FileNotFoundError: the version was never committed, or its log file has expired.
    """
    return [json.loads(line) for line in _lines_of(storage, table_uri, version) if line.strip()]


def write_first_commit(storage: Storage, table_uri: str, actions: Iterable[Action]) -> None:
    """Makes a table of files that are there, in a place that is the caller's own: nothing keeps two writers apart."""
    storage.create_folder(log_uri(table_uri))
    content = "".join(json.dumps(action, separators=(",", ":")) + "\n" for action in actions)
    storage.write_bytes(f"{log_uri(table_uri)}/{0:020d}.json", content.encode())


def read_commit_info(storage: Storage, table_uri: str, version: int) -> Action:
    """What one commit says of itself, without reading its file actions; empty where it says nothing.

    Raises:
        FileNotFoundError: the version was never committed, or its log file has expired.
    """
    return next(_actions_of_kind(storage, table_uri, version, "commitInfo"), {})


def read_transactions(storage: Storage, table_uri: str, version: int) -> Mapping[str, int]:
    """The version of every application transaction as of a version of the table, by its name.

    Raises:
        FileNotFoundError: the log no longer reaches back to the version.
    """
    names = list(storage.list_files(log_uri(table_uri)))
    checkpoints: dict[int, list[str]] = {}
    for name in names:
        if (match := _CHECKPOINT.fullmatch(name)) and int(match[1]) <= version:
            checkpoints.setdefault(int(match[1]), []).append(name)
    start = max(checkpoints, default=-1)
    transactions: dict[str, int] = {}
    for name in checkpoints.get(start, []):
        transactions.update(_checkpointed(storage, f"{log_uri(table_uri)}/{name}"))
    for number in range(start + 1, version + 1):
        for transaction in _actions_of_kind(storage, table_uri, number, "txn"):
            transactions[transaction["appId"]] = transaction["version"]
    return transactions


def _actions_of_kind(storage: Storage, table_uri: str, version: int, kind: str) -> Iterator[Action]:
    """What the actions of one kind say, in a commit of which most are of files, long and of no interest."""
    name = f'"{kind}"'.encode()
    for line in _lines_of(storage, table_uri, version):
        if name in line[:20] and kind in (action := json.loads(line)):
            yield action[kind]


def _lines_of(storage: Storage, table_uri: str, version: int) -> Sequence[bytes]:
    return storage.read_bytes(f"{log_uri(table_uri)}/{version:020d}.json").splitlines()


def _checkpointed(storage: Storage, uri: str) -> Iterator[tuple[str, int]]:
    column = pq.read_table(storage.path(uri), columns=["txn"], filesystem=storage.filesystem)["txn"]
    for transaction in column.drop_null().to_pylist():
        if transaction["appId"] is not None:
            yield transaction["appId"], transaction["version"]
