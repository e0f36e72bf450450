"""What the automation asks Dagster for, beside what is under way and what failed before, on a real instance."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from contracts.model import Read
from io_managers.batches import Batch
from io_managers.staleness import Cause, Outstanding, TableState, Touch
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation import requests
from lakehouse_assets.automation.news import Held, Moment
from lakehouse_assets.automation.requests import Decision, Verdict, decide, pause_after, under_way
from tests.support import bare_contract

FIRST, SECOND = dt.date(2026, 3, 1), dt.date(2026, 3, 2)
NOW = dt.datetime(2026, 3, 3, 6, tzinfo=dt.UTC)


CONTRACTS = {
    one.table: one
    for one in (
        bare_contract("bronze/a"),
        bare_contract("bronze/b"),
        bare_contract("silver/a", Read("bronze/a", "days")),
        bare_contract("gold/week", Read("silver/a", "days", -6, 0)),
    )
}
MOMENT = Moment(CONTRACTS, dict.fromkeys(CONTRACTS, TableState()), FIRST, NOW)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets by how much the clock of pauses is ahead."""

    def ahead(by: dt.timedelta) -> None:
        monkeypatch.setattr(requests, "real_now", lambda: dt.datetime.now(dt.UTC) + by)

    return ahead


def due(*places: tuple[str, dt.date]) -> Any:
    def found(without: Held) -> list[Outstanding]:
        return [Outstanding(*place, Cause.STALE, "") for place in places if place not in without]

    return found


def definitions(failures: dict[str, Exception]) -> dg.Definitions:
    partitions = dg.DailyPartitionsDefinition(str(FIRST))

    def made(table: str) -> dg.AssetsDefinition:
        @dg.asset(key=asset_key(table), partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run())
        def asset() -> None:
            if table in failures:
                raise failures[table]

        return asset

    return dg.Definitions([made(table) for table in CONTRACTS], executor=dg.in_process_executor)


def execute(instance: dg.DagsterInstance, decision: Decision, **failures: Exception) -> None:
    """Runs what was asked for; tables fail as it is given by their names."""
    assert decision.request is not None
    named = {table: failures[name] for table in CONTRACTS if (name := table.replace("/", "_")) in failures}
    definitions(named).resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=decision.request.asset_selection,
        tags=decision.request.tags,
        raise_on_error=False,
    )


def test_the_oldest_days_are_asked_for_first_in_one_run(instance: dg.DagsterInstance) -> None:
    wanted = due(("bronze/a", SECOND), ("bronze/a", FIRST), ("silver/a", SECOND))
    assert decide(instance, MOMENT, wanted).batch == Batch(FIRST, FIRST, ("bronze/a",))
    request = decide(instance, MOMENT, due(("bronze/a", FIRST), ("bronze/a", SECOND))).request
    assert request is not None
    assert request.asset_selection == [asset_key("bronze/a")]
    assert request.tags["dagster/asset_partition_range_start"] == "2026-03-01"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-03-02"
    assert decide(instance, MOMENT, due()) == Decision()


def test_the_same_is_asked_for_under_the_same_key(instance: dg.DagsterInstance) -> None:
    keys = {decide(instance, MOMENT, due(("bronze/a", day))).request.run_key for day in (FIRST, FIRST, SECOND)}  # type: ignore[union-attr]
    assert len(keys) == 2


def test_what_failed_for_good_is_given_up_and_does_not_hold_back_the_rest(instance: dg.DagsterInstance) -> None:
    wanted = due(("bronze/a", FIRST), ("bronze/b", FIRST))
    execute(instance, decide(instance, MOMENT, wanted), bronze_a=dg.Failure("broken", allow_retries=False))
    decision = decide(instance, MOMENT, wanted)
    assert decision.held == {"bronze/a": Verdict.GIVEN_UP}
    assert decision.batch == Batch(FIRST, FIRST, ("bronze/b",))


def test_what_was_given_up_is_asked_for_again_when_it_would_see_something_new(instance: dg.DagsterInstance) -> None:
    wanted = due(("bronze/a", FIRST))
    execute(instance, decide(instance, MOMENT, wanted), bronze_a=dg.Failure("broken", allow_retries=False))
    mended = Moment(CONTRACTS, MOMENT.states, FIRST, NOW, {"bronze/a": {FIRST: frozenset({"mended"})}})
    assert decide(instance, mended, wanted).batch == Batch(FIRST, FIRST, ("bronze/a",))
    assert decide(instance, MOMENT, due(("bronze/a", SECOND))).batch == Batch(SECOND, SECOND, ("bronze/a",))


def test_what_reads_tables_is_given_up_until_one_of_them_changes(instance: dg.DagsterInstance) -> None:
    wanted = due(("gold/week", SECOND))
    execute(instance, decide(instance, MOMENT, wanted), gold_week=dg.Failure("broken", allow_retries=False))
    assert decide(instance, MOMENT, wanted).held == {"gold/week": Verdict.GIVEN_UP}
    for by, asked in ((dt.timedelta(minutes=-5), False), (dt.timedelta(minutes=5), True)):
        commit = Touch(2, frozenset({FIRST}), dt.datetime.now(dt.UTC) + by)
        changed = replace(MOMENT, states={**MOMENT.states, "silver/a": TableState(touches=(commit,))})
        assert (decide(instance, changed, wanted).request is not None) == asked


def test_what_follows_another_table_in_the_same_run_is_not_given_up(instance: dg.DagsterInstance) -> None:
    broken = dg.Failure("broken", allow_retries=False)
    execute(instance, decide(instance, MOMENT, due(("silver/a", FIRST))), silver_a=broken)
    assert decide(instance, MOMENT, due(("silver/a", FIRST))).held == {"silver/a": Verdict.GIVEN_UP}
    both = decide(instance, MOMENT, due(("bronze/a", FIRST), ("silver/a", FIRST)))
    assert both.batch == Batch(FIRST, FIRST, ("bronze/a", "silver/a"))


def test_a_cancelled_run_is_not_asked_for_again(instance: dg.DagsterInstance) -> None:
    request = decide(instance, MOMENT, due(("bronze/a", FIRST))).request
    assert request is not None
    job = definitions({}).resolve_implicit_global_asset_job_def()
    selection = frozenset(request.asset_selection or ())
    instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.CANCELED, asset_selection=selection, tags=dict(request.tags)
    )
    assert decide(instance, MOMENT, due(("bronze/a", FIRST))).held == {"bronze/a": Verdict.GIVEN_UP}


def test_what_may_pass_is_asked_for_again_after_a_pause_that_doubles(instance: dg.DagsterInstance, clock: Any) -> None:
    wanted = due(("bronze/a", FIRST))
    second, keys = dt.timedelta(seconds=1), set()
    for failures in (1, 2, 3):
        decision = decide(instance, MOMENT, wanted)
        assert decision.request is not None
        keys.add(decision.request.run_key)
        execute(instance, decision, bronze_a=OSError("away"))
        # The pause is counted from the run's end, which lies a moment back.
        clock(pause_after(failures, "bronze/a") - 10 * second)
        assert decide(instance, MOMENT, wanted) == Decision(held={"bronze/a": Verdict.WAIT})
        clock(pause_after(failures, "bronze/a") + second)
    assert len(keys) == 3, "a try of its own each time"


def test_pauses_grow_to_half_an_hour_and_differ_a_little_between_tables() -> None:
    pauses = [pause_after(failures, "bronze/a") for failures in range(1, 12)]
    assert pauses[1] == 2 * pauses[0]
    assert pauses == sorted(pauses)
    assert dt.timedelta(minutes=24) <= pauses[-1] <= dt.timedelta(minutes=36)
    assert len({pause_after(1, table) for table in CONTRACTS}) > 1


def test_a_table_is_not_held_back_by_a_run_that_is_at_what_follows_it(instance: dg.DagsterInstance) -> None:
    wanted = due(("bronze/a", FIRST), ("silver/a", FIRST), ("gold/week", FIRST))
    instance.create_run_for_job(
        definitions({}).resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset({asset_key("gold/week")}),
        tags={"dagster/asset_partition_range_start": str(FIRST), "dagster/asset_partition_range_end": str(FIRST)},
    )
    decision = decide(instance, MOMENT, wanted)
    assert decision.batch == Batch(FIRST, FIRST, ("bronze/a", "silver/a"))
    assert decision.held == {"gold/week": Verdict.BUSY}


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        (dg.DagsterRunStatus.NOT_STARTED, True),
        (dg.DagsterRunStatus.STARTED, True),
        (dg.DagsterRunStatus.SUCCESS, False),
    ],
)
def test_days_that_a_run_is_loading_and_what_reads_them_wait(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, waits: bool
) -> None:
    job = definitions({}).resolve_implicit_global_asset_job_def()
    selection = {asset_key("silver/a")}
    instance.create_run_for_job(
        job,
        status=status,
        asset_selection=frozenset(selection),
        tags={"dagster/asset_partition_range_start": str(FIRST), "dagster/asset_partition_range_end": str(FIRST)},
    )
    for place in (("silver/a", FIRST), ("gold/week", SECOND)):
        decision = decide(instance, MOMENT, due(place))
        assert decision.held == ({place[0]: Verdict.BUSY} if waits else {})
        assert (decision.request is None) == waits
    assert decide(instance, MOMENT, due(("bronze/a", FIRST))).request is not None
    assert under_way(instance, CONTRACTS).days == ({"silver/a": {FIRST}} if waits else {})
