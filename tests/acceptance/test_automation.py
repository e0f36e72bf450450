"""Sensors on a lake of files: new, late and corrected data load what they concern, once, and nothing else."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
from automation_support import Automation, automated, automated_among_others
from conftest import MakeLake
from lake_support import ORDER_COLUMNS, RATE_COLUMNS, OwnLake, Row, order, write_rows
from whole_model_data import CUSTOMER_COLUMNS, customer

from asset_checks.freshness import freshness, with_open_day
from contracts.errors import ConfigurationError
from lakehouse_assets.automation.source_cursors import (
    SUFFIX,
    SourceCursor,
    behind_since,
    read_source_cursor,
    sources_away,
)
from lakehouse_assets.automation.source_sensors import seconds_between_looks
from resources.sources.files.folder import DataFile, Folder
from resources.sources.interface import SourceUnavailableError
from tests.lake_processes import KillPoint, LakeProcesses

START = dt.date(2026, 3, 1)
DAYS = [START + dt.timedelta(days=number) for number in range(10)]
TODAY = DAYS[-1] + dt.timedelta(days=1)
NOON = dt.datetime.combine(TODAY, dt.time(12), dt.UTC)
SILVER_PUBLISHED = KillPoint("deltalake:DeltaTable.create_write_transaction", "after", 2)
FROM_THE_PAST = {"gold/customer_360", "gold/customer_segments"}
"""Tables that hold of a day what came before it too."""
FOLLOWS_TODAY = {"gold/customer_monthly"}
"""Its month is open, and loaded anew with today's partition, which follows each quarter of an hour."""
TABLES = (
    "gold/customer_360",
    "gold/customer_segments",
    "gold/order_funnel_daily",
    "gold/product_perf_daily",
    "gold/revenue_by_geography",
    "gold/sales_pipeline",
)
"""What follows from orders in each of these ways, and one that doesn't; with what they are made from."""
LIVE = {"gold/fct_orders", "gold/order_funnel_daily", "gold/product_perf_daily", "gold/customer_daily"}


def place_order(lake: OwnLake, name: str, moment: str, **columns: object) -> None:
    """Delivers a version of an order, in a file of its own."""
    file = lake.files("snowflake/orders") / f"{name} {moment.replace(':', '')}.jsonl"
    write_rows(file, ORDER_COLUMNS, [order(name, moment, **columns)])


def rate(value: int) -> Row:
    return {"rate_date": str(TODAY), "base": "EUR", "quote": "USD", "rate": Decimal(value)}


@pytest.fixture(scope="module")
def loaded(make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> OwnLake:
    """Ten closed days with an order each, and today as far as it is known at noon."""
    lake = make_lake(tmp_path_factory.mktemp("automated") / "one", START, TABLES)
    for day in DAYS:
        place_order(lake, f"of {day}", f"{day}T05:00:00Z", amount=Decimal("1.00"))
    lake.settle(TODAY)
    with automated(lake, NOON) as automation:
        automation.settle()
    return lake


@pytest.fixture
def automation(loaded: OwnLake, tmp_path: Path) -> Iterator[Automation]:
    with automated(loaded.copied_to(tmp_path / "lake"), NOON) as automation:
        yield automation


def remembered(automation: Automation) -> dict[str, SourceCursor]:
    """What sources' sensors remember."""
    return {
        name.removesuffix(SUFFIX): read_source_cursor(cursor)
        for name, cursor in automation.cursors.items()
        if name.endswith(SUFFIX)
    }


def facts(automation: Automation) -> list[tuple[str, dt.date, Decimal]]:
    rows = automation.own.rows("gold/fct_orders")
    return sorted((row["order_id"], row["order_date"], row["amount"]) for row in rows)


def test_a_tick_without_news_asks_for_nothing_and_says_so(automation: Automation) -> None:
    before = automation.versions()
    assert automation.tick() == []
    assert all(line.startswith("nothing new") for line in automation.said.values())
    assert automation.said["kafka_arrivals"] == "nothing new in bronze/kafka_order_events"
    assert automation.versions() == before


def test_an_order_placed_now_is_in_the_live_gold_tables_after_one_tick(automation: Automation) -> None:
    place_order(automation.own, "new", f"{TODAY}T11:59:00Z", amount=Decimal("7.00"))
    runs = automation.tick()
    assert [(run.asked_by, run.days) for run in runs] == [("snowflake_arrivals", (TODAY,))]
    assert runs[0].tables == {"bronze/snowflake_orders", "silver/orders"} | LIVE - {"gold/order_funnel_daily"}
    assert ("new", TODAY, Decimal("7.00")) in facts(automation)
    assert automation.tick() == []


def test_an_empty_lake_starts_with_today_and_leaves_history_to_people(make_lake: MakeLake, tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake", START, TABLES)
    place_order(lake, "old", f"{DAYS[0]}T05:00:00Z")
    place_order(lake, "new", f"{TODAY}T05:00:00Z")
    with automated(lake, NOON) as automation:
        runs = automation.settle()
        assert {day for run in runs for day in run.days} == {TODAY}
        assert {day for table, day in automation.versions() if table == "silver/orders"} == {TODAY}
        assert "gold/fct_orders" not in {table for run in runs for table in run.tables}, (
            "rates of days before are missing"
        )

        lake.settle(TODAY)
        automation.settle()
        assert {name for name, *_ in facts(automation)} == {"old", "new"}


def test_a_day_that_is_over_is_loaded_once_more_and_gold_follows(automation: Automation) -> None:
    place_order(automation.own, "last minute", f"{TODAY}T23:59:59Z", amount=Decimal("3.00"))
    automation.at(dt.datetime.combine(TODAY + dt.timedelta(days=1), dt.time(0, 5), dt.UTC))
    runs = automation.settle()
    bronze = [run for run in runs for table in run.tables if table == "bronze/snowflake_orders"]
    assert sorted(day for run in bronze for day in run.days) == [TODAY, TODAY + dt.timedelta(days=1)]
    assert ("last minute", TODAY, Decimal("3.00")) in facts(automation)
    assert automation.lake.plan().due == ()
    closed = automation.lake.contracts.keys()
    assert {table for table in closed if TODAY not in automation.lake.states()[table].loaded} == set()


def test_a_late_order_and_a_corrected_one_change_the_gold_days_that_depend_on_them_and_no_others(
    automation: Automation,
) -> None:
    before = automation.versions()
    late, moved = DAYS[-2], DAYS[-1]
    place_order(automation.own, "late", f"{late}T20:00:00Z", amount=Decimal("5.00"))
    place_order(automation.own, f"of {moved}", f"{TODAY}T09:00:00Z", order_date=str(DAYS[-3]))
    automation.settle()
    automation.at(NOON + dt.timedelta(minutes=15)).settle()

    changed = {place for place, version in automation.versions().items() if before.get(place) != version}
    assert {one.table for one in automation.lake.plan().due} <= FOLLOWS_TODAY
    for table in ("gold/fct_orders", "gold/product_perf_daily"):
        assert {day for name, day in changed if name == table} == {DAYS[-3], late, moved, TODAY}
    for table in ("gold/revenue_by_geography", "gold/customer_360", "gold/customer_segments"):
        assert {day for name, day in changed if name == table} == {DAYS[-3], late, moved}
    for table in ("gold/order_funnel_daily", "gold/dim_customers", "gold/sales_pipeline", "silver/customers"):
        assert {day for name, day in changed if name == table} == set()
    assert ("late", late, Decimal("5.00")) in facts(automation)
    assert [day for name, day, _ in facts(automation) if name == f"of {moved}"] == [DAYS[-3]]
    assert automation.tick() == []


def test_at_a_quarter_of_an_hour_the_other_gold_tables_follow_today_once(automation: Automation) -> None:
    automation.at(NOON + dt.timedelta(minutes=1)).evaluate()
    place_order(automation.own, "new", f"{TODAY}T12:00:30Z")
    automation.settle()
    assert automation.at(NOON + dt.timedelta(minutes=2)).evaluate() == []
    runs = automation.at(NOON + dt.timedelta(minutes=15, seconds=20)).evaluate()
    assert {day for run in runs for day in run.days} == {TODAY}
    assert {"gold/customer_360", "gold/customer_segments", "gold/revenue_by_geography"} <= {
        table for run in runs for table in run.tables
    }
    assert all(run.succeeded for run in runs)
    assert automation.at(NOON + dt.timedelta(minutes=30, seconds=20)).evaluate() == []
    assert automation.tick() == []


def test_a_table_whose_source_cannot_tell_of_it_for_a_while_has_no_gap_and_no_duplicate_and_stops_no_other(
    automation: Automation, tmp_path: Path
) -> None:
    orders, away = automation.own.files("snowflake/orders"), tmp_path / "away"
    place_order(automation.own, "before", f"{TODAY}T12:00:10Z")
    orders.rename(away)
    runs = []
    for minutes in (1, 3, 7):
        runs += automation.at(NOON + dt.timedelta(minutes=minutes)).tick()
        said = automation.said["snowflake_arrivals"]
        assert said.startswith("bronze/snowflake_orders can't be asked since 2026-03-11 12:01:00 UTC")
        assert said.endswith("; nothing new in bronze/snowflake_customers, bronze/snowflake_products")
        write_rows(automation.own.files("fx/rates") / f"{minutes}.csv", RATE_COLUMNS, [rate(minutes)])
    write_rows(automation.own.files("snowflake/customers") / "new.csv", CUSTOMER_COLUMNS, [customer("C1", NOON)])
    assert {run.asked_by for run in runs} == {"fx_arrivals"}
    assert {run.asked_by for run in automation.tick()} == {"fx_arrivals", "snowflake_arrivals"}
    told = sources_away(remembered(automation))
    assert told.keys() == {"snowflake"}
    assert "orders is missing" in told["snowflake"]
    away.rename(orders)
    place_order(automation.own, "after", f"{TODAY}T12:10:00Z")
    assert automation.look("snowflake_arrivals") == [], "the next look waits for the pause to end"
    automation.at(NOON + dt.timedelta(minutes=20)).settle()
    assert [name for name, day, _ in facts(automation) if day == TODAY] == ["after", "before"]
    assert automation.said["snowflake_arrivals"].startswith("nothing new")
    assert sources_away(remembered(automation)) == {}


def test_a_source_that_does_not_answer_is_asked_for_none_of_its_tables(
    automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def listed(folder: Folder) -> list[DataFile]:
        """Stands in for object storage that is away."""
        asked.append(folder.label)
        raise SourceUnavailableError(f"{folder.label}: object storage did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "files", listed)
        assert [automation.look("snowflake_arrivals") for _ in range(3)] == [[], [], []]
    assert asked == ["snowflake/customers"]
    assert automation.said["snowflake_arrivals"].startswith("snowflake can't be asked since 2026-03-11 12:00:00 UTC")
    automation.at(NOON + dt.timedelta(minutes=1)).look("snowflake_arrivals")
    assert sources_away(remembered(automation)) == {}


def test_the_open_day_is_late_once_it_lacks_for_five_minutes_what_its_source_was_seen_to_hold(
    automation: Automation,
) -> None:
    def late() -> dt.timedelta:
        contract, now = automation.lake.contracts["bronze/snowflake_orders"], automation.now
        since = behind_since(remembered(automation)).get(contract.table)
        closed = freshness(contract, now, automation.lake.states()[contract.table].loaded, (), START)
        return with_open_day(closed, contract, now, since).late_by

    with automation.loads_wait():
        for minutes in (0, 60, 63, 65.5):
            if minutes == 60:
                place_order(automation.own, "new", f"{TODAY}T12:59:59Z")
            automation.at(NOON + dt.timedelta(minutes=minutes)).look("snowflake_arrivals")
            assert late() == dt.timedelta(minutes=max(0, minutes - 65)), minutes
    automation.look("snowflake_arrivals")
    place_order(automation.own, "newer", f"{TODAY}T13:05:00Z")
    with automation.loads_wait():
        automation.at(NOON + dt.timedelta(minutes=70)).look("snowflake_arrivals")
        assert late() == dt.timedelta(), "since the load, it has lacked something for a moment"
    automation.look("snowflake_arrivals")
    automation.look("snowflake_arrivals")
    assert behind_since(remembered(automation)) == {}


def test_a_source_that_it_costs_to_ask_is_asked_as_often_as_its_contracts_say(automation: Automation) -> None:
    lake = automation.lake
    assert {seconds_between_looks(lake, source) for source in lake.settings.sources} == {5}
    lake.settings = lake.settings.model_copy(update={"polled": ("snowflake", "salesforce", "fx", "kafka")})
    polled = {source: seconds_between_looks(lake, source) for source in ("snowflake", "redshift", "salesforce", "fx")}
    assert polled == {"snowflake": 15 * 60, "redshift": 5, "salesforce": 3600, "fx": 3600}
    with pytest.raises(ConfigurationError, match="LAKEHOUSE_POLLED names kafka"):
        seconds_between_looks(lake, "kafka")


def test_a_cursor_that_cannot_be_read_is_as_good_as_none(automation: Automation) -> None:
    for damaged in (
        "{",
        "[]",
        '{"away": {"what": "x"}}',
        '{"since": "2026-01-01", "tables": []}',
        '{"behind": {"a": 1}}',
    ):
        automation.cursors["fx_arrivals"] = damaged
        assert automation.look("fx_arrivals") == []
        assert automation.cursors["fx_arrivals"] == ""


def test_a_failed_audit_is_not_tried_again_until_its_data_changes(automation: Automation) -> None:
    automation.at(NOON + dt.timedelta(minutes=1)).evaluate()
    file = automation.own.files("snowflake/orders") / "broken.csv"
    rows = [order(f"{number}", f"{TODAY}T12:00:00Z") for number in range(1000)]
    write_rows(file, ORDER_COLUMNS, [*rows[:900], *(row | {"currency": "QQQ"} for row in rows[900:])])
    before = facts(automation)
    runs = automation.tick()
    assert [(run.succeeded, "silver/orders" in run.tables) for run in runs] == [(False, True)]
    for minutes in (2, 10, 15.5, 30.5, 45.5, 24 * 60 - 1):
        later = automation.at(NOON + dt.timedelta(minutes=minutes)) if minutes < 60 else automation
        assert later.tick() == []
        assert [run for run in later.evaluate() if "silver/orders" in run.tables] == []
    assert facts(automation) == before
    write_rows(file, ORDER_COLUMNS, rows)
    runs = automation.settle()
    assert [run.succeeded for run in runs] == [True], (automation.said, automation.lake.settings.now)
    assert len(facts(automation)) == len(before) + 1000


def test_what_another_process_published_and_dagster_never_heard_of_is_followed(automation: Automation) -> None:
    late = DAYS[-2]
    place_order(automation.own, "late", f"{late}T20:00:00Z", amount=Decimal("5.00"))
    # Of an instance of its own: as after a kill between the commit and the storing of events.
    assert automation.own.load(TODAY, ("bronze/snowflake_orders", "silver/orders"), late) == []
    runs = automation.settle()
    assert {run.asked_by for run in runs} == {"stale_partitions"}
    assert {day for run in runs for day in run.days} == {late, DAYS[-1]}
    assert ("late", late, Decimal("5.00")) in facts(automation)


def test_a_load_that_is_killed_between_its_commit_and_dagsters_record_of_it_is_made_up_for(
    loaded: OwnLake, tmp_path: Path, processes: LakeProcesses
) -> None:
    own = replace(loaded.copied_to(tmp_path / "lake"), home=tmp_path / "home")
    late = DAYS[-2]
    with automated_among_others(own, NOON) as automation:
        before = automation.versions()
        place_order(own, "late", f"{late}T20:00:00Z", amount=Decimal("5.00"))
        killed = processes.run("run", environment=own.variables(NOON), kill=SILVER_PUBLISHED, tables=own.contracts)
        assert killed.status == -9, killed.output
        changed = {place for place, version in automation.versions().items() if before.get(place) != version}
        assert changed == {("bronze/snowflake_orders", late), ("silver/orders", late)}
        [run] = automation.instance.get_runs()
        known = automation.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        assert [entry.step_key for entry in known] == ["bronze__snowflake_orders"]

        assert automation.look("stale_partitions") == []
        assert "a run is at it: gold/fct_orders" in automation.said["stale_partitions"]
        assert automation.look("left_behind_runs") == []
        assert automation.said["left_behind_runs"] == f"ended, since their process is gone: {run.run_id}"
        runs = automation.settle()
        assert {one.asked_by for one in runs} == {"stale_partitions"}
        changed = {place for place, version in automation.versions().items() if before.get(place) != version}
        assert {day for _, day in changed} == {late, DAYS[-1]}
        assert {table for table, day in changed if day == DAYS[-1]} == FROM_THE_PAST
        assert ("late", late, Decimal("5.00")) in facts(automation)
        assert {one.table for one in automation.lake.plan().due} <= FOLLOWS_TODAY


def test_days_that_are_too_old_are_reported_once_with_the_command_that_loads_them(automation: Automation) -> None:
    place_order(automation.own, "late", f"{DAYS[2]}T20:00:00Z")
    automation.settle()
    automation.tick()
    told = {"/".join(one.asset_key.path): one for one in automation.observed}
    assert told.keys() == {"gold/customer_360", "gold/customer_segments"}
    assert len(automation.observed) == len(told)
    days = told["gold/customer_360"].metadata
    assert days["stale_days"].value == f"{DAYS[2]} to {DAYS[6]}"
    assert f"lakehouse run gold/customer_360 --from {DAYS[2]} --to {DAYS[6]}" in str(days["repaired_by"].value)
