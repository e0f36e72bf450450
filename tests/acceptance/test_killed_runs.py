"""A run that is killed changes nothing or everything, table by table, and running again makes up for it."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.model import Contract
from io_managers.storage import Storage
from tests.lake_processes import (
    Content,
    KillPoint,
    LakeProcesses,
    demo_environment,
    lake_processes,
    loaded_days,
    read_lake,
)

SIGKILL = 9
COMMIT = "deltalake:DeltaTable.create_write_transaction"
STORE_EVENTS = "lakehouse_assets.instance.event_log:BatchedSqliteEventLogStorage.store_event_batch"

FIRST_LOAD = {
    "Dagster's home has no schedules yet": KillPoint(
        "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage:stamp_alembic_rev", "before", 1
    ),
    "a source's rows are half landed": KillPoint("pyarrow.parquet:ParquetWriter.write_batch", "after", 2),
    "rows are staged": KillPoint("lakehouse_assets.load:stage", "after", 1),
    "a table is created": KillPoint("deltalake:DeltaTable.create", "after", 1),
    "a commit is about to be sent": KillPoint(COMMIT, "before", 1),
    "a commit has landed": KillPoint(COMMIT, "after", 1),
    "rows are set aside, and their table isn't published": KillPoint(
        "io_managers.quarantine:append_quarantined", "after", 1
    ),
    "rows are set aside and published, and older ones not removed": KillPoint(
        "io_managers.quarantine:remove_superseded", "before", 1
    ),
    "a table is published, and its asset not materialized": KillPoint(
        "io_managers.delta_io_manager:DeltaIOManager.handle_output", "after", 1
    ),
    "events are about to be stored": KillPoint(STORE_EVENTS, "before", 2),
    "changes are audited": KillPoint("lakehouse_assets.table:_stop_on_blocking_failures", "before", 2),
    "changes are published": KillPoint(COMMIT, "after", 2),
    "gold's facts are published, and what is built on them not": KillPoint(COMMIT, "before", 2),
}
"""What has happened when the process is killed, in the order in which the points come up on one lake."""

NEXT_DAY = {
    "a checkpoint is written, and its hint not removed": KillPoint(
        "io_managers.upkeep:remove_checkpoint_hint", "before", 1
    ),
    "most tables have the day, and gold does not": KillPoint(COMMIT, "after", 8),
    "a restated day is staged": KillPoint("lakehouse_assets.load:stage", "after", 2),
}
"""The same, for a day more on a lake that is published."""

CHECKPOINT_OFTEN = {"io_managers.upkeep:CHECKPOINT_EVERY": 1}


@pytest.fixture(scope="module")
def processes() -> Iterator[LakeProcesses]:
    with lake_processes() as started:
        yield started


@dataclass(frozen=True)
class Reference:
    """A lake that nothing disturbed, when three days were closed and one day later."""

    folder: Path
    three_days: Mapping[str, Content]
    four_days: Mapping[str, Content]


@pytest.fixture(scope="module")
def reference(
    processes: LakeProcesses, contracts: Mapping[str, Contract], tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    folder = tmp_path_factory.mktemp("undisturbed")
    contents = []
    for days in (3, 4):
        environment = demo_environment(folder, days)
        ended = processes.run("run", environment=environment)
        assert ended.status == 0, ended.output
        contents.append(read_lake(environment["LAKEHOUSE_ROOT"], contracts))
        if days == 3:
            shutil.copytree(folder, folder.with_name("three_days"))
    return Reference(folder.with_name("three_days"), *contents)


def require_one_of(content: Content, allowed: tuple[Content, ...], contract: Contract) -> None:
    """A table that a run replaces day by day has each day as one of the states has it; any other is one of them as a whole."""
    if contract.mode == "changes":
        assert content in allowed, contract.table
        return
    for day in {day for state in (content, *allowed) for day in (*state.rows, *state.quarantine)}:
        found = content.rows.get(day), content.quarantine.get(day)
        assert found in [(state.rows.get(day), state.quarantine.get(day)) for state in allowed], (contract.table, day)


def test_a_first_load_survives_being_killed_anywhere(
    processes: LakeProcesses, reference: Reference, contracts: Mapping[str, Contract], tmp_path: Path
) -> None:
    environment = demo_environment(tmp_path, 3)
    storage = Storage(environment["LAKEHOUSE_ROOT"])
    for point, kill in FIRST_LOAD.items():
        ended = processes.run("run", environment=environment, kill=kill)
        assert ended.status == -SIGKILL, f"{point}: never reached\n{ended.output}"
        for table, content in read_lake(storage.root, contracts).items():
            published = loaded_days(storage, contracts[table])
            assert content == (reference.three_days[table] if published else Content()), f"{table}, when {point}"
            assert len(published) in {0, 3}
    ended = processes.run("run", environment=environment)
    assert ended.status == 0, ended.output
    assert read_lake(storage.root, contracts) == reference.three_days
    assert "Nothing to do" in processes.run("run", environment=environment).output


def test_the_next_day_survives_being_killed_anywhere(
    processes: LakeProcesses, reference: Reference, contracts: Mapping[str, Contract], tmp_path: Path
) -> None:
    shutil.copytree(reference.folder, tmp_path / "lakehouse")
    environment = demo_environment(tmp_path / "lakehouse", 4)
    root = environment["LAKEHOUSE_ROOT"]
    for point, kill in NEXT_DAY.items():
        ended = processes.run("run", environment=environment, kill=kill, constants=CHECKPOINT_OFTEN)
        assert ended.status == -SIGKILL, f"{point}: never reached\n{ended.output}"
        for table, content in read_lake(root, contracts).items():
            allowed = reference.three_days[table], reference.four_days[table]
            require_one_of(content, allowed, contracts[table])
    ended = processes.run("run", environment=environment)
    assert ended.status == 0, ended.output
    assert read_lake(root, contracts) == reference.four_days
    assert "Nothing to do" in processes.run("run", environment=environment).output
