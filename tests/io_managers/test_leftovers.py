"""Leftovers: what dead runs staged goes when it is old, what was replaced goes when no version needs it, and nothing else does."""

import datetime as dt
import os
from pathlib import Path

import pytest
from deltalake import DeltaTable

from io_managers import leftovers
from io_managers.leftovers import Leftovers, remove_leftovers, remove_probes
from io_managers.quarantine import publish_with_quarantine, read_quarantine
from io_managers.shared_storage import PROBE
from io_managers.snapshot import open_snapshot
from io_managers.storage import Storage
from tests.io_managers.publish_support import (
    CONTRACT,
    ODD,
    TABLE,
    arrow,
    broken,
    content,
    load,
    new_run,
    publication,
    stage_arrow,
)

DAY = dt.timedelta(days=1)


def age(folder: str, days: float) -> None:
    """Makes all files below a folder so old, logs included."""
    then = (dt.datetime.now(dt.UTC) - days * DAY).timestamp()
    for path in Path(folder).rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def remove(storage: Storage, *, keep: bool = False) -> list[Leftovers]:
    found = remove_leftovers(storage, CONTRACT, dt.datetime.now(dt.UTC), keep=keep)
    return [one for one in found if one.files]


def files(storage: Storage) -> set[str]:
    return set(storage.list_files(storage.table_uri(TABLE), recursive=True))


def rows_of(storage: Storage) -> set[str]:
    return {path for path in files(storage) if path.endswith(".parquet")}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be old."""
    monkeypatch.setattr(leftovers, "ABANDONED_DAYS", 0)
    monkeypatch.setattr(leftovers, "kept_days", lambda contract: 0)


def test_what_a_dead_run_staged_goes_after_a_week_and_what_is_published_stays(storage: Storage) -> None:
    load(storage, [(value, "k", 1) for value in ODD], ODD)
    published = rows_of(storage)
    stage_arrow(storage, arrow([(value, "k", 2) for value in ODD]), "dead")
    table = storage.table_uri(TABLE)
    before = files(storage)
    age(table, 6.9)
    assert remove(storage) == []
    age(table, 7.1)
    [found] = remove(storage, keep=True)
    staged_logs = 2
    assert (found.uri, found.files) == (table, len(ODD) + staged_logs)
    assert files(storage) == before
    assert remove(storage) == [found]
    assert rows_of(storage) == published
    assert not Path(table, "data/dead").exists()
    assert content(storage) == sorted((value, "k", 1) for value in ODD)
    assert DeltaTable(table).version() == 1
    assert remove(storage) == []


def test_of_a_run_that_published_only_what_it_left_beside_goes(storage: Storage) -> None:
    run = new_run()
    load(storage, [("a", "k", 1)], ["a"], run=run)
    published = rows_of(storage)
    stage_arrow(storage, arrow([("b", "k", 1)]), run, step="another")
    age(storage.table_uri(TABLE), 8)
    assert remove(storage)
    assert rows_of(storage) == published
    assert content(storage) == [("a", "k", 1)]


def test_what_was_replaced_stays_as_long_as_its_version_can_be_read(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (1, 2):
        load(storage, [("a", "k", value)], ["a"])
    age(storage.table_uri(TABLE), 50)
    remove(storage)
    older = DeltaTable(storage.table_uri(TABLE), version=1).to_pyarrow_table().to_pylist()
    assert [row["value"] for row in older] == [1]
    monkeypatch.setattr(leftovers, "kept_days", lambda contract: 0)
    assert [one.files for one in remove(storage)] == [1]
    assert content(storage) == [("a", "k", 2)]


@pytest.mark.usefixtures("at_once")
def test_quarantine_keeps_what_belongs_to_what_is_published(storage: Storage) -> None:
    for attempt in (1, 2):
        publish_with_quarantine(
            storage,
            open_snapshot(storage, CONTRACT),
            publication(storage, [("a", "k", attempt)], ["a"]),
            broken([("a", f"raw {attempt}")]),
            attempt=attempt,
            transaction="p:",
        )
    found = {one.uri: one.files for one in remove(storage)}
    assert found[storage.quarantine_uri(TABLE)] == 1
    assert [row["_raw"] for row in read_quarantine(storage, CONTRACT, transaction="p:").to_pylist()] == ["raw 2"]


@pytest.mark.usefixtures("at_once")
def test_on_s3_the_same_goes_and_stays(remote_storage: Storage) -> None:
    load(remote_storage, [(value, "k", 1) for value in ODD], ODD)
    published = rows_of(remote_storage)
    stage_arrow(remote_storage, arrow([(value, "k", 2) for value in ODD]), "dead")
    [found] = remove(remote_storage)
    assert found.size > 0
    assert rows_of(remote_storage) == published
    assert not [path for path in files(remote_storage) if path.startswith("data/dead")]
    assert content(remote_storage) == sorted((value, "k", 1) for value in ODD)


def test_a_table_that_was_never_loaded_has_nothing_to_remove(storage: Storage) -> None:
    assert remove(storage) == []


def test_old_probes_of_engines_go(storage: Storage) -> None:
    for name in ("old", "new"):
        storage.create_folder(f"{storage.root}/{PROBE}{name}/_delta_log")
        storage.write_bytes(f"{storage.root}/{PROBE}{name}/_delta_log/0.json", b"{}")
    age(f"{storage.root}/{PROBE}old", 8)
    assert sum(one.files for one in remove_probes(storage, dt.datetime.now(dt.UTC))) == 1
    assert storage.list_folders(storage.root) == [f"{PROBE}new"]
