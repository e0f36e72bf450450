"""What somebody clicks in Dagster's UI."""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

SCREEN: ViewportSize = {"width": 1440, "height": 900}
HIGH: ViewportSize = {"width": 1440, "height": 2700}
"""What isn't in sight isn't drawn. Here the whole graph is, and a list of all tables."""

PATIENCE = 30_000
"""Milliseconds within which a page must show what is expected of it, also on a busy machine."""


@contextmanager
def first_page(browser: Browser, address: str) -> Iterator[Page]:
    """Dagster's first page, as somebody sees it who was never there before.

    A page follows runs while it is open, which takes time from them: it isn't kept for a wait.
    """
    expect.set_options(timeout=PATIENCE)
    with browser.new_context(base_url=address, viewport=SCREEN) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto("/")
        yield page


def open_graph(page: Page) -> None:
    """Opens the asset graph from the menu, where another link's icon is also named after lineage."""
    page.get_by_role("link", name="lineage Lineage", exact=True).click()


def expand_groups(page: Page) -> None:
    """Opens the asset graph with the tables of every group, also in the tree beside it."""
    open_graph(page)
    page.get_by_role("button", name="settings", exact=True).click()
    page.get_by_role("menuitem", name="Expand all groups").click()
    page.keyboard.press("Escape")
    # The graph is fitted into the page when it is opened; what is expanded stands in the address.
    page.reload()
    for group in ("bronze", "silver", "gold"):
        page.get_by_role("button", name=f"asset_group {group}").locator("xpath=preceding::button[1]").click()


def launch_backfill(page: Page, first: dt.date, last: dt.date, before_launch: Callable[[], object]) -> str:
    """Materializes days of all tables from the asset graph; the answer is the backfill's id."""
    open_graph(page)
    return launch_backfill_of_graph(page, first, last, before_launch)


def launch_backfill_of_graph(page: Page, first: dt.date, last: dt.date, before_launch: Callable[[], object]) -> str:
    """Materializes days of the tables in the graph that is open; the answer is the backfill's id."""
    page.get_by_role("button", name="Materialize all…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(f"[{first}...{last}]")
    page.keyboard.press("Tab")
    launch = dialog.get_by_role("button", name="Launch backfill")
    expect(launch).to_be_enabled()
    before_launch()
    launch.click()
    return launched_backfill(page)


def launched_backfill(page: Page) -> str:
    """The id of the backfill that the page says is launched."""
    created = page.get_by_text("Created backfill")
    expect(created).to_be_visible()
    found = re.search(r"Created backfill (\w+)", created.inner_text())
    assert found
    return found[1]


def open_backfill(page: Page, backfill: str) -> None:
    """Finds a backfill among the runs and opens it."""
    page.get_by_role("link", name="Runs").click()
    page.get_by_role("link", name=backfill).click()


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def row_of_column(page: Page, column: str) -> Locator:
    """Finds a column on a table's page."""
    page.get_by_placeholder("Filter columns").fill(column)
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=column, exact=True))
