"""Checkpoints: written as often as said, without the hint, and never at the cost of a publish that has landed."""

import os
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from io_managers import upkeep
from io_managers.log import log_uri
from io_managers.snapshot import open_snapshot
from io_managers.storage import Storage
from io_managers.upkeep import write_checkpoint
from tests.io_managers.publish_support import CONTRACT, TABLE, content, load


def log_names(storage: Storage) -> list[str]:
    return sorted(storage.list_files(log_uri(storage.table_uri(TABLE))))


def test_a_checkpoint_follows_whatever_commit_passes_the_mark(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHECKPOINT_EVERY", 3)
    stale = open_snapshot(storage, CONTRACT)
    for number in range(1, 8):
        load(storage, [(str(number), "k", number)], [str(number)])
    assert [name for name in log_names(storage) if "checkpoint" in name] == [
        f"{version:020d}.checkpoint.parquet" for version in (3, 6)
    ]
    load(storage, [("late", "k", 8)], ["late"], stale)
    assert f"{8:020d}.checkpoint.parquet" in log_names(storage)
    assert len(content(storage)) == 8


def test_a_checkpoint_that_fails_does_not_fail_the_publish_and_leaves_no_hint(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHECKPOINT_EVERY", 1)
    create = DeltaTable.create_checkpoint

    def failing(table: DeltaTable) -> None:
        create(table)
        raise DeltaError("no space left")

    monkeypatch.setattr(DeltaTable, "create_checkpoint", failing)
    load(storage, [("a", "k", 1)], ["a"])
    assert content(storage) == [("a", "k", 1)]
    assert "_last_checkpoint" not in log_names(storage)


def test_delta_rs_writes_no_checkpoint_by_itself(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "CHECKPOINT_EVERY", 10**6)
    open_snapshot(storage, CONTRACT)
    table = DeltaTable(storage.table_uri(TABLE))
    for number in range(101):
        table.alter.set_table_description(str(number))
    assert not [name for name in log_names(storage) if "checkpoint" in name]


def test_a_checkpoint_lets_go_of_logs_beyond_the_retention(storage: Storage) -> None:
    uri = storage.table_uri(TABLE)
    for day in "abc":
        load(storage, [(day, "k", 1)], [day])
    write_checkpoint(storage, uri, 3)
    for name in log_names(storage):
        os.utime(f"{log_uri(uri)}/{name}", (0, 0))
    transactions: dict[str, Any] = dict(open_snapshot(storage, CONTRACT).transactions)
    for day in "de":
        transactions[f"p:{day}"] = load(storage, [(day, "k", 1)], [day]).attempt
    write_checkpoint(storage, uri, 5)
    assert f"{0:020d}.json" not in log_names(storage)
    assert f"{2:020d}.json" not in log_names(storage)
    assert [row[0] for row in content(storage)] == list("abcde")
    assert open_snapshot(storage, CONTRACT).transactions == transactions
