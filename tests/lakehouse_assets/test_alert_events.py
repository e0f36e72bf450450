"""What Dagster's event log says is wrong, on a real instance with runs of two small tables that fail on demand."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.plan.objects import StepSuccessData

from lakehouse_assets.automation import run_events
from lakehouse_assets.automation.run_events import FailedCheck, Seen, newest_of_days, read_events
from lakehouse_assets.automation.run_failures import FailedLoad
from lakehouse_assets.instance.home import prepare_home

FIRST, SECOND, THIRD = (dt.date(2026, 10, day) for day in (1, 2, 3))
SILVER, GOLD = "silver/orders", "gold/fct_orders"
TABLES = (SILVER, GOLD)
DAILY = dg.DailyPartitionsDefinition("2026-10-01", end_offset=400)
KEYS = [dg.AssetCheckKey(dg.AssetKey(table.split("/")), name) for table in TABLES for name in ("rows", "identities")]


@dataclass
class Tables:
    """Two tables, one made of the other, and how their loads and checks go."""

    instance: dg.DagsterInstance
    crash: set[str] = field(default_factory=set)
    """Tables, and checks as `table check`, that end in an error."""
    red: set[str] = field(default_factory=set)
    """Checks, as `table check`, that fail."""
    meanwhile: Any = None
    """Called while the silver table is loaded."""
    seen: Seen = field(default_factory=Seen)

    def run(self, first: dt.date = FIRST, last: dt.date | None = None, tables: tuple[str, ...] = TABLES) -> str:
        """One run of tables over days, with their checks."""
        result = self._definitions().resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(table.split("/")) for table in tables],
            tags={"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last or first)},
            raise_on_error=False,
        )  # fmt: skip
        return result.run_id

    def look(self) -> Seen:
        """What the log says, from where the last look ended."""
        self.seen = read_events(self.instance, KEYS, TABLES, self.seen)
        return self.seen

    def loads(self) -> set[tuple[str, dt.date, dt.date, str]]:
        return {(one.table, one.first, one.last, one.check) for one in self.look().loads}

    def checks(self) -> set[tuple[str, str]]:
        return {(one.table, one.check) for one in self.look().checks}

    def broken(self) -> set[tuple[str, str]]:
        return {(one.table, one.check) for one in self.look().broken}

    def _definitions(self) -> dg.Definitions:
        silver = self._table(SILVER, [])
        gold = self._table(GOLD, [SILVER])
        return dg.Definitions(
            assets=[silver, gold],
            asset_checks=[self._identities(table) for table in TABLES],
            executor=dg.in_process_executor,
        )

    def _table(self, table: str, reads: list[str]) -> dg.AssetsDefinition:
        key = dg.AssetKey(table.split("/"))

        @dg.asset(
            key=key, deps=[dg.AssetKey(one.split("/")) for one in reads], partitions_def=DAILY,
            backfill_policy=dg.BackfillPolicy.single_run(), check_specs=[dg.AssetCheckSpec("rows", asset=key, blocking=True)],
        )  # fmt: skip
        def load(context: dg.AssetExecutionContext) -> Iterator[Any]:
            if self.meanwhile and table == SILVER:
                meanwhile, self.meanwhile = self.meanwhile, None
                meanwhile()
            if table in self.crash:
                raise ValueError(f"{table} crashed")
            passed = f"{table} rows" not in self.red
            result = dg.AssetCheckResult(passed=passed, check_name="rows", description="too many")
            if not passed:
                yield result
                raise dg.Failure("nothing was published", allow_retries=False)
            yield dg.MaterializeResult(check_results=[result])

        return load

    def _identities(self, table: str) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=dg.AssetKey(table.split("/")), name="identities")
        def identities() -> dg.AssetCheckResult:
            if f"{table} identities" in self.crash:
                raise ValueError("the check crashed")
            return dg.AssetCheckResult(passed=f"{table} identities" not in self.red, description="differs")

        return identities


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        yield Tables(instance)


def test_nothing_is_wrong_where_nothing_ran_or_all_went_well(tables: Tables) -> None:
    assert tables.look() == Seen()
    tables.run(FIRST, THIRD)
    seen = tables.look()
    assert seen == Seen(event=seen.event)
    assert seen.event > 0


def test_a_table_whose_load_failed_is_named_with_its_days_and_not_what_waits_for_it(tables: Tables) -> None:
    tables.crash = {SILVER}
    run_id = tables.run(FIRST, SECOND)
    (load,) = tables.look().loads
    assert (load.table, load.first, load.last, load.check, load.run_id) == (SILVER, FIRST, SECOND, "", run_id)
    assert "silver/orders crashed" in load.reason
    assert tables.look().checks == ()


def test_it_is_over_when_all_its_days_are_loaded(tables: Tables) -> None:
    tables.crash = {SILVER}
    tables.run(FIRST, SECOND)
    failed = {(SILVER, FIRST, SECOND, "")}
    assert tables.loads() == failed
    tables.crash = set()
    tables.run(FIRST)
    assert tables.loads() == failed
    tables.run(THIRD)
    assert tables.loads() == failed
    tables.run(SECOND)
    assert tables.loads() == set()


def test_what_was_repaired_before_anyone_looked_is_not_wrong(tables: Tables) -> None:
    tables.crash = {SILVER}
    tables.run(FIRST)
    tables.crash = set()
    tables.run(FIRST)
    assert tables.look() == Seen(event=tables.seen.event)


def test_a_repair_while_the_failed_run_goes_on_counts(tables: Tables) -> None:
    def repaired_by_another() -> None:
        tables.crash = set()
        tables.run(FIRST, tables=(SILVER,))
        tables.crash = {SILVER}

    tables.meanwhile = repaired_by_another
    tables.run(FIRST)
    assert tables.loads() == set()


def test_a_load_before_the_failure_is_no_repair(tables: Tables) -> None:
    tables.run(FIRST)
    tables.crash = {SILVER}
    tables.run(FIRST)
    assert tables.loads() == {(SILVER, FIRST, FIRST, "")}


def test_a_materialization_that_is_reported_later_is_a_repair(tables: Tables) -> None:
    tables.crash = {SILVER}
    tables.run(FIRST)
    tables.instance.report_runless_asset_event(
        dg.AssetMaterialization(dg.AssetKey(SILVER.split("/")), partition=str(FIRST))
    )
    assert tables.loads() == set()


def test_the_newest_run_of_the_same_days_is_the_one_that_counts(tables: Tables) -> None:
    tables.crash = {SILVER}
    tables.run(FIRST)
    assert tables.loads() == {(SILVER, FIRST, FIRST, "")}
    newest = tables.run(FIRST, SECOND)
    (load,) = tables.look().loads
    assert (load.run_id, load.last) == (newest, SECOND)


def test_a_check_that_stops_a_load_is_why_it_failed(tables: Tables) -> None:
    tables.red = {f"{GOLD} rows"}
    tables.run(FIRST)
    (load,) = tables.look().loads
    assert (load.table, load.check, load.reason) == (GOLD, "rows", "too many")
    assert tables.checks() == {(GOLD, "rows")}
    tables.red = set()
    tables.run(SECOND)
    assert tables.checks() == set()
    assert tables.loads() == {(GOLD, FIRST, FIRST, "rows")}
    tables.run(FIRST)
    assert tables.loads() == set()


def test_a_check_that_stops_nothing_is_judged_by_its_last_result(tables: Tables) -> None:
    tables.red = {f"{GOLD} identities"}
    tables.run(FIRST)
    (check,) = tables.look().checks
    assert (check.table, check.check, check.message) == (GOLD, "identities", "differs")
    assert tables.loads() == set()
    tables.red = set()
    tables.run(SECOND)
    assert tables.checks() == set()


def test_a_check_that_crashed_is_told_until_it_says_something(tables: Tables) -> None:
    tables.crash = {f"{GOLD} identities"}
    tables.run(FIRST)
    assert tables.broken() == {(GOLD, "identities")}
    assert (tables.loads(), tables.checks()) == (set(), set())
    (broken,) = tables.seen.broken
    assert "the check crashed" in broken.reason
    tables.crash, tables.red = set(), {f"{GOLD} identities"}
    tables.run(FIRST)
    assert (tables.broken(), tables.checks()) == (set(), {(GOLD, "identities")})


def a_run_that_died(tables: Tables, done: tuple[str, ...], begun: tuple[str, ...]) -> None:
    """A run of the first day that ended with these steps done and begun, and without any that failed."""
    job = tables._definitions().resolve_implicit_global_asset_job_def()
    tags = {"dagster/partition": str(FIRST)}
    selection = {dg.AssetKey(table.split("/")) for table in TABLES}
    run = tables.instance.create_run_for_job(job, tags=tags, asset_selection=selection)
    for step in (*done, *begun):
        started = dg.DagsterEvent(dg.DagsterEventType.STEP_START.value, job.name, step_key=step)
        tables.instance.report_dagster_event(started, run.run_id)
    for step in done:
        success = dg.DagsterEvent(
            dg.DagsterEventType.STEP_SUCCESS.value, job.name, step_key=step, event_specific_data=StepSuccessData(1.0)
        )
        tables.instance.report_dagster_event(success, run.run_id)
    tables.instance.report_run_failed(run, "its process is gone")


@pytest.mark.parametrize(
    ("done", "begun", "named"),
    [((), ("silver__orders",), SILVER), (("silver__orders",), ("gold__fct_orders",), GOLD)],
)
def test_of_a_run_that_died_the_table_in_whose_midst_it_died_is_named(
    tables: Tables, done: tuple[str, ...], begun: tuple[str, ...], named: str
) -> None:
    a_run_that_died(tables, done, begun)
    (load,) = tables.look().loads
    assert (load.table, load.first, load.last) == (named, FIRST, FIRST)
    assert "its process is gone" in load.reason


def test_of_a_run_that_died_before_it_began_all_tables_are_named(tables: Tables) -> None:
    a_run_that_died(tables, done=(), begun=())
    assert tables.loads() == {(SILVER, FIRST, FIRST, ""), (GOLD, FIRST, FIRST, "")}
    tables.run(FIRST)
    assert tables.loads() == set()


def test_a_run_that_was_for_no_day_left_none_out(tables: Tables) -> None:
    job = tables._definitions().resolve_implicit_global_asset_job_def()
    run = tables.instance.create_run_for_job(job, asset_selection={dg.AssetKey(SILVER.split("/"))})
    tables.instance.report_run_failed(run, "no partition was given")
    assert tables.look() == Seen(event=tables.seen.event)


def test_runs_of_other_jobs_are_not_about_tables(tables: Tables) -> None:
    @dg.op
    def silver__orders2() -> None:
        raise ValueError

    @dg.job
    def other() -> None:
        silver__orders2()

    other.execute_in_process(instance=tables.instance, raise_on_error=False)
    assert tables.look() == Seen(event=tables.seen.event)


def test_tables_that_no_contract_has_any_more_are_forgotten(tables: Tables) -> None:
    tables.crash = {SILVER}
    tables.run(FIRST)
    seen = tables.look()
    assert seen.loads
    tables.run(SECOND)
    assert read_events(tables.instance, [], [GOLD], seen).loads == ()


def test_a_run_that_was_deleted_is_no_matter(tables: Tables) -> None:
    tables.crash = {SILVER}
    run_id = tables.run(FIRST)
    tables.crash = set()
    tables.instance.run_storage.delete_run(run_id)
    assert tables.loads() == set()


def test_many_failed_runs_are_read_in_several_looks(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_events, "RUNS_A_LOOK", 2)
    tables.crash = {SILVER}
    for number in range(5):
        tables.run(FIRST + dt.timedelta(days=number))
    assert [len(tables.look().loads) for _ in range(5)] == [2, 4, 5, 5, 5]


def test_where_nothing_is_new_nothing_else_is_asked(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.crash, tables.red = {SILVER}, {f"{SILVER} identities"}
    tables.run(FIRST)
    before = tables.look()
    asked: list[str] = []
    storage = type(tables.instance.event_log_storage)
    for name in ("get_latest_asset_check_execution_by_key", "fetch_run_status_changes", "get_latest_storage_id_by_partition", "get_logs_for_run"):  # fmt: skip
        monkeypatch.setattr(storage, name, lambda *_, name=name, **__: asked.append(name))
    assert tables.look() is before
    assert asked == []


def test_each_failed_run_is_read_once(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.crash = {SILVER}
    tables.run(FIRST)
    tables.look()
    second = tables.run(SECOND)
    read: list[str] = []
    all_logs = dg.DagsterInstance.all_logs
    monkeypatch.setattr(
        dg.DagsterInstance,
        "all_logs",
        lambda self, run_id, **more: (read.append(run_id), all_logs(self, run_id, **more))[1],
    )
    assert len(tables.loads()) == 2
    assert set(read) == {second}


def test_a_log_that_was_made_anew_is_read_from_its_beginning(tables: Tables) -> None:
    tables.crash = {SILVER}
    tables.run(FIRST)
    old = FailedLoad(GOLD, FIRST, FIRST, "", "long ago", "gone", dt.datetime.now(dt.UTC), 5)
    tables.seen = Seen(
        event=10_000_000, checks=(FailedCheck(GOLD, "rows", "long ago", dt.datetime.now(dt.UTC)),), loads=(old,)
    )
    assert tables.loads() == {(SILVER, FIRST, FIRST, "")}
    assert tables.checks() == set()


def test_loads_of_other_days_tables_or_checks_are_kept_beside_each_other() -> None:
    load = FailedLoad(SILVER, FIRST, SECOND, "rows", "", "a", dt.datetime.now(dt.UTC), 1)
    others = [
        replace(load, check="table"),
        replace(load, table=GOLD, run_id="b"),
        replace(load, first=SECOND, last=THIRD, run_id="c"),
    ]
    assert newest_of_days([load, *others]) == [load, *others]
    whole = replace(load, last=THIRD, run_id="d")
    assert newest_of_days([load, *others, whole]) == [others[1], whole]
