"""What publishing promises: one commit or none, and of two runs that touch the same, one."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from contracts.errors import PermanentError, RetryableError
from contracts.model import Column
from io_managers import publish as publishing
from io_managers.commits import read_commits
from io_managers.log import commit_versions, read_actions
from io_managers.publish import (
    Publication,
    PublishConflict,
    PublishOutcomeUnknown,
    StagedFilesRejected,
    accepted_files,
    attempt_id,
    publish,
    rebuild,
)
from io_managers.snapshot import SchemaChangeError, find_snapshot, open_snapshot
from io_managers.staging import Staged, StagedColumn
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
    Row,
    after_commit,
    arrow,
    content,
    load,
    make_contract,
    publication,
    race_on,
    send,
    stage_arrow,
)


def test_a_publish_replaces_exactly_its_partitions(storage: Storage) -> None:
    load(storage, [("a", "k", 1), ("b", "k", 1)], ["a", "b"])
    load(storage, [("a", "k", 2), ("a", "l", 2)], ["a"])
    assert content(storage) == [("a", "k", 2), ("a", "l", 2), ("b", "k", 1)]


def test_a_publish_says_what_it_made(storage: Storage) -> None:
    snapshot = open_snapshot(storage, CONTRACT)
    published = publish(
        storage, snapshot, publication(storage, [("a", "k", 1), ("a", "l", 1), ("b", "k", 1)], ["a", "b", "c"]), 77
    )
    after = open_snapshot(storage, CONTRACT)
    assert (published.version, published.attempt, published.files, published.rows) == (after.version, 77, 2, 3)
    assert after.transactions == {"p:a": 77, "p:b": 77, "p:c": 77}
    assert after.row_count() == 3


def test_an_empty_day_is_recorded_and_empties_its_partition(storage: Storage) -> None:
    load(storage, [("a", "k", 1), ("b", "k", 1)], ["a", "b"])
    published = load(storage, [], ["a"])
    assert content(storage) == [("b", "k", 1)]
    assert open_snapshot(storage, CONTRACT).transaction("p:a") == published.attempt


def test_an_empty_day_of_a_new_table_is_recorded(storage: Storage) -> None:
    published = load(storage, [], ["a"])
    assert content(storage) == []
    assert open_snapshot(storage, CONTRACT).transactions == {"p:a": published.attempt}


def test_a_snapshot_stays_as_it_was_after_its_own_publish(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    snapshot = open_snapshot(storage, CONTRACT)
    load(storage, [("a", "k", 2)], ["a"], snapshot)
    assert snapshot.version == 1
    assert snapshot.delta.to_pyarrow_table()["value"].to_pylist() == [1]


def test_nothing_to_publish_is_an_error(storage: Storage) -> None:
    with pytest.raises(ValueError, match="neither a partition nor a window"):
        publish(storage, open_snapshot(storage, CONTRACT), publication(storage, [], []))


def test_changes_that_changed_nothing_record_their_windows_and_leave_the_table(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    published = load(storage, [], [], windows=frozenset({"2026-10-01"}), read=frozenset({"a"}))
    assert content(storage) == [("a", "k", 1)]
    assert open_snapshot(storage, CONTRACT).transaction("w:2026-10-01") == published.attempt
    assert open_snapshot(storage, CONTRACT).transaction("p:a") != published.attempt


@pytest.mark.parametrize("value", ODD)
def test_partition_values_may_have_any_characters(storage: Storage, value: str) -> None:
    load(storage, [(value, "k", 1), ("other", "k", 1)], [value, "other"])
    load(storage, [(value, "k", 2)], [value])
    assert content(storage) == sorted([(value, "k", 2), ("other", "k", 1)])
    assert open_snapshot(storage, CONTRACT).transaction(f"p:{value}") is not None


def test_all_odd_partitions_are_replaced_together(storage: Storage) -> None:
    for turn in (1, 2):
        load(storage, [(value, "k", turn) for value in ODD], ODD)
    load(storage, [], ODD[::2])
    assert content(storage) == sorted((value, "k", 2) for value in ODD[1::2])


# Races


RACES: dict[str, tuple[list[str], list[str], list[str], str]] = {
    "same partition": (["a", "b"], ["a"], ["a"], "conflict"),
    "same empty partition": ([], ["a"], ["a"], "conflict"),
    "different partitions with files": (["a", "b"], ["a"], ["b"], "lands"),
    "different empty partitions": ([], ["a"], ["b"], "lands"),
    "overlapping partitions": (["a"], ["a", "b"], ["b", "c"], "conflict"),
}


@pytest.mark.parametrize("race", RACES)
@pytest.mark.parametrize("emptied", [False, True])
def test_of_two_writers_of_a_partition_one_wins(storage: Storage, race: str, emptied: bool) -> None:
    before, first, second, expected = RACES[race]
    for day in before:
        load(storage, [(day, "k", 0)], [day])
    stale = open_snapshot(storage, CONTRACT)
    load(storage, [] if emptied else [(day, "k", 1) for day in first], first)
    assert send(storage, [(day, "k", 2) for day in second], second, stale) == expected
    winners = dict.fromkeys(before, 0) | ({} if emptied else dict.fromkeys(first, 1))
    if emptied:
        winners = {day: value for day, value in winners.items() if day not in first}
    if expected == "lands":
        winners |= dict.fromkeys(second, 2)
    assert content(storage) == sorted((day, "k", value) for day, value in winners.items())


def test_of_two_first_writers_of_a_table_both_land_where_they_differ(storage: Storage) -> None:
    one, two = open_snapshot(storage, CONTRACT), open_snapshot(storage, CONTRACT)
    assert send(storage, [("a", "k", 1)], ["a"], one) == "lands"
    assert send(storage, [("b", "k", 2)], ["b"], two) == "lands"
    assert content(storage) == [("a", "k", 1), ("b", "k", 2)]


def test_of_two_first_writers_of_a_partition_of_a_new_table_one_wins(storage: Storage) -> None:
    one, two = open_snapshot(storage, CONTRACT), open_snapshot(storage, CONTRACT)
    assert [send(storage, [("a", "k", 1)], ["a"], one), send(storage, [("a", "k", 2)], ["a"], two)] == [
        "lands",
        "conflict",
    ]


def test_what_was_read_guards_a_key_that_two_runs_bring_to_different_partitions(storage: Storage) -> None:
    one, two = open_snapshot(storage, CONTRACT), open_snapshot(storage, CONTRACT)
    looked_up = frozenset({"a", "b", "c"})
    assert send(storage, [("a", "k", 1)], ["a"], one, read=looked_up) == "lands"
    assert send(storage, [("b", "k", 2)], ["b"], two, read=looked_up) == "conflict"
    assert content(storage) == [("a", "k", 1)]


def test_of_two_appliers_of_a_window_one_wins_though_their_partitions_differ(storage: Storage) -> None:
    stale = open_snapshot(storage, CONTRACT)
    window = frozenset({"2026-10-01"})
    load(storage, [("a", "k", 1)], ["a"], windows=window)
    assert send(storage, [("b", "k", 1)], ["b"], stale, windows=window) == "conflict"
    assert send(storage, [], [], stale, windows=window) == "conflict"
    assert send(storage, [("b", "k", 1)], ["b"], stale, windows=frozenset({"2026-10-02"})) == "lands"


def test_a_rebuild_that_has_not_seen_a_load_conflicts(storage: Storage) -> None:
    load(storage, [("a", "k", 0)], ["a"])
    stale = open_snapshot(storage, CONTRACT, rebuild=True)
    load(storage, [("z", "k", 1)], ["z"])
    with pytest.raises(PublishConflict, match="rebuild must have seen whole"):
        rebuild(storage, stale, publication(storage, [("a", "k", 2)], ["a"]))
    assert content(storage) == [("a", "k", 0), ("z", "k", 1)]


@pytest.mark.parametrize("replaced", [["a"], ["new"]])
def test_a_load_that_has_not_seen_a_rebuild_conflicts(storage: Storage, replaced: list[str]) -> None:
    load(storage, [("a", "k", 0)], ["a"])
    stale = open_snapshot(storage, CONTRACT)
    rebuild(storage, open_snapshot(storage, CONTRACT, rebuild=True), publication(storage, [("a", "k", 1)], ["a"]))
    assert send(storage, [(replaced[0], "k", 2)], replaced, stale) == "conflict"
    assert content(storage) == [("a", "k", 1)]


def test_of_two_rebuilds_one_wins(storage: Storage) -> None:
    one, two = open_snapshot(storage, CONTRACT), open_snapshot(storage, CONTRACT)
    rebuild(storage, one, publication(storage, [("a", "k", 1)], ["a"]))
    with pytest.raises(PublishConflict, match="rebuilt the whole table"):
        rebuild(storage, two, publication(storage, [("b", "k", 2)], ["b"]))
    assert content(storage) == [("a", "k", 1)]


def test_a_conflict_names_both_runs_and_what_they_share(storage: Storage) -> None:
    stale = open_snapshot(storage, CONTRACT)
    load(storage, [("a", "k", 1), ("b", "k", 1)], ["a", "b"], run="the-first")
    with pytest.raises(PublishConflict, match=r"run the-second.*version 1: run the-first.*partition 'a'") as conflict:
        load(storage, [("a", "k", 2)], ["a"], stale, run="the-second")
    assert isinstance(conflict.value, RetryableError)


def test_a_schema_change_since_the_snapshot_conflicts(storage: Storage) -> None:
    stale = open_snapshot(storage, CONTRACT)
    open_snapshot(storage, make_contract(DAY, KEY, VALUE, AMOUNT))
    assert send(storage, [("a", "k", 1)], ["a"], stale) == "conflict"


def test_a_snapshot_that_was_not_opened_for_the_contract_is_refused(storage: Storage) -> None:
    load(storage, [("a", "k", 0)], ["a"])
    contract = make_contract(DAY, KEY, VALUE, AMOUNT)
    staged = stage_arrow(storage, arrow([("a", "k", 1, None)], contract), "run")
    with pytest.raises(ValueError, match="open it by open_snapshot"):
        publish(storage, open_snapshot(storage, contract, rebuild=True), given(staged, contract=contract))
    with pytest.raises(SchemaChangeError, match="'value'"):
        publish(storage, open_snapshot(storage, CONTRACT), given(staged, contract=make_contract(DAY, KEY)))
    assert content(storage) == [("a", "k", 0)]


def test_rows_changed_outside_of_any_publish_since_the_snapshot_conflict(storage: Storage) -> None:
    load(storage, [("a", "k", 1), ("b", "k", 1)], ["a", "b"])
    stale = open_snapshot(storage, CONTRACT)
    DeltaTable(stale.uri).delete("day = 'a'")
    assert send(storage, [("b", "k", 2)], ["b"], stale) == "conflict"


def test_a_compaction_since_the_snapshot_does_not_conflict(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    given = publication(storage, [("b", "k", 1)], ["b"])
    more = stage_arrow(storage, arrow([("b", "l", 1)]), given.run_id, step="more")
    publish(storage, open_snapshot(storage, CONTRACT), replace(given, staged=(*given.staged, more)))
    stale = open_snapshot(storage, CONTRACT)
    assert DeltaTable(stale.uri).optimize.compact()["numFilesRemoved"] == 2
    assert send(storage, [("b", "k", 2)], ["b"], stale) == "lands"
    assert content(storage) == [("a", "k", 1), ("b", "k", 2)]


def test_a_publish_gives_up_when_others_always_come_first(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    given, snapshot = publication(storage, [("a", "k", 1)], ["a"]), open_snapshot(storage, CONTRACT)
    monkeypatch.setattr(publishing, "wait_for_others", lambda turn: None)
    commit = DeltaTable.create_write_transaction

    def overtaken(table: DeltaTable, *arguments: Any, **options: Any) -> None:
        with monkeypatch.context() as inner:
            inner.setattr(DeltaTable, "create_write_transaction", commit)
            load(storage, [("other", "k", 1)], ["other"])
        commit(table, *arguments, **options)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", overtaken)
    with pytest.raises(PublishConflict, match="gave up after 20 commits"):
        publish(storage, snapshot, given)
    assert content(storage) == [("other", "k", 1)]


def test_eight_threads_on_a_new_table_lose_nothing(storage: Storage) -> None:
    race_on(storage, workers=8, commits=5)


# Outcomes


class KilledError(Exception):
    """Stands for a process that ends here, or a connection that breaks here."""


@pytest.mark.parametrize(
    "failure", [OSError("connection reset"), CommitFailedError("version 1 already exists"), KilledError()]
)
@pytest.mark.parametrize("whole_table", [False, True])
def test_a_commit_that_landed_and_failed_is_found_in_the_log(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, failure: Exception, whole_table: bool
) -> None:
    load(storage, [("a", "k", 0)], ["a"])
    given, snapshot = publication(storage, [("a", "k", 1)], ["a"]), open_snapshot(storage, CONTRACT)
    after_commit(monkeypatch, lambda: failure)
    published = (rebuild if whole_table else publish)(storage, snapshot, given)
    assert published.version == 2
    assert find_snapshot(storage, TABLE).version == 2  # type: ignore[union-attr]
    assert content(storage) == [("a", "k", 1)]


def test_a_commit_that_landed_is_found_below_the_commits_of_others(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, snapshot = publication(storage, [("a", "k", 1)], ["a"]), open_snapshot(storage, CONTRACT)
    commit = DeltaTable.create_write_transaction

    def landed_overtaken_and_failed(table: DeltaTable, *arguments: Any, **options: Any) -> None:
        commit(table, *arguments, **options)
        monkeypatch.undo()
        load(storage, [("a", "k", 2)], ["a"])
        raise OSError("connection reset")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", landed_overtaken_and_failed)
    assert publish(storage, snapshot, given).version == 1
    assert content(storage) == [("a", "k", 2)]


def test_a_commit_that_did_not_land_is_sent_again(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    given, snapshot = publication(storage, [("a", "k", 1)], ["a"]), open_snapshot(storage, CONTRACT)
    commit, failures = DeltaTable.create_write_transaction, [OSError("connection refused")]

    def failing_once(table: DeltaTable, *arguments: Any, **options: Any) -> None:
        if failures:
            raise failures.pop()
        commit(table, *arguments, **options)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", failing_once)
    assert publish(storage, snapshot, given).version == 1
    assert content(storage) == [("a", "k", 1)]


def test_a_commit_that_never_lands_fails_as_it_failed(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    given, snapshot = publication(storage, [("a", "k", 1)], ["a"]), open_snapshot(storage, CONTRACT)

    def refused(*_arguments: Any, **_options: Any) -> None:
        raise OSError("access denied")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", refused)
    with pytest.raises(OSError, match="access denied") as failure:
        publish(storage, snapshot, given)
    assert "did not land" in failure.value.__notes__[0]
    assert content(storage) == []


def test_an_outcome_that_cannot_be_looked_up_is_unknown_and_keeps_the_files(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, snapshot = publication(storage, [("a", "k", 1)], ["a"]), open_snapshot(storage, CONTRACT)
    after_commit(monkeypatch, lambda: OSError("connection reset"))
    with monkeypatch.context() as unreachable:

        def cut(*_arguments: Any) -> None:
            raise OSError("no route to host")

        unreachable.setattr(publishing, "read_actions", cut)
        with pytest.raises(PublishOutcomeUnknown, match="can't be told") as unknown:
            publish(storage, snapshot, given)
    assert isinstance(unknown.value, RetryableError)
    assert content(storage) == [("a", "k", 1)]
    load(storage, [("a", "k", 1)], ["a"])
    assert content(storage) == [("a", "k", 1)]


STEPS = {
    "before the self-check": (publishing, "accepted_files"),
    "before the attempt is chosen": (publishing, "attempt_id"),
    "before the commit": (DeltaTable, "create_write_transaction"),
    "after the commit": (publishing, "checkpoint_if_due"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_publish_changes_nothing_or_everything_and_can_be_repeated(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    load(storage, [("a", "old", 0), ("b", "old", 0)], ["a", "b"])
    rows: list[Row] = [("a", "new", 1), ("b", "new", 1)]
    with monkeypatch.context() as killed:

        def die(*_arguments: Any, **_options: Any) -> None:
            raise KilledError

        killed.setattr(*STEPS[step], die)
        with pytest.raises(KilledError):
            load(storage, rows, ["a", "b"])
    assert content(storage) == (rows if step == "after the commit" else [("a", "old", 0), ("b", "old", 0)])
    load(storage, rows, ["a", "b"])
    assert content(storage) == rows


# Self-check


def staged_as(
    storage: Storage, table: pa.Table, *, partition_by: tuple[str, ...] = ("day",), run: str = "run"
) -> Staged:
    return stage_arrow(storage, table, run, partition_by=partition_by)


def given(staged: Staged, **more: Any) -> Publication:
    values: dict[str, Any] = {
        "contract": CONTRACT,
        "run_id": "run",
        "step": "step",
        "clock": CLOCK,
        "staged": (staged,),
        "replaced": frozenset({"a"}),
        **more,
    }
    return Publication(**values)


WRONG: dict[str, tuple[dict[str, pa.Array], str]] = {
    "a type": (
        {"day": pa.array(["a"]), "key": pa.array(["k"]), "value": pa.array(["1"])},
        "column 'value' is string, the contract says bigint",
    ),
    "a narrower type": (
        {"day": pa.array(["a"]), "key": pa.array(["k"]), "value": pa.array([1], pa.int32())},
        "column 'value' is int, the contract says bigint",
    ),
    "a missing column": ({"day": pa.array(["a"]), "key": pa.array(["k"])}, r"column 'value' \(bigint\) is missing"),
    "an extra column": (
        {"day": pa.array(["a"]), "key": pa.array(["k"]), "value": pa.array([1]), "more": pa.array([1])},
        "column 'more' is not in the contract",
    ),
    "a null in a required column": (
        {"day": pa.array(["a", "a"]), "key": pa.array(["k", None]), "value": pa.array([1, 1])},
        "required column 'key' is null in 1 rows",
    ),
    "a null partition value": (
        {"day": pa.array([None], pa.string()), "key": pa.array(["k"]), "value": pa.array([1])},
        "without a value of the partition column 'day'",
    ),
    "another partition": (
        {"day": pa.array(["b"]), "key": pa.array(["k"]), "value": pa.array([1])},
        "partition 'b', which the publication does not replace",
    ),
    "a flag within files": (
        {"day": pa.array(["a"]), "key": pa.array(["k"]), "value": pa.array([1]), "_ok": pa.array([True])},
        "'_ok' as a column within files",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_as_the_contract_says_is_rejected(storage: Storage, wrong: str) -> None:
    load(storage, [("a", "old", 0)], ["a"])
    columns, message = WRONG[wrong]
    staged = staged_as(storage, pa.table(columns))
    with pytest.raises(StagedFilesRejected, match=message) as rejected:
        publish(storage, open_snapshot(storage, CONTRACT), given(staged))
    assert isinstance(rejected.value, PermanentError)
    with pytest.raises(StagedFilesRejected, match=message):
        rebuild(storage, open_snapshot(storage, CONTRACT), given(staged))
    assert content(storage) == [("a", "old", 0)]


def test_a_stage_without_files_is_checked_too(storage: Storage) -> None:
    empty = pa.table({"day": pa.array([], pa.string()), "key": pa.array([], pa.string())})
    with pytest.raises(StagedFilesRejected, match="'value'"):
        publish(storage, open_snapshot(storage, CONTRACT), given(staged_as(storage, empty)))


@pytest.mark.parametrize("partition_by", [("key",), ("day", "key"), ()])
def test_another_partitioning_is_rejected(storage: Storage, partition_by: tuple[str, ...]) -> None:
    staged = staged_as(storage, arrow([("a", "k", 1)]), partition_by=partition_by)
    with pytest.raises(StagedFilesRejected, match="partitioned by"):
        accepted_files(storage, given(staged))


def test_a_file_that_vanished_is_rejected(storage: Storage) -> None:
    staged = staged_as(storage, arrow([("a", "k", 1)]))
    storage.delete_file(f"{storage.table_uri(TABLE)}/{staged.files[0].path}")
    with pytest.raises(StagedFilesRejected, match="does not exist"):
        accepted_files(storage, given(staged))


def test_a_file_that_was_cut_is_rejected(storage: Storage) -> None:
    staged = staged_as(storage, arrow([("a", "k", 1)]))
    with open(f"{storage.table_uri(TABLE)}/{staged.files[0].path}", "wb") as file:  # noqa: PTH123
        file.write(b"PAR1")
    with pytest.raises(StagedFilesRejected, match="has 4 bytes, its log says"):
        accepted_files(storage, given(staged))


def test_a_stage_given_twice_is_rejected(storage: Storage) -> None:
    staged = staged_as(storage, arrow([("a", "k", 1)]))
    with pytest.raises(StagedFilesRejected, match="given twice"):
        accepted_files(storage, replace(given(staged), staged=(staged, staged)))


def test_nulls_are_counted_in_the_file_where_statistics_say_nothing(storage: Storage) -> None:
    for run, key in (("good", "k"), ("bad", None)):
        staged = staged_as(
            storage, pa.table({"day": ["a"], "key": pa.array([key], pa.string()), "value": [1]}), run=run
        )
        silent = replace(staged, files=tuple(replace(file, stats={"numRecords": 1}) for file in staged.files))
        if key:
            assert len(accepted_files(storage, given(silent))) == 1
        else:
            with pytest.raises(StagedFilesRejected, match="required column 'key' is null in 1 rows"):
                accepted_files(storage, given(silent))


def test_many_problems_are_named_up_to_ten(storage: Storage) -> None:
    rows: list[Row] = [(f"p{number:02}", "k", 1) for number in range(12)]
    with pytest.raises(StagedFilesRejected, match="and 2 more"):
        publish(storage, open_snapshot(storage, CONTRACT), publication(storage, rows, ["a"]))


def test_only_rows_that_are_ok_are_published_and_technical_columns_stay_behind(storage: Storage) -> None:
    rows = pa.table(
        {
            "day": ["a", "a", None],
            "key": ["good", "bad", None],
            "value": [1, 2, 3],
            "_broken_rules": pa.array([None, ["r"], ["r"]]),
            "_raw": pa.array([None, "{}", "{}"]),
            "_ok": [True, False, False],
        }
    )
    staged = staged_as(storage, rows, partition_by=("day", "_ok"))
    assert (staged.rows(), staged.rows(ok=True), staged.rows(ok=False)) == (3, 1, 2)
    published = publish(storage, open_snapshot(storage, CONTRACT), given(staged))
    assert (published.files, published.rows) == (1, 1)
    assert content(storage) == [("a", "good", 1)]
    add = next(
        action["add"]
        for action in read_actions(storage, storage.table_uri(TABLE), published.version)
        if "add" in action
    )
    assert add["partitionValues"] == {"day": "a"}
    assert set(json.loads(add["stats"])["nullCount"]) == {"key", "value"}


def test_statistics_are_published_without_bounds_of_decimals(storage: Storage) -> None:
    contract = make_contract(
        DAY, KEY, VALUE, AMOUNT, Column("nested", "struct<number:int,money:decimal(18,2)>", "Both.")
    )
    money = Decimal("12345678901234567.89")
    staged = staged_as(storage, arrow([("a", "k", 1, money, {"number": 1, "money": Decimal("1.00")})], contract))
    assert "amount" in staged.files[0].stats["minValues"]
    stats = accepted_files(storage, given(staged, contract=contract))[0].stats
    for bounds in (stats["minValues"], stats["maxValues"]):
        assert bounds == {"key": "k", "value": 1, "nested": {"number": 1}}
    assert stats["numRecords"] == 1
    assert stats["nullCount"]["amount"] == 0


# Rebuild, hashes, chunks, metadata


def test_a_rebuild_replaces_the_table_and_records_everything_known_anew(storage: Storage) -> None:
    load(storage, [("a", "k", 0), ("b", "k", 0)], ["a", "b"], windows=frozenset({"2026-10-01"}))
    load(storage, [], ["empty"])
    given_ = publication(storage, [("a", "k", 1), ("c", "k", 1)], ["a", "c"], windows=frozenset({"2026-10-02"}))
    published = rebuild(storage, open_snapshot(storage, CONTRACT, rebuild=True), given_)
    assert content(storage) == [("a", "k", 1), ("c", "k", 1)]
    names = ("epoch", "p:a", "p:b", "p:c", "p:empty", "w:2026-10-01", "w:2026-10-02")
    assert open_snapshot(storage, CONTRACT).transactions == dict.fromkeys(names, published.attempt)
    record = next(read_commits(storage, TABLE))
    assert record.rebuild
    assert record.partitions == {"a", "b", "c", "empty"}


def test_a_rebuild_to_nothing_empties_the_table(storage: Storage) -> None:
    load(storage, [("a", "k", 0)], ["a"])
    rebuild(storage, open_snapshot(storage, CONTRACT, rebuild=True), publication(storage, [], []))
    assert content(storage) == []


def test_a_rebuild_brings_the_schema_that_a_publish_may_not(storage: Storage) -> None:
    load(storage, [("a", "k", 0)], ["a"])
    contract = make_contract(DAY, KEY, replace(VALUE, type="string"), replace(AMOUNT, required=True), version="2.0.0")
    with pytest.raises(SchemaChangeError):
        open_snapshot(storage, contract)
    staged = stage_arrow(storage, arrow([("a", "k", "one", Decimal("1.00"))], contract), "rebuild")
    rebuild(storage, open_snapshot(storage, contract, rebuild=True), given(staged, contract=contract))
    assert content(storage) == [("a", "k", "one", Decimal("1.00"))]
    assert open_snapshot(storage, contract).delta.metadata().configuration["delta.checkpointInterval"] == "1000000000"


def test_content_hashes_tell_what_a_publish_replaces(storage: Storage) -> None:
    load(storage, [("a", "k", 1), ("b", "k", 1)], ["a", "b", "c"], content_hashes={"a": 2**63 - 1, "b": 0})
    snapshot = open_snapshot(storage, CONTRACT)
    assert [snapshot.content_hash(day) for day in "abcd"] == [2**63 - 1, 0, 0, None]
    load(storage, [], ["a"], content_hashes={})
    assert open_snapshot(storage, CONTRACT).content_hash("a") == 0


def test_a_publish_without_hashes_makes_a_known_hash_unknown(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"], content_hashes={"a": 5})
    load(storage, [("a", "k", 2)], ["a"])
    assert open_snapshot(storage, CONTRACT).content_hash("a") is None


def test_a_rebuild_gives_emptied_partitions_the_hash_of_nothing(storage: Storage) -> None:
    load(storage, [("a", "k", 1), ("b", "k", 1)], ["a", "b"], content_hashes={"a": 5, "b": 6})
    rebuild(
        storage, open_snapshot(storage, CONTRACT), publication(storage, [("a", "k", 1)], ["a"], content_hashes={"a": 7})
    )
    snapshot = open_snapshot(storage, CONTRACT)
    assert (snapshot.content_hash("a"), snapshot.content_hash("b")) == (7, 0)


@pytest.mark.parametrize("hashes", [{}, {"a": -1}, {"a": 2**63}])
def test_a_partition_with_rows_needs_a_proper_hash(storage: Storage, hashes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"\['a'\]"):
        load(storage, [("a", "k", 1)], ["a"], content_hashes=hashes)


def test_hashes_are_no_attempts(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"], content_hashes={"a": 2**63 - 1})
    assert attempt_id(open_snapshot(storage, CONTRACT)) < 2**62


def test_attempts_rise_also_when_the_clock_is_behind_and_differ_between_racing_runs(storage: Storage) -> None:
    ahead = 2**62
    publish(storage, open_snapshot(storage, CONTRACT), publication(storage, [], ["a"]), ahead)
    snapshot = open_snapshot(storage, CONTRACT)
    attempts = [attempt_id(snapshot) for _ in range(20)]
    assert min(attempts) > ahead
    assert len(set(attempts)) > 1


def test_several_stages_are_published_in_one_commit(storage: Storage) -> None:
    first = publication(storage, [("a", "k", 1)], ["a", "b"])
    second = stage_arrow(storage, arrow([("a", "l", 1), ("b", "k", 1)]), first.run_id, step="second")
    published = publish(storage, open_snapshot(storage, CONTRACT), replace(first, staged=(*first.staged, second)))
    assert (published.files, published.rows, published.version) == (3, 3, 1)
    assert content(storage) == [("a", "k", 1), ("a", "l", 1), ("b", "k", 1)]


def test_a_commit_tells_what_it_rests_on(storage: Storage) -> None:
    published = load(
        storage, [("a", "k", 1)], ["a", "b"], run="the-run", windows=frozenset({"2026-10-01"}), inputs={"bronze/things": 7},
        touched=frozenset({dt.date(2026, 9, 30), dt.date(2026, 10, 1)}), counts={"read": 3, "published": 1},
    )  # fmt: skip
    record = next(read_commits(storage, TABLE))
    assert (record.version, record.attempt, record.run_id, record.step) == (
        published.version,
        published.attempt,
        "the-run",
        "step",
    )
    assert (record.asset, record.contract_version, record.rebuild) == (TABLE, "1.0.0", False)
    assert (record.partitions, record.windows) == ({"a", "b"}, {"2026-10-01"})
    assert (record.inputs, record.counts) == ({"bronze/things": 7}, {"read": 3, "published": 1})
    assert record.touched == {dt.date(2026, 9, 30), dt.date(2026, 10, 1)}
    assert record.clock == CLOCK
    info = next(
        action["commitInfo"]
        for action in read_actions(storage, storage.table_uri(TABLE), record.version)
        if "commitInfo" in action
    )
    assert isinstance(info["lakehouse"], str)


def test_a_publish_is_one_version(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    assert commit_versions(storage, storage.table_uri(TABLE)) == [0, 1]


def test_a_date_partition_is_replaced_like_a_text(storage: Storage) -> None:
    contract = make_contract(replace(DAY, type="date"), KEY, VALUE)
    for value in (1, 2):
        staged = stage_arrow(storage, arrow([(dt.date(2026, 10, 1), "k", value)], contract), f"run-{value}")
        publish(
            storage,
            open_snapshot(storage, contract),
            given(staged, contract=contract, replaced=frozenset({"2026-10-01"}), run_id=f"run-{value}"),
        )
    assert content(storage) == [(dt.date(2026, 10, 1), "k", 2)]


def test_vacuum_removes_what_was_staged_and_never_published(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    abandoned = staged_as(
        storage,
        pa.table({"day": ["a"], "key": ["x"], "value": [1], "_ok": [False]}),
        partition_by=("day", "_ok"),
        run="abandoned",
    )
    table = DeltaTable(storage.table_uri(TABLE))
    removed = table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
    assert any(abandoned.relative_path in path for path in removed)
    assert content(storage) == [("a", "k", 1)]


def test_columns_of_stages_are_read_in_the_spelling_of_contracts(storage: Storage) -> None:
    nested = pa.array(
        [[{"a": 1, "b": {"k": Decimal("1.00")}}]],
        pa.list_(pa.struct([("a", pa.int64()), ("b", pa.map_(pa.string(), pa.decimal128(9, 2)))])),
    )
    staged = staged_as(
        storage,
        pa.table({"day": ["a"], "n": nested, "t": pa.array([0], pa.timestamp("us")), "i": pa.array([1], pa.int32())}),
    )
    assert staged.columns == (
        StagedColumn("day", "string", nullable=True),
        StagedColumn("n", "array<struct<a:bigint,b:map<string,decimal(9,2)>>>", nullable=True),
        StagedColumn("t", "timestamp_ntz", nullable=True),
        StagedColumn("i", "int", nullable=True),
    )


def test_deltalake_would_accept_what_the_self_check_rejects(tmp_path: Any) -> None:
    """Why the self-check exists: if this fails, delta-rs has learned to check."""
    write_deltalake(str(tmp_path / "t"), pa.table({"a": [1]}))
    table = DeltaTable(str(tmp_path / "t"))
    table.create_write_transaction([], mode="overwrite", schema=pa.schema([("a", pa.string())]))
    assert str(DeltaTable(str(tmp_path / "t")).schema().fields[0].type) == 'PrimitiveType("string")'
