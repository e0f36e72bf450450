"""What one sees without doing anything: orders of the demo are placed, sensors fire, gold follows."""

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from conftest import PATIENCE, TakePicture
from dagster_pages import SCREEN
from dagster_server import DagsterServer, dagster_server, wait_for, whole_environment
from deltalake import DeltaTable
from playwright.sync_api import Browser, Page, expect

from contracts.model import Contract
from resources.sources.demo.source import DemoSource

SCALE = 5.0
"""An order is placed every quarter of a minute by day, and less often by night."""
SEED = 1
CLOSED_DAYS = 2
SENSORS = (
    *(f"{source}_arrivals" for source in ("snowflake", "redshift", "salesforce", "kafka", "fx")),
    "stale_partitions",
    "alerts",
)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Those of a lake whose closed days were loaded at a prompt, and whose clock is the machine's."""
    folder = tmp_path_factory.mktemp("live")
    settings = {
        "DAGSTER_HOME": str(folder / "home"),
        "LAKEHOUSE_ROOT": str(folder / "lake"),
        "LAKEHOUSE_START_DATE": str(now().date() - dt.timedelta(days=CLOSED_DAYS)),
        "LAKEHOUSE_DEMO_SCALE": str(SCALE),
        "LAKEHOUSE_DEMO_SEED": str(SEED),
    }
    command = [sys.executable, "-c", "from lakehouse_assets.command import main; main()", "run"]
    subprocess.run(command, cwd=folder, env=whole_environment(settings), check=True, timeout=300)
    return settings


@pytest.fixture(scope="module")
def live(settings: Mapping[str, str]) -> Iterator[DagsterServer]:
    with dagster_server(Path(settings["LAKEHOUSE_ROOT"]).parent, settings) as server:
        yield server


@pytest.fixture
def page(browser: Browser, live: DagsterServer) -> Iterator[Page]:
    expect.set_options(timeout=PATIENCE)
    page = browser.new_context(base_url=live.address, viewport=SCREEN).new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    page.context.close()


def test_an_order_that_is_placed_while_one_looks_comes_into_gold_by_itself(
    page: Page,
    live: DagsterServer,
    settings: Mapping[str, str],
    contracts: Mapping[str, Contract],
    take_picture: TakePicture,
) -> None:
    start = dt.date.fromisoformat(settings["LAKEHOUSE_START_DATE"])
    source = DemoSource(start, seed=SEED, scale=SCALE, clock=now)
    since = now()

    def placed() -> set[str]:
        today = now().date()
        batches = source.extract(contracts["bronze/snowflake_orders"], today, today).batches
        rows = (row for batch in batches for row in batch.to_pylist())
        # Rows with flaws go to quarantine instead.
        whole = (
            row
            for row in rows
            if row["status"] == "PLACED"
            and row["_unreadable"] is None
            and all(row[name] for name in ("order_id", "customer_id", "currency"))
        )
        return {row["order_id"] for row in whole if row["last_modified_ts"] and row["last_modified_ts"] >= since}

    def in_gold() -> set[str]:
        facts = DeltaTable(f"{settings['LAKEHOUSE_ROOT']}/gold/fct_orders")
        return set(facts.to_pyarrow_table(columns=["order_id"])["order_id"].to_pylist())

    orders = wait_for(placed, 180, "a new order")
    wait_for(lambda: orders & in_gold(), 180, "the new order in gold")

    runs = live.query("{ runsOrError { ... on Runs { results { status tags { key value } } } } }")["runsOrError"][
        "results"
    ]
    by_sensor = {
        tag["value"]: run["status"] for run in runs for tag in run["tags"] if tag["key"] == "dagster/sensor_name"
    }
    assert "snowflake_arrivals" in by_sensor
    assert "FAILURE" not in {run["status"] for run in runs}
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
