"""A run that is killed changes nothing or everything, table by table, and running again makes up for it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from contracts.model import Contract
from io_managers.storage import Storage
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.lake import made_from
from tests.lake_processes import (
    LITTLE,
    START,
    Content,
    KillPoint,
    LakeProcesses,
    demo_environment,
    loaded_days,
    read_lake,
)

SIGKILL = 9
COMMIT = "deltalake:DeltaTable.create_write_transaction"
STORE_EVENTS = "lakehouse_assets.instance.event_log:BatchedSqliteEventLogStorage.store_event_batch"
FACTS = "gold's facts are published, and what is built on them not"
BRONZE = "bronze has the day, and gold does not"
MONTHS_STAGED = "months are staged, and not published"
MONTHS_PUBLISHED = "months are published, and their asset not materialized"

FIRST_LOAD = {
    "Dagster's home has no schedules yet": KillPoint(
        "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage:stamp_alembic_rev", "before", 1
    ),
    "a source's rows are half landed": KillPoint("pyarrow.parquet:ParquetWriter.write_batch", "after", 2),
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
    FACTS: KillPoint("lakehouse_assets.gold.customer_daily:customer_daily", "before", 1),
}
"""What has happened when the process is killed, in the order in which the points come up on one lake."""

NEXT_DAY = {
    "a checkpoint is written, and its hint not removed": KillPoint(
        "io_managers.upkeep:remove_checkpoint_hint", "before", 1
    ),
    "some tables have the day, and another is staged": KillPoint("io_managers.staging:read_staged_log", "after", 6),
    BRONZE: KillPoint(COMMIT, "after", 5),
    MONTHS_STAGED: KillPoint("lakehouse_assets.load:days_of_months", "after", 1),
    MONTHS_PUBLISHED: KillPoint(COMMIT, "after", 1),
}
"""The same, for a day more on the lake that the first load left."""

REACHED = {
    FACTS: ("gold/fct_orders", "gold/customer_daily"),
    BRONZE: ("bronze/snowflake_orders", "gold/fct_orders"),
    MONTHS_STAGED: ("gold/customer_daily", "gold/customer_monthly"),
    MONTHS_PUBLISHED: ("gold/customer_monthly", "gold/customer_360"),
}
"""Points that are about certain tables: one that has the newest day by then, and one that has not."""

OFTEN = {"io_managers.upkeep:CHECKPOINT_EVERY": 1, "lakehouse_assets.bronze.extraction:ROWS_PER_GROUP": 1}
"""A few rows and commits come to what many do: more than one row group, and a checkpoint."""


@dataclass(frozen=True)
class Reference:
    """What a lake holds that nothing disturbed, when three days were closed and one day later."""

    three_days: Mapping[str, Content]
    four_days: Mapping[str, Content]


@pytest.fixture(scope="module")
def tables(contracts: Mapping[str, Contract]) -> Mapping[str, Contract]:
    """Those of every kind: the last table, one that is loaded by months, and whatever else they are made from."""
    return made_from(contracts, "gold/customer_360")


@pytest.fixture(scope="module")
def reference(
    processes: LakeProcesses, tables: Mapping[str, Contract], tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    folder = tmp_path_factory.mktemp("undisturbed")
    contents = []
    for days in (3, 4):
        environment = {**demo_environment(folder, days), **LITTLE}
        ended = processes.run("run", environment=environment, tables=tables)
        assert ended.status == 0, ended.output
        contents.append(read_lake(environment["LAKEHOUSE_ROOT"], tables))
    return Reference(*contents)


def test_a_lake_survives_runs_that_are_killed_anywhere(
    processes: LakeProcesses,
    reference: Reference,
    tables: Mapping[str, Contract],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = {**demo_environment(tmp_path, 3), **LITTLE}
    storage = Storage(first["LAKEHOUSE_ROOT"])
    for point, kill in FIRST_LOAD.items():
        require_killed(processes, first, tables, kill, point)
        for table, content in read_lake(storage.root, tables).items():
            published = loaded_days(storage, tables[table])
            assert content == (reference.three_days[table] if published else Content()), f"{table}, when {point}"
            assert len(published) in {0, 3}
        require_reached(storage, tables, START, point)
    require_recovered(processes, first, tables, reference.three_days, monkeypatch)

    a_day_later = {**demo_environment(tmp_path, 4), **LITTLE}
    for point, kill in NEXT_DAY.items():
        require_killed(processes, a_day_later, tables, kill, point)
        for table, content in read_lake(storage.root, tables).items():
            require_one_of(content, (reference.three_days[table], reference.four_days[table]), tables[table], point)
        require_reached(storage, tables, START + dt.timedelta(days=3), point)
    require_recovered(processes, a_day_later, tables, reference.four_days, monkeypatch)


def require_killed(
    processes: LakeProcesses,
    environment: Mapping[str, str],
    tables: Mapping[str, Contract],
    kill: KillPoint,
    point: str,
) -> None:
    ended = processes.run("run", environment=environment, kill=kill, constants=OFTEN, tables=tables)
    assert ended.status == -SIGKILL, f"{point}: never reached\n{ended.output}"


def require_reached(storage: Storage, tables: Mapping[str, Contract], newest: dt.date, point: str) -> None:
    if point in REACHED:
        has, has_not = (str(newest) in loaded_days(storage, tables[table]) for table in REACHED[point])
        assert (has, has_not) == (True, False), f"killed elsewhere than where {point}"


def require_one_of(content: Content, allowed: tuple[Content, ...], contract: Contract, point: str) -> None:
    """A table that a run replaces day by day has each day as one of the states has it; any other is one of them as a whole."""
    if contract.mode == "changes":
        assert content in allowed, f"{contract.table}, when {point}"
        return
    for day in {day for state in (content, *allowed) for day in (*state.rows, *state.quarantine)}:
        found = content.rows.get(day), content.quarantine.get(day)
        expected = [(state.rows.get(day), state.quarantine.get(day)) for state in allowed]
        assert found in expected, f"{contract.table} of {day}, when {point}"


def require_recovered(
    processes: LakeProcesses,
    environment: Mapping[str, str],
    tables: Mapping[str, Contract],
    expected: Mapping[str, Content],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An undisturbed run makes up for those that were killed: the tables are as expected, Dagster knows every day, and nothing is left to do."""
    ended = processes.run("run", environment=environment, tables=tables)
    assert ended.status == 0, ended.output
    assert read_lake(environment["LAKEHOUSE_ROOT"], tables) == expected
    assert "Nothing to do" in processes.run("run", environment=environment, tables=tables).output
    monkeypatch.setenv("DAGSTER_HOME", environment["DAGSTER_HOME"])
    with dg.DagsterInstance.get() as instance:
        for table, contract in tables.items():
            days = loaded_days(Storage(environment["LAKEHOUSE_ROOT"]), contract)
            assert instance.get_materialized_partitions(asset_key(table)) == days, table
