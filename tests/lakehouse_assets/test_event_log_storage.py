"""The event log with batches holds what Dagster's own holds, in one transaction a database."""

import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import chain, pairwise, zip_longest
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from lakehouse_assets.instance.event_log import BATCH_SIZE, BATCH_SIZE_VARIABLE, BatchedSqliteEventLogStorage

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")
BATCHED = """
event_log_storage:
  module: lakehouse_assets.instance.event_log
  class: BatchedSqliteEventLogStorage
  config: {home: {env: DAGSTER_HOME}}
telemetry: {enabled: false}
"""
OWN = "telemetry: {enabled: false}"
GIVEN_BY_STORAGE = {"create_timestamp", "migration_completed"}
BATCHED_EVENTS = ("ASSET_MATERIALIZATION_PLANNED", "ASSET_CHECK_EVALUATION_PLANNED", "ASSET_MATERIALIZATION")

Own = tuple[Path, list[str], Mapping[str, Sequence[Any]]]
Rows = dict[tuple[str, str], list[dict[str, Any]]]


def daily(**options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    # A code version keeps run ids out of the data versions that Dagster derives.
    return dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), code_version="1", **options)


@daily(check_specs=[dg.AssetCheckSpec("filled", asset="orders"), dg.AssetCheckSpec("unique", asset="orders")])
def orders(context: dg.AssetExecutionContext) -> Iterator[object]:
    for day in context.partition_keys:
        yield dg.AssetObservation("orders", partition=day, metadata={"rows": 2}, tags={"seen": "yes"})
    yield dg.AssetCheckResult(check_name="filled", passed=True, metadata={"rows": 2})
    yield dg.AssetCheckResult(check_name="unique", passed=False, severity=dg.AssetCheckSeverity.WARN)
    yield dg.MaterializeResult(metadata={"rows": 2}, tags={"loaded_by": "test"})


@dg.multi_asset(
    specs=[dg.AssetSpec(name, partitions_def=DAYS, deps=["orders"], code_version="1") for name in ("paid", "returned")],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def parts() -> Iterator[object]:
    yield dg.MaterializeResult("returned")
    yield dg.MaterializeResult("paid", data_version=dg.DataVersion("seven"))


@daily(deps=["orders"], check_specs=[dg.AssetCheckSpec("sound", asset="broken", blocking=True)])
def broken() -> Iterator[object]:
    yield dg.AssetCheckResult(check_name="sound", passed=False)
    raise dg.Failure("the audit failed", allow_retries=False)


@daily(deps=["broken"])
def after_broken() -> None: ...


@dg.asset(check_specs=[dg.AssetCheckSpec("known", asset="countries")], code_version="1")
def countries() -> Iterator[object]:
    yield dg.AssetCheckResult(check_name="known", passed=True)
    yield dg.MaterializeResult()


ASSETS = [orders, parts, broken, after_broken]


@contextmanager
def unset_variables() -> Iterator[None]:
    """Takes the variables of an instance out of the environment, and puts them back as they were."""
    with pytest.MonkeyPatch.context() as environment:
        for variable in ("DAGSTER_HOME", BATCH_SIZE_VARIABLE):
            environment.setenv(variable, "")
            environment.delenv(variable)
        yield


@pytest.fixture(autouse=True)
def _restored_environment() -> Iterator[None]:
    with unset_variables():
        yield


@contextmanager
def instance_at(home: Path, configuration: str) -> Iterator[dg.DagsterInstance]:
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(configuration)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.pop(BATCH_SIZE_VARIABLE, None)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def run_days(
    instance: dg.DagsterInstance, first: str, last: str, selection: Sequence[dg.AssetsDefinition] = ASSETS
) -> str:
    days = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dg.materialize(selection, instance=instance, tags=days, raise_on_error=False).run_id


def four_runs(instance: dg.DagsterInstance) -> list[str]:
    """A backfill, a single day again, a part of the graph on other days, and an asset that has no days."""
    return [
        run_days(instance, "2026-10-01", "2026-10-12"),
        run_days(instance, "2026-10-12", "2026-10-12"),
        run_days(instance, "2026-10-10", "2026-10-15", [orders]),
        dg.materialize([countries], instance=instance).run_id,
    ]


def rows_of(home: Path) -> Rows:
    """Every row of every table of the event log, by database and table, in the order of their ids."""
    found = {}
    for database in sorted((home / "history" / "runs").glob("*.db")):
        with closing(sqlite3.connect(database)) as connection:
            connection.row_factory = sqlite3.Row
            tables = [
                name
                for (name,) in connection.execute("select name from sqlite_master where type = 'table' order by name")
            ]
            for table in tables:
                rows = [dict(row) for row in connection.execute(f"select * from {table} order by rowid")]
                found[database.stem, table] = rows
    return found


def without_when_and_which(value: Any) -> Any:
    """The same content for two runs that differ only in their time, process, duration and file of captured logs."""
    if isinstance(value, dict):
        varying = {"pid", "duration_ms", "log_key", "file_key", "stdout_uri_or_path", "external_stdout_url"}
        if value.get("__class__") in {"EventLogEntry", "AssetCheckEvaluationTargetMaterializationData"}:
            varying.add("timestamp")
        return {key: without_when_and_which(content) for key, content in value.items() if key not in varying}
    if isinstance(value, list):
        return [without_when_and_which(content) for content in value]
    if isinstance(value, str):
        return re.sub(r"\d+(\.\d+)?m?s\b|pid: \d+|process \d+", "<measured>", value)
    return value


def comparable(home: Path, run_ids: Sequence[str]) -> Rows:
    names = {run_id: f"run {number}" for number, run_id in enumerate(run_ids, 1)}

    def cell(column: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if column.endswith("timestamp") or column in GIVEN_BY_STORAGE:
            return "<a time>"
        for run_id, name in names.items():
            value = value.replace(run_id, name)
        return without_when_and_which(json.loads(value)) if value.startswith("{") else value

    return {
        (names.get(database, database), table): [
            {column: cell(column, value) for column, value in row.items()} for row in rows
        ]
        for (database, table), rows in rows_of(home).items()
    }


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    """The home of an instance with Dagster's own event log, its runs, and their events."""
    home = tmp_path_factory.mktemp("own")
    with unset_variables(), instance_at(home, OWN) as instance:
        run_ids = four_runs(instance)
        return home, run_ids, {run_id: instance.all_logs(run_id) for run_id in run_ids}


def test_real_runs_leave_the_rows_that_dagsters_own_event_log_leaves(own: Own, tmp_path: Path) -> None:
    own_home, own_run_ids, _ = own
    with instance_at(tmp_path, BATCHED) as instance:
        run_ids = four_runs(instance)
    expected, given_rows = comparable(own_home, own_run_ids), comparable(tmp_path, run_ids)
    assert given_rows.keys() == expected.keys()
    for table, rows in expected.items():
        assert given_rows[table] == rows, table
    assert {"ASSET_CHECK_EVALUATION", "ASSET_OBSERVATION", "STEP_FAILURE", *BATCHED_EVENTS} <= {
        row["dagster_event_type"] for row in expected["run 1", "event_logs"]
    }
    for table in ("asset_keys", "asset_event_tags", "asset_check_executions"):
        assert expected["index", table]


def exact(home: Path) -> Rows:
    """Every row, apart from the times that the storage itself gives to a row or to its own set-up."""
    return {
        table: [{column: value for column, value in row.items() if column not in GIVEN_BY_STORAGE} for row in rows]
        for table, rows in rows_of(home).items()
    }


def interleaved(events: Mapping[str, Sequence[Any]]) -> list[Any]:
    """The events of several runs by turns, so that a batch holds events of all of them."""
    missing = object()
    return [
        entry for entry in chain.from_iterable(zip_longest(*events.values(), fillvalue=missing)) if entry is not missing
    ]


@pytest.fixture(scope="module")
def stored_one_by_one(own: Own, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    home = tmp_path_factory.mktemp("one_by_one")
    with unset_variables(), instance_at(home, OWN) as instance:
        for entry in interleaved(own[2]):
            instance.event_log_storage.store_event(entry)
    return exact(home)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 300), max_size=8))
def test_any_cut_into_batches_gives_the_rows_of_storing_one_by_one(
    own: Own,
    stored_one_by_one: Rows,
    tmp_path_factory: pytest.TempPathFactory,
    cuts: set[int],
) -> None:
    events = interleaved(own[2])
    home = tmp_path_factory.mktemp("in_batches")
    with instance_at(home, BATCHED) as instance:
        for start, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]):
            instance.event_log_storage.store_event_batch(events[start:end])
    assert exact(home) == stored_one_by_one


@contextmanager
def counted_commits() -> Iterator[list[str]]:
    databases: list[str] = []

    def count(connection: Any) -> None:
        databases.append(Path(connection.engine.url.database).stem)

    event.listen(Engine, "commit", count)
    try:
        yield databases
    finally:
        event.remove(Engine, "commit", count)


def test_a_batch_commits_once_a_database_and_the_index_last(own: Own, tmp_path: Path) -> None:
    _, (first, second, *_), events = own
    with instance_at(tmp_path, BATCHED) as instance:
        storage = instance.event_log_storage
        # The first connection to a run's database creates it, in transactions of its own.
        for run_id in (first, second):
            storage.store_event(events[run_id][0])
        with counted_commits() as databases:
            storage.store_event_batch([*events[first][1:], *events[second][1:]])
    assert databases[-1] == "index"
    assert sorted(databases) == sorted([first, second, "index"])


def test_a_range_run_hands_its_events_over_in_batches(tmp_path: Path) -> None:
    with instance_at(tmp_path, BATCHED) as instance:
        run_days(instance, "2026-10-01", "2026-10-01", [orders])
        with counted_commits() as day:
            run_days(instance, "2026-10-01", "2026-10-01", [parts])
        with counted_commits() as month:
            run_days(instance, "2026-10-01", "2026-10-30", [parts])
    assert day.count("index") == month.count("index")


def test_a_batch_that_fails_leaves_nothing_behind(own: Own, tmp_path: Path) -> None:
    _, (first, *_), events = own
    by_type = {entry.dagster_event_type.value: entry for entry in events[first] if entry.dagster_event}
    planned_twice = [by_type["ASSET_MATERIALIZATION"], *2 * [by_type["ASSET_CHECK_EVALUATION_PLANNED"]]]
    with instance_at(tmp_path, BATCHED) as instance:
        instance.event_log_storage.store_event_batch(events[first][:5])
        before = rows_of(tmp_path)
        with pytest.raises(IntegrityError):
            instance.event_log_storage.store_event_batch(planned_twice)
        assert rows_of(tmp_path) == before
        instance.event_log_storage.store_event_batch(events[first][5:])
        assert len(instance.all_logs(first)) == len(events[first])


def open_databases(home: Path) -> set[str]:
    """A database has its write-ahead log beside it for as long as somebody has it open."""
    return {path.stem for path in (home / "history" / "runs").glob("*.db-wal")}


def test_the_databases_of_the_run_that_stored_last_stay_open(own: Own, tmp_path: Path) -> None:
    _, (first, second, *_), events = own
    with instance_at(tmp_path, BATCHED) as instance:
        storage = instance.event_log_storage
        storage.store_event(events[first][0])
        assert open_databases(tmp_path) == {"index", first}
        storage.store_event_batch(events[second][:5])
        assert open_databases(tmp_path) == {"index", second}
    assert open_databases(tmp_path) == set()


def test_the_disk_is_not_waited_for_at_each_event_and_a_database_stays_whole(tmp_path: Path) -> None:
    normal = 1
    with instance_at(tmp_path, BATCHED) as instance:
        storage: Any = instance.event_log_storage
        with storage._open("run") as connection:
            found = [connection.exec_driver_sql(f"pragma {name}").scalar() for name in ("synchronous", "journal_mode")]
    assert found == [normal, "wal"]


def test_batches_of_several_threads_all_arrive(own: Own, tmp_path: Path) -> None:
    _, run_ids, events = own
    with instance_at(tmp_path, BATCHED) as instance, ThreadPoolExecutor(len(run_ids)) as threads:
        list(threads.map(lambda run_id: instance.event_log_storage.store_event_batch(events[run_id]), run_ids))
        assert {run_id: instance.all_logs(run_id) for run_id in run_ids} == dict(events)


def test_an_instance_that_dagster_made_is_opened_and_continued(tmp_path: Path) -> None:
    with instance_at(tmp_path, OWN) as instance:
        run_days(instance, "2026-10-01", "2026-10-03", [orders])
    with instance_at(tmp_path, BATCHED) as instance:
        run_days(instance, "2026-10-03", "2026-10-05", [orders])
        assert instance.get_materialized_partitions(dg.AssetKey("orders")) == {f"2026-10-0{day}" for day in range(1, 6)}


def test_an_instance_with_this_event_log_turns_batches_on(tmp_path: Path) -> None:
    with instance_at(tmp_path, BATCHED) as instance:
        assert type(instance.event_log_storage) is BatchedSqliteEventLogStorage
        assert os.environ[BATCH_SIZE_VARIABLE] == BATCH_SIZE


def test_a_size_of_batches_that_is_set_already_stands(tmp_path: Path) -> None:
    with instance_at(tmp_path, BATCHED):
        os.environ[BATCH_SIZE_VARIABLE] = "0"
        with dg.DagsterInstance.from_config(str(tmp_path)):
            assert os.environ[BATCH_SIZE_VARIABLE] == "0"


def test_dagster_is_the_version_that_this_event_log_was_checked_against() -> None:
    assert dg.__version__ == "1.13.27"
