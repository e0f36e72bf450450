"""The sensor of alerts over a lake of a few rows and a real instance of Dagster, from the first look to what is delivered."""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import structlog
from dagster._core.events import EngineEventData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType, SensorInstigatorData

from contracts.model import AggregateRule, Bounds, Contract, Severity
from lakehouse_assets.automation.alert_sensor import look_and_deliver
from lakehouse_assets.automation.cursor import read_cursor
from lakehouse_assets.automation.source_cursors import Behind, SourceCursor
from lakehouse_assets.definitions import build_definitions
from lakehouse_assets.instance.home import prepare_home
from lakehouse_assets.instance.left_behind import end, runs_under_way
from resources.alerts.interface import Alert, AlertRefusedError, AlertUnavailableError
from tests.lakehouse_assets.tiny_lake import FIRST, ORDER_TABLES, SECOND, TinyLake, order
from tests.resources.alert_support import SECRET, receiving, status
from tests.support import SharedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BRONZE, SILVER = ORDER_TABLES
AT_NIGHT = dt.datetime(2026, 10, 3, 0, 1, tzinfo=dt.UTC)
"""When the second day is over, and no table is late yet that has the first."""
FIRST_NOON = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)
"""When no day is over, so that nothing is late."""


@dataclass
class Sensor:
    """The sensor, and the cursor that Dagster keeps for it."""

    tiny: TinyLake
    instance: dg.DagsterInstance
    cursor: str | None = None
    said: list[str] = field(default_factory=list)

    def tick(self) -> list[tuple[str, str, str]]:
        """One look. Returns what it added to the file of alerts."""
        before = len(self.alerts())
        definitions = build_definitions(self.tiny.lake).get_repository_def()
        with dg.build_sensor_context(self.instance, self.cursor, repository_def=definitions) as context:
            ticked = definitions.get_sensor_def("alerts").evaluate_tick(context)
        assert ticked.run_requests == []
        self.cursor = ticked.cursor
        self.said.append(ticked.skip_message or "")
        return [(one["subject"], one["condition"], one["state"]) for one in self.alerts()[before:]]

    def alerts(self) -> list[dict[str, str]]:
        path = Path(self.tiny.alerts)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def load(self, *tables: str, first: dt.date = FIRST, last: dt.date = SECOND) -> Any:
        return self.tiny.materialize(tables, first, last, instance=self.instance)


@pytest.fixture
def sensor(
    tmp_path: Path, spark: "SparkSession", contracts: Mapping[str, Contract], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sensor]:
    """A lake of two tables, whose orders of two days have arrived, before any is due."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0)
    two = {table: contracts[table] for table in ORDER_TABLES}
    tiny = TinyLake(tmp_path, SharedEngine(spark), two, now=AT_NIGHT, alerts=str(tmp_path / "alerts.jsonl"))
    tiny.deliver("snowflake/orders", "orders", order("1", FIRST), order("2", SECOND, amount="20.00"))
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        yield Sensor(tiny, instance)


def limit_amounts(tiny: TinyLake, most: int) -> None:
    rule = AggregateRule(
        "none_too_dear", "max(amount)", Bounds(at_most=most), Severity.ERROR, "accuracy", "Small orders."
    )
    tiny.contracts = {**tiny.contracts, SILVER: replace(tiny.contracts[SILVER], table_rules=(rule,))}


def test_a_blocking_check_that_fails_is_one_alert_until_it_is_mended(sensor: Sensor) -> None:
    sensor.load(*ORDER_TABLES, last=FIRST)
    assert sensor.tick() == []
    limit_amounts(sensor.tiny, 15)
    assert set(sensor.load(*ORDER_TABLES, first=SECOND).failures) == {SILVER}
    assert sensor.tick() == [(SILVER, "check_failed:table", "raised")]
    assert sensor.tick() == []
    limit_amounts(sensor.tiny, 25)
    assert sensor.load(SILVER, first=SECOND).failures == {}
    assert sensor.tick() == [(SILVER, "check_failed:table", "cleared")]
    assert sensor.tick() == []
    raised, cleared = sensor.alerts()
    assert raised["id"] == cleared["id"]
    assert raised["severity"] == "error"
    assert raised["summary"] == "silver/orders: the check table failed"
    assert raised["detail"].startswith("2026-10-02, run ")
    assert "none_too_dear is 20.00" in raised["detail"]
    assert sensor.said == [
        f"{holding}; delivered to {sensor.tiny.alerts}: {counts}; 0 wait to be delivered"
        for holding, counts in [
            ("0 conditions hold", "0 raised, 0 cleared"),
            ("1 condition holds", "1 raised, 0 cleared"),
            ("1 condition holds", "0 raised, 0 cleared"),
            ("0 conditions hold", "0 raised, 1 cleared"),
            ("0 conditions hold", "0 raised, 0 cleared"),
        ]
    ]


def test_a_run_that_fails_is_one_alert_until_its_days_are_loaded(sensor: Sensor) -> None:
    sensor.load(*ORDER_TABLES, last=FIRST)
    orders = sensor.tiny.folder / "files" / "snowflake" / "orders"
    orders.rename(orders.with_name("away"))
    assert set(sensor.load(*ORDER_TABLES, first=SECOND).failures) == {BRONZE}
    assert sensor.tick() == [(BRONZE, "run_failed", "raised")]
    assert sensor.tick() == []
    assert str(orders) in sensor.alerts()[0]["detail"]
    orders.with_name("away").rename(orders)
    assert sensor.load(*ORDER_TABLES, first=SECOND).failures == {}
    assert sensor.tick() == [(BRONZE, "run_failed", "cleared")]


def test_a_table_is_late_from_its_hour_on_until_the_day_is_loaded(sensor: Sensor) -> None:
    sensor.load(*ORDER_TABLES, last=FIRST)
    assert sensor.tick() == []
    available_by = sensor.tiny.contracts[SILVER].available_by
    sensor.tiny.now = dt.datetime.combine(AT_NIGHT.date(), dt.time(23), dt.UTC)
    assert sensor.tick() == [(BRONZE, "late", "raised"), (SILVER, "late", "raised")]
    assert sensor.tick() == []
    alert = sensor.alerts()[1]
    assert alert["since"] == f"2026-10-03T{available_by:%H:%M}:00Z"
    assert "2026-10-02 is due" in alert["detail"]
    sensor.load(BRONZE, first=SECOND)
    assert sensor.tick() == [(BRONZE, "late", "cleared")]
    sensor.load(SILVER, first=SECOND)
    assert sensor.tick() == [(SILVER, "late", "cleared")]


def test_the_check_of_freshness_is_no_second_alert_beside_late(sensor: Sensor) -> None:
    sensor.tiny.now = dt.datetime.combine(AT_NIGHT.date(), dt.time(23), dt.UTC)
    evaluation = sensor.tiny.check(SILVER, "freshness", instance=sensor.instance)
    assert not evaluation.passed
    assert sensor.tick() == [(BRONZE, "late", "raised"), (SILVER, "late", "raised")]


def test_a_run_that_was_left_behind_is_an_alert_until_it_is_ended(sensor: Sensor) -> None:
    sensor.load(*ORDER_TABLES)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    job = build_definitions(sensor.tiny.lake).resolve_implicit_global_asset_job_def()
    run = sensor.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    pid = {"pid": dg.MetadataValue.text(str(process.pid))}
    sensor.instance.report_engine_event("Executing steps in process", run, EngineEventData(metadata=pid))
    assert sensor.tick() == [(f"run {run.run_id}", "left_behind", "raised")]
    assert sensor.alerts()[0]["severity"] == "warning"
    assert sensor.tick() == []
    for one in runs_under_way(sensor.instance, dt.datetime.now(dt.UTC)):
        end(sensor.instance, one)
    assert sensor.tick() == [(f"run {run.run_id}", "left_behind", "cleared")]


@dataclass
class Channel:
    """Takes alerts, or fails for some times."""

    failure: Exception | None = None
    taken: list[Alert] = field(default_factory=list)
    name = "a channel"

    def send(self, alert: Alert) -> None:
        if self.failure:
            raise self.failure
        self.taken.append(alert)


def test_a_source_that_is_away_is_an_alert_until_it_is_back(sensor: Sensor) -> None:
    sensor.tiny.now = FIRST_NOON
    channel = Channel()

    def look(cursor: str | None, unavailable: Mapping[str, str]) -> str:
        return look_and_deliver(sensor.tiny.lake, sensor.instance, [], cursor, channel, unavailable)[0]

    cursor = look(None, {"snowflake": "no route to host"})
    cursor = look(cursor, {"snowflake": "no route to host, still"})
    look(cursor, {})
    assert [(one.subject, one.condition, one.state, one.detail) for one in channel.taken] == [
        ("source snowflake", "source_unavailable", "raised", "no route to host"),
        ("source snowflake", "source_unavailable", "cleared", ""),
    ]


@pytest.mark.parametrize(
    ("status", "minutes_ago", "seen"),
    [
        (InstigatorStatus.RUNNING, 0, True),
        (InstigatorStatus.DECLARED_IN_CODE, 4, True),
        (InstigatorStatus.STOPPED, 0, False),
        (InstigatorStatus.RUNNING, 6, False),
    ],
)
def test_an_open_day_that_lacks_what_its_source_holds_is_late_while_the_sensor_is_on(
    sensor: Sensor, status: InstigatorStatus, minutes_ago: float, seen: bool
) -> None:
    sensor.tiny.now = FIRST_NOON
    since = FIRST_NOON - dt.timedelta(minutes=6)
    cursor = SourceCursor(behind={BRONZE: Behind(since, load=3)}).text()
    ticked = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes_ago)).timestamp()
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("lakehouse"), "__repository__"), "snowflake_arrivals"
    )
    data = SensorInstigatorData(last_tick_timestamp=ticked, min_interval=5, cursor=cursor)
    sensor.instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status, data))
    assert sensor.tick() == ([(BRONZE, "late", "raised")] if seen else [])
    if seen:
        [alert] = sensor.alerts()
        assert "2026-10-01, which is open, lacks what its source has held since 2026-10-01 11:54 UTC" in alert["detail"]
    assert sensor.tiny.check(BRONZE, "freshness", instance=sensor.instance).passed is not seen


@pytest.mark.parametrize("failure", [AlertUnavailableError("nobody there"), AlertRefusedError("go away")])
def test_what_could_not_be_delivered_is_said_and_comes_again(sensor: Sensor, failure: Exception) -> None:
    sensor.tiny.now = FIRST_NOON
    channel = Channel(failure)
    away = {"fx": "gone"}
    with structlog.testing.capture_logs() as lines:
        cursor, said = look_and_deliver(sensor.tiny.lake, sensor.instance, [], None, channel, away)
    assert said.endswith(f"1 waits to be delivered ({failure})")
    assert [(line["log_level"], line["channel"], line["reason"]) for line in lines] == [
        ("warning", "a channel", str(failure))
    ]
    channel.failure = None
    cursor, said = look_and_deliver(sensor.tiny.lake, sensor.instance, [], cursor, channel, away)
    assert [one.subject for one in channel.taken] == ["source fx"]
    assert said == "1 condition holds; delivered to a channel: 1 raised, 0 cleared; 0 wait to be delivered"
    assert read_cursor(cursor).alerts.waiting == ()


def test_a_webhook_gets_alerts_and_its_address_stands_nowhere(
    sensor: Sensor, capfd: pytest.CaptureFixture[str]
) -> None:
    sensor.tiny.now = dt.datetime.combine(AT_NIGHT.date(), dt.time(23), dt.UTC)
    with receiving() as receiver:
        sensor.tiny.alerts = receiver.address
        receiver.answers = [status(404), status(200)]
        sensor.tick()
        assert [body["subject"] for body in receiver.bodies] == [BRONZE, SILVER]
        sensor.tick()
        assert [body["subject"] for body in receiver.bodies] == [BRONZE, SILVER, BRONZE]
    output = capfd.readouterr()
    assert "127.0.0.1 answered 404" in sensor.said[0]
    assert "127.0.0.1 answered 404" in output.out + output.err
    assert SECRET not in f"{output.out} {output.err} {sensor.said} {sensor.cursor} {sensor.tiny.lake.settings!r}"


def test_a_long_message_is_cut_to_what_one_line_shows(sensor: Sensor) -> None:
    sensor.tiny.now = FIRST_NOON
    channel = Channel()
    look_and_deliver(sensor.tiny.lake, sensor.instance, [], None, channel, {"fx": "x" * 1000 + "\ny", "kafka": "a\nb"})
    assert [(len(one.detail), one.detail[-1]) for one in channel.taken] == [(500, "…"), (1, "a")]


def test_the_sensor_runs_by_default_and_every_half_minute(sensor: Sensor) -> None:
    definition = build_definitions(sensor.tiny.lake).get_repository_def().get_sensor_def("alerts")
    assert definition.default_status is dg.DefaultSensorStatus.RUNNING
    assert definition.minimum_interval_seconds == 30
