"""Broken rows: whatever crashes, those that count belong to what is published."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from contracts.model import Contract
from io_managers import quarantine as quarantining
from io_managers import upkeep
from io_managers.publish import PublishConflict, publish
from io_managers.quarantine import (
    QUARANTINE_SCHEMA,
    QuarantineBusyError,
    QuarantineRejected,
    publish_with_quarantine,
    read_quarantine,
    window_transaction,
)
from io_managers.snapshot import Snapshot, open_snapshot
from io_managers.storage import Storage
from tests.io_managers.publish_support import (
    CONTRACT,
    DAY,
    KEY,
    VALUE,
    Row,
    broken,
    content,
    load,
    make_contract,
    publication,
)

P, W = "p:", "w:"


def load_with(
    storage: Storage, good: list[Row], bad: Sequence[tuple[str, str]], days: list[str], snapshot: Snapshot | None = None
) -> None:
    given = publication(storage, good, days)
    publish_with_quarantine(storage, snapshot or open_snapshot(storage, CONTRACT), given, broken(bad), transaction=P)


def quarantined(storage: Storage, windows: list[str] | None = None) -> list[tuple[str, str]]:
    return sorted(
        (row["_window"], row["_raw"]) for row in read_quarantine(storage, CONTRACT, windows, transaction=P).to_pylist()
    )


def stored(storage: Storage) -> int:
    return DeltaTable(storage.quarantine_uri(CONTRACT.table)).to_pyarrow_table().num_rows


def test_quarantine_is_empty_where_nothing_was_ever_published_or_broken(storage: Storage) -> None:
    assert read_quarantine(storage, CONTRACT).equals(QUARANTINE_SCHEMA.empty_table())
    load_with(storage, [("a", "k", 1)], [], ["a"])
    assert quarantined(storage) == []
    assert not storage.list_files(storage.quarantine_uri(CONTRACT.table), recursive=True)


def test_broken_rows_are_put_aside_with_run_and_rules(storage: Storage) -> None:
    load_with(storage, [("a", "k", 1)], [("a", '{"key": null}')], ["a"])
    rows = read_quarantine(storage, CONTRACT, transaction=P)
    assert rows.schema.equals(QUARANTINE_SCHEMA)
    (row,) = rows.to_pylist()
    attempt = open_snapshot(storage, CONTRACT).transaction("p:a")
    run = row.pop("_run_id")
    assert run.startswith("run-")
    assert row == {"_window": "a", "_attempt": attempt, "_broken_rules": ["a_rule"], "_raw": '{"key": null}'}


def test_running_a_window_again_replaces_its_quarantine_and_no_other(storage: Storage) -> None:
    load_with(storage, [], [("a", "1"), ("b", "1")], ["a", "b"])
    load_with(storage, [], [("a", "2")], ["a"])
    assert quarantined(storage) == [("a", "2"), ("b", "1")]
    assert quarantined(storage, ["b"]) == [("b", "1")]
    load_with(storage, [("a", "k", 1)], [], ["a"])
    assert quarantined(storage) == [("b", "1")]
    assert stored(storage) == 1


def test_a_stream_of_broken_rows_is_put_aside(storage: Storage) -> None:
    table = broken([("a", str(number)) for number in range(10)])
    empty = pa.RecordBatch.from_pylist([], schema=table.schema)
    reader = pa.RecordBatchReader.from_batches(table.schema, [empty, *table.to_batches(max_chunksize=3), empty])
    publish_with_quarantine(
        storage, open_snapshot(storage, CONTRACT), publication(storage, [], ["a"]), reader, transaction=P
    )
    assert len(quarantined(storage)) == 10


def test_windows_with_quotes_are_cleaned(storage: Storage) -> None:
    for text in ("1", "2"):
        load_with(storage, [], [("it's", text)], ["it's"])
    assert quarantined(storage) == [("it's", "2")]
    assert stored(storage) == 1


def test_rows_of_a_window_that_is_not_published_are_refused(storage: Storage) -> None:
    with pytest.raises(QuarantineRejected, match=r"\['b'\]"):
        load_with(storage, [("a", "k", 1)], [("a", "1"), ("b", "1")], ["a"])
    assert content(storage) == []
    assert quarantined(storage) == []


def test_rows_without_a_window_are_refused(storage: Storage) -> None:
    rows = broken([("a", "1")]).set_column(0, "_window", pa.array([None], pa.string()))
    with pytest.raises(QuarantineRejected, match="None"):
        publish_with_quarantine(
            storage, open_snapshot(storage, CONTRACT), publication(storage, [], ["a"]), rows, transaction=P
        )


def test_applied_windows_decide_where_they_are_not_the_storage_partition(storage: Storage) -> None:
    changes = replace(CONTRACT, mode="changes")
    for text in ("1", "2"):
        given = publication(storage, [("a", "k", 1)], ["a"], windows=frozenset({"2026-10-01"}))
        publish_with_quarantine(
            storage, open_snapshot(storage, changes), replace(given, contract=changes), broken([("2026-10-01", text)])
        )
    load(storage, [("a", "k", 2)], ["a"], windows=frozenset({"2026-10-02"}))
    assert [row["_raw"] for row in read_quarantine(storage, changes).to_pylist()] == ["2"]


@pytest.mark.parametrize(
    ("contract", "expected"),
    [
        (make_contract(replace(DAY, type="date"), KEY, VALUE), P),
        (make_contract(replace(DAY, type="date"), KEY, VALUE, mode="changes"), W),
        (make_contract(DAY, KEY, VALUE), W),
    ],
)
def test_the_day_of_a_run_is_recorded_as_partition_only_where_it_is_one(contract: Contract, expected: str) -> None:
    assert window_transaction(contract) == expected


def test_a_rebuild_replaces_the_quarantine_of_all_windows(storage: Storage) -> None:
    load_with(storage, [("a", "k", 1)], [("a", "1"), ("b", "1")], ["a", "b"])
    given = publication(storage, [("a", "k", 1)], ["a"])
    publish_with_quarantine(
        storage,
        open_snapshot(storage, CONTRACT, rebuild=True),
        given,
        broken([("a", "2")]),
        transaction=P,
        whole_table=True,
    )
    assert quarantined(storage) == [("a", "2")]
    assert stored(storage) == 1


def test_the_log_of_a_quarantine_has_checkpoints_without_hint(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHECKPOINT_EVERY", 2)
    for text in "1234":
        load_with(storage, [], [("a", text)], ["a"])
    names = storage.list_files(f"{storage.quarantine_uri(CONTRACT.table)}/_delta_log")
    assert sorted(name for name in names if "checkpoint" in name) == [
        f"{version:020d}.checkpoint.parquet" for version in (2, 4, 6)
    ]
    assert quarantined(storage) == [("a", "4")]


# Crashes and races


class KilledError(Exception):
    """Stands for a process that ends here."""


STEPS: dict[str, tuple[Any, str]] = {
    "before the rows are put aside": (quarantining, "append_quarantined"),
    "before the commit": (quarantining, "publish"),
    "before the cleaning": (quarantining, "remove_superseded"),
    "within the cleaning": (DeltaTable, "delete"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("clean_day", [False, True])
def test_rows_and_quarantine_agree_wherever_a_run_is_killed(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, step: str, clean_day: bool
) -> None:
    old: tuple[list[Row], list[tuple[str, str]]] = ([("a", "g1", 1)], [("a", "b1")])
    new: tuple[list[Row], list[tuple[str, str]]] = (
        [("a", "g2", 2), ("a", "g3", 3)],
        [] if clean_day else [("a", "b2"), ("a", "b3")],
    )
    load_with(storage, *old, ["a"])
    with monkeypatch.context() as killed:

        def die(*_arguments: Any, **_options: Any) -> None:
            raise KilledError

        killed.setattr(*STEPS[step], die)
        with pytest.raises(KilledError):
            load_with(storage, *new, ["a"])
    rows, bad = new if "cleaning" in step else old
    assert (content(storage), quarantined(storage)) == (rows, bad)
    load_with(storage, *new, ["a"])
    assert (content(storage), quarantined(storage)) == new
    assert stored(storage) == len(new[1])


def test_the_broken_rows_of_a_run_that_lost_a_race_do_not_count(storage: Storage) -> None:
    slow, fast = open_snapshot(storage, CONTRACT), open_snapshot(storage, CONTRACT)
    load_with(storage, [("a", "fast", 1)], [("a", "fast")], ["a"], fast)
    with pytest.raises(PublishConflict):
        load_with(storage, [("a", "slow", 1)], [("a", "slow")], ["a"], slow)
    assert (content(storage), quarantined(storage)) == ([("a", "fast", 1)], [("a", "fast")])
    load_with(storage, [], [("a", "next")], ["a"])
    assert quarantined(storage) == [("a", "next")]
    assert stored(storage) == 1


def test_cleaning_leaves_higher_attempts_which_may_be_runs_under_way(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        later = open_snapshot(storage, CONTRACT)
        quarantining.append_quarantined(storage, CONTRACT, broken([("a", "later")]), frozenset({"a"}), 2**62, "later")
        published = publish(*arguments)
        monkeypatch.setattr(quarantining, "publish", publish)
        assert later.version == 0
        return published

    monkeypatch.setattr(quarantining, "publish", meanwhile)
    load_with(storage, [("a", "k", 1)], [("a", "1")], ["a"])
    load_with(storage, [("a", "k", 1)], [("a", "2")], ["a"])
    assert quarantined(storage) == [("a", "2")]
    assert stored(storage) == 2
    publish(storage, open_snapshot(storage, CONTRACT), publication(storage, [], ["a"]), 2**62)
    assert quarantined(storage) == [("a", "later")]


def test_a_cleaning_that_fails_does_not_fail_a_run_that_has_landed(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_with(storage, [], [("a", "1")], ["a"])
    with monkeypatch.context() as failing:

        def conflict(*_arguments: Any, **_options: Any) -> None:
            raise CommitFailedError("overtaken")

        failing.setattr(DeltaTable, "delete", conflict)
        load_with(storage, [], [("a", "2")], ["a"])
    assert quarantined(storage) == [("a", "2")]
    assert stored(storage) == 2
    load_with(storage, [], [("a", "3")], ["a"])
    assert stored(storage) == 1


def test_rows_are_read_again_when_the_table_is_published_meanwhile(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_with(storage, [], [("a", "1")], ["a"])
    read = quarantining._rows_of

    def overtaken(*arguments: Any) -> pa.Table:
        monkeypatch.undo()
        load_with(storage, [], [("a", "2")], ["a"])
        return read(*arguments)

    monkeypatch.setattr(quarantining, "_rows_of", overtaken)
    assert quarantined(storage) == [("a", "2")]


def test_a_quarantine_that_is_never_still_is_busy(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    load_with(storage, [], [("a", "0")], ["a"])
    monkeypatch.setattr(quarantining, "wait_for_others", lambda turn: None)
    read = quarantining._rows_of

    def overtaken(*arguments: Any) -> pa.Table:
        load_with(storage, [], [("a", "1")], ["a"])
        return read(*arguments)

    monkeypatch.setattr(quarantining, "_rows_of", overtaken)
    with pytest.raises(QuarantineBusyError, match="20 times"):
        quarantined(storage)
