"""What logs of real publishes say of a table's days."""

import datetime as dt
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.model import Column, Contract
from io_managers import table_state as states
from io_managers.commits import CommitRecord
from io_managers.log import commit_versions
from io_managers.publish import Publication, Published, publish, rebuild
from io_managers.snapshot import open_snapshot
from io_managers.staleness import Load, TableState, Touch
from io_managers.storage import Storage
from io_managers.table_state import StateReader
from tests.io_managers.publish_support import CLOCK, KEY, TABLE, VALUE, arrow, make_contract, new_run, stage_arrow

CONTRACT = make_contract(Column("day", "date", "The day.", required=True), KEY, VALUE)
CHANGES = replace(CONTRACT, table="silver/changed", mode="changes")
CONTRACTS: Mapping[str, Contract] = {TABLE: CONTRACT, CHANGES.table: CHANGES}
FIRST, SECOND, THIRD = (dt.date(2026, 10, day) for day in (1, 2, 3))
LATER = CLOCK + dt.timedelta(days=1)


def state(storage: Storage, table: str = TABLE) -> TableState:
    return StateReader(storage, CONTRACTS).states()[table]


def publication(storage: Storage, rows: list[tuple[str, str, int]], days: list[str], **more: Any) -> Publication:
    run = new_run()
    typed = arrow([(dt.date.fromisoformat(day), key, value) for day, key, value in rows], CONTRACT)
    given = {"clock": CLOCK, "staged": (stage_arrow(storage, typed, run),), "replaced": frozenset(days), **more}
    return Publication(contract=CONTRACT, run_id=run, step="step", **given)


def load(storage: Storage, rows: list[tuple[str, str, int]], days: list[str], **more: Any) -> Published:
    """Publishes rows as the content of some days."""
    return publish(storage, open_snapshot(storage, CONTRACT), publication(storage, rows, days, **more))


def apply_windows(storage: Storage, *windows: dt.date, **more: object) -> int:
    """Publishes changes that change no row."""
    given = Publication(
        contract=CHANGES, run_id=f"run-{windows[0]}", step="step", clock=CLOCK,
        windows=frozenset(str(window) for window in windows), **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return publish(storage, open_snapshot(storage, CHANGES), given).version


def test_a_table_that_was_never_created_has_no_days(storage: Storage) -> None:
    assert StateReader(storage, CONTRACTS).states() == {TABLE: TableState(), CHANGES.table: TableState()}
    assert not Path(storage.table_uri(TABLE)).exists()


def test_a_table_that_was_only_created_has_no_days(storage: Storage) -> None:
    open_snapshot(storage, CONTRACT)
    assert state(storage) == TableState()


def test_a_day_is_loaded_by_the_last_commit_that_replaced_it(storage: Storage) -> None:
    one = load(storage, [("2026-10-01", "k", 1), ("2026-10-02", "k", 1)], ["2026-10-01", "2026-10-02"], inputs={"b": 3}, touched=frozenset({FIRST, SECOND})).version  # fmt: skip
    two = load(storage, [("2026-10-02", "k", 2)], ["2026-10-02"], inputs={"b": 5}, clock=LATER).version
    assert state(storage) == TableState(
        loaded=frozenset({FIRST, SECOND}),
        loads={FIRST: Load(one, CLOCK, {"b": 3}), SECOND: Load(two, LATER, {"b": 5})},
        touches=(Touch(one, frozenset({FIRST, SECOND})),),
    )


def test_a_day_without_rows_is_loaded(storage: Storage) -> None:
    load(storage, [], ["2026-10-01"])
    assert state(storage).loaded == {FIRST}


def test_the_days_of_changes_are_their_windows_and_not_the_partitions_they_touch(storage: Storage) -> None:
    replaced = frozenset({str(FIRST)})
    version = apply_windows(storage, SECOND, THIRD, replaced=replaced, touched=frozenset({FIRST}), inputs={"b": 1})
    assert state(storage, CHANGES.table) == TableState(
        loaded=frozenset({SECOND, THIRD}),
        loads=dict.fromkeys((SECOND, THIRD), Load(version, CLOCK, {"b": 1})),
        touches=(Touch(version, frozenset({FIRST})),),
    )


def test_a_rebuild_loads_every_day_that_was_known_before(storage: Storage) -> None:
    load(storage, [("2026-10-01", "k", 1)], ["2026-10-01"], inputs={"b": 1})
    load(storage, [], ["2026-10-03"], inputs={"b": 2})
    given = publication(storage, [("2026-10-02", "k", 1)], ["2026-10-02"], inputs={"b": 9}, clock=LATER, touched=frozenset({FIRST, SECOND}))  # fmt: skip
    version = rebuild(storage, open_snapshot(storage, CONTRACT), given).version
    found = state(storage)
    assert found.loaded == {FIRST, SECOND, THIRD}
    assert dict(found.loads) == dict.fromkeys((FIRST, SECOND, THIRD), Load(version, LATER, {"b": 9}))
    assert found.touches == (Touch(version, frozenset({FIRST, SECOND})),)


def test_a_rebuild_loads_every_window_that_was_known_before(storage: Storage) -> None:
    apply_windows(storage, FIRST)
    given = Publication(contract=CHANGES, run_id="again", step="step", clock=LATER, windows=frozenset({"2026-10-02"}))
    version = rebuild(storage, open_snapshot(storage, CHANGES), given).version
    assert dict(state(storage, CHANGES.table).loads) == dict.fromkeys((FIRST, SECOND), Load(version, LATER, {}))


def test_days_outlive_the_commits_that_the_log_has_lost(storage: Storage) -> None:
    load(storage, [("2026-10-01", "k", 1)], ["2026-10-01"], touched=frozenset({FIRST}))
    snapshot = open_snapshot(storage, CONTRACT)
    snapshot.delta.create_checkpoint()
    last = load(storage, [("2026-10-02", "k", 1)], ["2026-10-02"], touched=frozenset({SECOND})).version
    for version in commit_versions(storage, snapshot.uri)[:-1]:
        Path(f"{snapshot.uri}/_delta_log/{version:020d}.json").unlink()
    found = state(storage)
    assert found.loaded == {FIRST, SECOND}
    assert set(found.loads) == {SECOND}
    assert found.touches == (Touch(last, frozenset({SECOND})),)


def test_a_table_that_did_not_move_on_is_not_read_again(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    load(storage, [], ["2026-10-01"])
    apply_windows(storage, FIRST)
    read: list[str] = []
    read_commits = states.read_commits

    def watched(storage: Storage, table: str, *versions: int) -> Iterator[CommitRecord]:
        for commit in read_commits(storage, table, *versions):
            read.append(f"{table} {commit.version}")
            yield commit

    monkeypatch.setattr(states, "read_commits", watched)
    reader = StateReader(storage, CONTRACTS)
    before = reader.states()
    assert reader.states() == before
    assert sorted(read) == [f"{CHANGES.table} 1", f"{TABLE} 1"]
    load(storage, [], ["2026-10-02"])
    after = reader.states()
    assert after == StateReader(storage, CONTRACTS).states()
    assert after[TABLE].loaded == {FIRST, SECOND}
    assert after[CHANGES.table] == before[CHANGES.table]
    assert read[2:3] == [f"{TABLE} 2"], "of the log, what is new"


def test_logs_of_several_tables_are_read_at_the_same_time(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    find = states.find_snapshot
    all_ask = threading.Barrier(len(CONTRACTS), timeout=30)

    def waiting(storage: Storage, table: str) -> Any:
        """Answers when all tables were asked for, as storage does whose answers take long."""
        all_ask.wait()
        return find(storage, table)

    load(storage, [("2026-10-01", "k", 1)], ["2026-10-01"])
    monkeypatch.setattr(states, "find_snapshot", waiting)
    assert state(storage).loaded == {FIRST}


def test_a_table_that_was_removed_and_made_anew_is_read_from_its_beginning(storage: Storage) -> None:
    reader = StateReader(storage, CONTRACTS)
    load(storage, [], ["2026-10-01"])
    assert reader.states()[TABLE].loaded == {FIRST}
    storage.delete_folder(storage.table_uri(TABLE))
    assert reader.states()[TABLE] == TableState()
    load(storage, [], ["2026-10-02"])
    assert reader.states()[TABLE].loaded == reader.states()[TABLE].loads.keys() == {SECOND}
    storage.delete_folder(storage.table_uri(TABLE))
    load(storage, [], ["2026-10-03"])
    assert reader.states()[TABLE].loads.keys() == {THIRD}


def test_a_change_is_dated_by_its_commit_and_by_the_runs_clock(storage: Storage) -> None:
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    load(storage, [("2026-10-01", "k", 1)], ["2026-10-01"], touched=frozenset({FIRST}), clock=LATER)
    (touch,) = state(storage).touches
    assert touch.clock == LATER
    assert before <= touch.timestamp <= dt.datetime.now(dt.UTC)


def test_a_day_bears_the_marks_of_what_its_last_load_read(storage: Storage) -> None:
    load(storage, [], ["2026-10-01", "2026-10-02"], marks={"2026-10-01": frozenset("ab"), "2026-10-02": frozenset()})
    load(storage, [], ["2026-10-02", "2026-10-03"], marks={"2026-10-02": frozenset("c")})
    assert {day: one.marks for day, one in state(storage).loads.items()} == {
        FIRST: {"a", "b"}, SECOND: {"c"}, THIRD: None
    }  # fmt: skip


def test_a_run_that_asks_after_each_of_its_publishes_opens_only_what_it_published(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(storage, [], ["2026-10-01"])
    opened: list[str] = []
    find_snapshot = states.find_snapshot

    def watched(storage: Storage, table: str) -> object:
        opened.append(table)
        return find_snapshot(storage, table)

    monkeypatch.setattr(states, "find_snapshot", watched)
    reader = StateReader(storage, CONTRACTS)
    assert sorted(reader.states(set())) == sorted(CONTRACTS)
    assert sorted(opened) == sorted(CONTRACTS)
    apply_windows(storage, FIRST)
    found = reader.states({CHANGES.table})
    assert opened[len(CONTRACTS) :] == [CHANGES.table]
    assert found[CHANGES.table].loaded == {FIRST}
    assert found[TABLE].loaded == {FIRST}
