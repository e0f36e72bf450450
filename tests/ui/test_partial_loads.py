"""Loads of a part, asked for by clicking: what a failure left undone, the days that are missing, a table and what follows from it."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ended_runs
from dagster_pages import (
    first_page,
    launch_backfill,
    launch_backfill_of_graph,
    launched_backfill,
    open_backfill,
)
from dagster_server import DagsterServer, dagster_server, wait_for
from playwright.sync_api import Browser

from contracts.model import Contract
from tests.lake_processes import START, demo_environment
from tests.support import with_what_follows

FIRST, SECOND, THIRD, FOURTH = DAYS = [START + dt.timedelta(days=number) for number in range(4)]
RATES = "bronze/fx_rates"
"""The table whose file lacks a column at first."""


@dataclass(frozen=True)
class Lake:
    """A running Dagster, and the folder of its lake's files."""

    dagster: DagsterServer
    files: Path

    def deliver_rates(self, quote: str) -> None:
        """Writes the file of rates, in which the column of currencies has a name."""
        days = [FIRST - dt.timedelta(days=number) for number in range(-3, 8)]
        rows = [f"{day},EUR,{currency},1.25" for day in days for currency in ("USD", "GBP", "CHF", "SEK", "PLN", "JPY")]
        self.files.mkdir(parents=True, exist_ok=True)
        (self.files / "rates.csv").write_text("\n".join([f"rate_date,base,{quote},rate", *rows]))

    def loaded_by(self, day: dt.date) -> Mapping[str, str]:
        """The run that last loaded a day of each table, where one did."""
        found = self.dagster.query(
            """query ($days: [String!]) {
                 assetNodes { assetKey { path } latestMaterializationByPartition(partitions: $days) { runId } }
               }""",
            days=[str(day)],
        )["assetNodes"]
        return {
            "/".join(one["assetKey"]["path"]): load["runId"]
            for one in found
            for load in one["latestMaterializationByPartition"]
            if load
        }

    def ended(self, backfill: str) -> Mapping[str, str]:
        """The statuses of a backfill's runs."""
        return wait_for(lambda: ended_runs(self.dagster, backfill), 300, "the end of the backfill")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    folder = tmp_path_factory.mktemp("partial")
    settings = {
        "LAKEHOUSE_AUTOMATION": "off",
        "LAKEHOUSE_MASK_SALT": "a salt for tests",
        "LAKEHOUSE_FX": "files",
        "LAKEHOUSE_FILES_ROOT": str(folder / "files"),
    }
    with dagster_server(folder, {**demo_environment(folder, len(DAYS)), **settings}) as server:
        yield Lake(server, folder / "files/fx/rates")


def test_what_a_failure_left_undone_is_loaded_and_nothing_else(
    lake: Lake, browser: Browser, contracts: Mapping[str, Contract]
) -> None:
    lake.deliver_rates("currency")
    with first_page(browser, lake.dagster.address) as page:
        failed = launch_backfill(page, FIRST, SECOND, lambda: None)
    [(broken, status)] = lake.ended(failed).items()
    assert status == "FAILURE"
    undone = with_what_follows(RATES, contracts)
    assert lake.loaded_by(FIRST) == dict.fromkeys(contracts.keys() - undone, broken)

    lake.deliver_rates("quote")
    with first_page(browser, lake.dagster.address) as page:
        open_backfill(page, failed)
        page.get_by_role("button", name="expand_more").click()
        page.get_by_role("menuitem", name="Re-execute from failure").click()
        again = launched_backfill(page)
    [(mended, status)] = lake.ended(again).items()
    assert status == "SUCCESS"
    for day in (FIRST, SECOND):
        assert lake.loaded_by(day) == {table: mended if table in undone else broken for table in contracts}


def test_missing_days_alone_are_loaded(lake: Lake, browser: Browser, contracts: Mapping[str, Contract]) -> None:
    before = lake.loaded_by(FIRST)
    with first_page(browser, lake.dagster.address) as page:
        only = page.get_by_text("Backfill only failed and missing partitions within selection")
        backfill = launch_backfill(page, FIRST, FOURTH, only.click)
    [(run, status)] = lake.ended(backfill).items()
    assert status == "SUCCESS"
    for day in (THIRD, FOURTH):
        assert lake.loaded_by(day) == dict.fromkeys(contracts, run)
    assert lake.loaded_by(FIRST) == before


def test_a_table_is_loaded_again_with_what_follows_from_it(
    lake: Lake, browser: Browser, contracts: Mapping[str, Contract]
) -> None:
    before = lake.loaded_by(SECOND)
    with first_page(browser, lake.dagster.address) as page:
        page.goto("/assets/gold/customer_daily?view=lineage&lineageScope=downstream")
        backfill = launch_backfill_of_graph(page, FIRST, SECOND, lambda: None)
    [(run, status)] = lake.ended(backfill).items()
    assert status == "SUCCESS"
    again = dict.fromkeys(with_what_follows("gold/customer_daily", contracts), run)
    assert len(again) == 4
    assert lake.loaded_by(SECOND) == {**before, **again}
