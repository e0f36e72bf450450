"""The main paths of staging and publishing, on S3."""

from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from io_managers.commits import read_commits
from io_managers.publish import Publication, PublishConflict, StagedFilesRejected, accepted_files, publish, rebuild
from io_managers.quarantine import publish_with_quarantine, read_quarantine
from io_managers.snapshot import find_snapshot, open_snapshot
from io_managers.staging import stage
from io_managers.storage import Storage
from tests.io_managers.publish_support import (
    AMOUNT,
    CLOCK,
    CONTRACT,
    DAY,
    KEY,
    ODD,
    TABLE,
    VALUE,
    after_commit,
    broken,
    content,
    load,
    make_contract,
    publication,
    race_on,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_publish_conflict_and_rebuild(remote_storage: Storage) -> None:
    assert find_snapshot(remote_storage, TABLE) is None
    stale = open_snapshot(remote_storage, CONTRACT)
    load(remote_storage, [("a", "k", 1), ("b", "k", 1)], ["a", "b"])
    with pytest.raises(PublishConflict):
        load(remote_storage, [("a", "k", 2)], ["a"], stale)
    load(remote_storage, [("c", "k", 3)], ["c"], stale)
    load(remote_storage, [], ["b"])
    assert content(remote_storage) == [("a", "k", 1), ("c", "k", 3)]
    rebuild(
        remote_storage,
        open_snapshot(remote_storage, CONTRACT, rebuild=True),
        publication(remote_storage, [("z", "k", 9)], ["z"]),
    )
    assert content(remote_storage) == [("z", "k", 9)]
    assert [record.version for record in read_commits(remote_storage, TABLE)] == [4, 3, 2, 1]
    assert open_snapshot(remote_storage, make_contract(DAY, KEY, VALUE, AMOUNT)).version == 5


def test_threads_on_a_new_table_lose_nothing(remote_storage: Storage) -> None:
    race_on(remote_storage, workers=4, commits=2)


def test_partition_values_may_have_any_characters(remote_storage: Storage) -> None:
    for turn in (1, 2):
        load(remote_storage, [(value, "k", turn) for value in ODD], ODD)
    assert content(remote_storage) == sorted((value, "k", 2) for value in ODD)


def test_a_file_that_vanished_is_rejected(remote_storage: Storage) -> None:
    given = publication(remote_storage, [("a", "k", 1)], ["a"])
    remote_storage.delete_file(f"{remote_storage.table_uri(TABLE)}/{given.staged[0].files[0].path}")
    with pytest.raises(StagedFilesRejected, match="does not exist"):
        accepted_files(remote_storage, given)


def test_a_commit_that_landed_and_failed_is_found_in_the_log(
    remote_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, snapshot = publication(remote_storage, [("a", "k", 1)], ["a"]), open_snapshot(remote_storage, CONTRACT)
    after_commit(monkeypatch, lambda: OSError("connection reset"))
    assert publish(remote_storage, snapshot, given).version == 1


def test_quarantine_follows_the_published_attempt(remote_storage: Storage) -> None:
    for text in ("1", "2"):
        given = publication(remote_storage, [("a", "k", 1)], ["a"])
        publish_with_quarantine(
            remote_storage, open_snapshot(remote_storage, CONTRACT), given, broken([("a", text)]), transaction="p:"
        )
    assert [row["_raw"] for row in read_quarantine(remote_storage, CONTRACT, transaction="p:").to_pylist()] == ["2"]
    assert DeltaTable(remote_storage.quarantine_uri(TABLE)).to_pyarrow_table().num_rows == 1


def test_the_engine_stages_and_reads_what_is_published(spark: "SparkSession", remote_storage: Storage) -> None:
    values: list[Any] = [*ODD]
    frame = spark.createDataFrame([(value, "k", 1) for value in values], "day string, key string, value bigint")
    staged = stage(frame, remote_storage, TABLE, "run", "step", 0, ["day"])
    given = Publication(
        contract=CONTRACT, run_id="run", step="step", clock=CLOCK, staged=(staged,), replaced=frozenset(values)
    )
    publish(remote_storage, open_snapshot(remote_storage, CONTRACT), given)
    table = spark.read.format("delta").load(remote_storage.engine_path(remote_storage.table_uri(TABLE)))
    assert sorted(row.day for row in table.collect()) == sorted(values)
    assert content(remote_storage) == sorted((value, "k", 1) for value in values)
