"""Dagster with everything running: days of the past are loaded beside today's, and what happens to an order comes into gold by itself."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import TakePicture, ended_runs
from dagster_pages import first_page, launch_backfill
from dagster_server import DagsterServer, dagster_server, wait_for
from deltalake import DeltaTable
from playwright.sync_api import Browser, expect

from asset_checks.identities import Verdict
from contracts.days import days_between
from lakehouse_assets.automation.news import is_immediate, late_news
from lakehouse_assets.automation.ticks import moment_of
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings
from tests.published_identities import judge
from tests.repeated_loads import repeated_loads

SCALE = 3.0
"""An order is placed every half a minute by day, and seldom at midnight; something happens to one every minute or two."""
CLOSED_DAYS = 30
SENSORS = (
    *(f"{source}_arrivals" for source in ("snowflake", "redshift", "salesforce", "kafka", "fx")),
    "stale_partitions",
    "left_behind_runs",
    "alerts",
)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Those of a lake of which nothing is loaded, and whose clock is the machine's."""
    folder = tmp_path_factory.mktemp("live")
    return {
        "DAGSTER_HOME": str(folder / "home"),
        "LAKEHOUSE_ROOT": str(folder / "lake"),
        "LAKEHOUSE_START_DATE": str(now().date() - dt.timedelta(days=CLOSED_DAYS)),
        "LAKEHOUSE_DEMO_SCALE": str(SCALE),
    }


@pytest.fixture(scope="module")
def since() -> dt.datetime:
    """When Dagster is about to start."""
    return now()


@pytest.fixture(scope="module")
def live(settings: Mapping[str, str], since: dt.datetime) -> Iterator[DagsterServer]:
    with dagster_server(Path(settings["LAKEHOUSE_ROOT"]).parent, settings) as server:
        yield server


@pytest.fixture
def lake(settings: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The lake as this process sees it."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    lake = Lake(Settings(_env_file=None))
    yield lake
    lake.engine.close()


@dataclass(frozen=True)
class SeenRun:
    """A run as Dagster lists it; times are in seconds since 1970, none where it didn't come to that."""

    status: str
    started: float | None
    ended: float | None
    asked_by: str


def runs_of(live: DagsterServer, tag: str) -> list[SeenRun]:
    """The runs that have a tag, which says what asked for them."""
    found = live.query("{ runsOrError { ... on Runs { results { status startTime endTime tags { key value } } } } }")
    return [
        SeenRun(run["status"], run["startTime"], run["endTime"], one["value"])
        for run in found["runsOrError"]["results"]
        for one in run["tags"]
        if one["key"] == tag
    ]


def failures_of(live: DagsterServer) -> list[str]:
    """What steps that failed said, of all runs."""
    found = live.query("""{ runsOrError(filter: {statuses: [FAILURE]}) { ... on Runs { results {
        eventConnection { events { ... on ExecutionStepFailureEvent { stepKey error { message } } } } } } } }""")
    return [
        f"{event['stepKey']}: {event['error']['message']}"
        for run in found["runsOrError"]["results"]
        for event in run["eventConnection"]["events"]
        if "stepKey" in event
    ]


def test_thirty_days_are_backfilled_beside_live_loads_and_nothing_is_loaded_twice(
    browser: Browser, live: DagsterServer, lake: Lake
) -> None:
    first, last = lake.settings.start_date, now().date() - dt.timedelta(days=1)
    wait_for(lambda: runs_of(live, "dagster/sensor_name"), 60, "the first live load")
    with first_page(browser, live.address) as page:
        backfill = launch_backfill(page, first, last, lambda: None)
    ended = wait_for(lambda: ended_runs(live, backfill), 900, "the end of the backfill")
    assert set(ended.values()) == {"SUCCESS"}
    [long] = runs_of(live, "dagster/backfill")
    assert any(one.started and long.ended and one.started < long.ended for one in runs_of(live, "dagster/sensor_name"))
    assert repeated_loads(lake.storage, lake.contracts) == []
    backfilled = now()

    def followed() -> bool:
        # Gold that is not live rests for minutes, and what changes meanwhile has its own time.
        late = [one for one in late_news(moment_of(lake)) if one.since < backfilled]
        return not [one for one in late if is_immediate(lake.contracts[one.table])]

    wait_for(followed, 300, "what changed during the backfill, in silver and live gold")

    def hold() -> bool:
        # The next loads go on while tables are read one after the other, and what changes meanwhile is stale for some
        # minutes. What is broken stays so.
        judged = judge(lake, days_between(first, last))
        verdicts = {
            identity.name: Counter(one.verdict for one in of_days.values()) for identity, of_days in judged.items()
        }
        return all(not one[Verdict.BROKEN] and one[Verdict.HOLDS] > one[Verdict.STALE] for one in verdicts.values())

    wait_for(hold, 300, "identities that hold")


def test_what_happens_to_an_order_while_one_looks_comes_into_gold_by_itself(
    browser: Browser, live: DagsterServer, since: dt.datetime, lake: Lake, take_picture: TakePicture
) -> None:
    def in_gold() -> bool:
        address = lake.storage.table_uri("gold/fct_orders")
        if not DeltaTable.is_deltatable(address):
            return False
        changes = DeltaTable(address).to_pyarrow_table(columns=["last_modified_ts"])["last_modified_ts"].to_pylist()
        return max(changes, default=since) > since

    # At any hour something happens to an order every minute or two; few are placed at midnight.
    wait_for(in_gold, 600, "a change of an order in gold")

    runs = runs_of(live, "dagster/sensor_name")
    assert "snowflake_arrivals" in {run.asked_by for run in runs}
    assert failures_of(live) == []
    assert "FAILURE" not in {run.status for run in runs}
    with first_page(browser, live.address) as page:
        page.goto("/automation")
        for name in (*SENSORS, "safety_net", "freshness_every_quarter_of_an_hour"):
            expect(page.get_by_role("link", name=name)).to_be_visible()
        page.get_by_role("link", name="snowflake_arrivals").click()
        expect(page.get_by_text(re.compile("Loads what snowflake has more of"))).to_be_visible()
        page.goto("/automation")
        expect(page.get_by_text("Standard sensor")).to_have_count(len(SENSORS))
        expect(page.get_by_text("Automation condition sensor")).to_be_visible()
        expect(page.get_by_text(re.compile("ago")).first).to_be_visible()
        take_picture(page, "automation")
