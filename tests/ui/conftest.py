"""A browser on Dagster's UI, over a lake whose days are loaded by clicking. `make test-ui` runs these tests."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster_pages import SCREEN, first_page, launch_backfill
from dagster_server import DagsterServer, dagster_server, wait_for
from playwright.sync_api import Browser, Page, sync_playwright

from tests.lake_processes import START, demo_environment

CHROMIUM = ("chromium", "chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DAYS = 10
"""Closed days of the lake, none of which is loaded."""
TakePicture = Callable[[Page, str], object]


@dataclass(frozen=True)
class Backfill:
    """A backfill whose runs have succeeded."""

    id: str
    runs: list[str]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="where screenshots are kept: a temporary folder by default")


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterServer]:
    """Dagster, over a lake of which nothing is loaded."""
    folder = tmp_path_factory.mktemp("dagster")
    # Sensors would load the days before anybody clicks.
    with dagster_server(folder, {**demo_environment(folder, DAYS), "LAKEHOUSE_AUTOMATION": "off"}) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's chromium."""
    executable = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert executable, "chromium is needed: for example apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, dagster: DagsterServer) -> Iterator[Page]:
    with first_page(browser, dagster.address) as page:
        yield page


@pytest.fixture(scope="session")
def take_picture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TakePicture:
    """Keeps what a page shows on a screen, under a name."""
    folder: Path = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    # What is faded in is taken when it is all there.
    return lambda page, name: page.screenshot(
        path=folder / f"ui-{name}.png", clip={"x": 0, "y": 0, **SCREEN}, animations="disabled"
    )


@pytest.fixture(scope="module")
def backfill(browser: Browser, dagster: DagsterServer, take_picture: TakePicture) -> Backfill:
    """The lake's closed days of all tables, loaded by clicking."""
    last = START + dt.timedelta(days=DAYS - 1)
    with first_page(browser, dagster.address) as page:
        launched = launch_backfill(page, START, last, lambda: take_picture(page, "backfill"))
    runs = wait_for(lambda: ended_runs(dagster, launched), 600, "the end of the backfill")
    assert set(runs.values()) == {"SUCCESS"}
    return Backfill(launched, list(runs))


def ended_runs(dagster: DagsterServer, backfill: str) -> Mapping[str, str] | None:
    """The statuses of a backfill's runs, once the daemon knows that all have ended: until then the UI repeats none."""
    found = dagster.query(
        """query ($backfill: String!) {
             partitionBackfillOrError(backfillId: $backfill) {
               ... on PartitionBackfill { status runs { runId status } }
             }
           }""",
        backfill=backfill,
    )["partitionBackfillOrError"]
    if found["status"] not in {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}:
        return None
    return {run["runId"]: run["status"] for run in found["runs"]}
