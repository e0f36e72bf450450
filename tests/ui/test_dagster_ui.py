"""What people do and see in Dagster's UI, in a browser."""

import datetime as dt
import re
from collections.abc import Mapping
from fnmatch import fnmatch
from itertools import pairwise

from conftest import DAYS, Backfill, TakePicture
from dagster_pages import HIGH, expand_groups, open_backfill, open_tab, row_of_column
from dagster_server import DagsterServer
from playwright.sync_api import Page, expect

from contracts.model import Contract
from tests.lake_processes import START

LOADED = [str(START + dt.timedelta(days=number)) for number in range(DAYS)]
TO_THE_SOURCE = (
    ("gold/customer_360", "lifetime_net_eur"),
    ("gold/customer_daily", "net_eur"),
    ("gold/fct_orders", "amount_eur"),
    ("silver/orders", "amount"),
    ("bronze/snowflake_orders", "amount"),
)
"""The columns through which a customer's worth comes from an order as it was delivered."""


def test_the_asset_graph_shows_the_tables_of_all_contracts(
    page: Page, contracts: Mapping[str, Contract], take_picture: TakePicture
) -> None:
    page.set_viewport_size(HIGH)
    expand_groups(page)
    layers = {
        layer: sorted(one.name for one in contracts.values() if one.layer == layer)
        for layer in ("bronze", "gold", "silver")
    }
    names = [name for layer, tables in layers.items() for name in (layer, *tables)]
    in_tree = page.get_by_role("button").locator("[title]")
    expect(in_tree).to_have_count(len(names))
    assert [one.get_attribute("title") for one in in_tree.all()] == names
    in_graph = page.locator("foreignObject").filter(has_text=re.compile(r"\w"))
    expect(in_graph).to_have_count(len(names))
    for shown in in_graph.all_text_contents():
        # A long name is cut in its middle.
        names.remove(next(name for name in names if fnmatch(name, shown.replace("…", "*"))))
    assert not names
    expect(page.get_by_role("img", name="missing")).to_have_count(len(contracts))
    take_picture(page, "all-tables")


def test_ten_days_of_all_tables_are_loaded_by_one_run(
    page: Page, backfill: Backfill, dagster: DagsterServer, contracts: Mapping[str, Contract]
) -> None:
    [run] = backfill.runs
    loaded = dagster.query(
        """query ($days: [String!]) {
             assetNodes { assetKey { path } latestMaterializationByPartition(partitions: $days) { partition runId } }
           }""",
        days=LOADED,
    )["assetNodes"]
    assert {"/".join(one["assetKey"]["path"]) for one in loaded} == contracts.keys()
    for one in loaded:
        assert one["latestMaterializationByPartition"] == [{"partition": day, "runId": run} for day in LOADED]
    open_backfill(page, backfill.id)
    open_tab(page, "Runs")
    page.get_by_role("link", name=run[:8]).click()
    expect(page.get_by_text(f"{len(contracts)} assets")).to_be_visible()
    expect(page.get_by_text("Success", exact=True)).to_be_visible()


def test_checks_of_a_table_are_shown_with_what_they_found(
    page: Page, backfill: Backfill, contracts: Mapping[str, Contract], take_picture: TakePicture
) -> None:
    contract = contracts["gold/customer_360"]
    page.goto(f"/assets/{contract.table}")
    open_tab(page, "Checks")
    found = {
        "schema": f"{len(contract.columns)} columns as in version {contract.version} of the contract",
        "rows": re.compile(r"none of [\d,]+ rows is quarantined"),
        "table": "the table rule holds",
        "conserved": "sum(1) of gold/dim_customers = sum(case when last_modified_ts is not null then 1 else 0 end): holds",
        "freshness": f"{LOADED[-1]} is complete, {LOADED[-1]} is due",
        "identities": f"{2 * DAYS} of {2 * DAYS} comparisons hold",
    }
    expect(page.get_by_text(f"Checks ({len(found)})")).to_be_visible()
    for check, message in found.items():
        page.get_by_text(check, exact=True).first.click()
        page.wait_for_url(f"**checkDetail={check}")
        expect(page.get_by_text(message)).to_be_visible()
        expect(page.get_by_text("Passed", exact=True)).to_be_visible()
    page.get_by_text("[Show Markdown]").click()
    comparisons = page.get_by_role("dialog")
    for day in LOADED:
        expect(comparisons.get_by_role("row").filter(has_text=day).filter(has_text="holds")).to_have_count(2)
    take_picture(page, "checks")


def test_a_column_is_followed_to_its_source_by_clicking(
    page: Page, backfill: Backfill, take_picture: TakePicture
) -> None:
    page.goto(f"/assets/{TO_THE_SOURCE[0][0]}")
    for (table, column), origin in pairwise(TO_THE_SOURCE):
        link = row_of_column(page, column).get_by_role("link", name=".".join(origin), exact=True)
        expect(link).to_be_visible()
        if table == "gold/fct_orders":
            take_picture(page, "column-lineage")
        link.click()
        page.wait_for_url(f"**/assets/{origin[0]}")
    expect(row_of_column(page, "amount")).to_contain_text("From snowflake/orders.amount")


def test_a_table_is_shown_with_its_meaning_owner_kinds_and_constraints(
    page: Page, contracts: Mapping[str, Contract]
) -> None:
    contract = contracts["gold/customer_360"]
    page.goto(f"/assets/{contract.table}")
    for text in (f"Grain: {contract.grain}", contract.owner, "delta", "Spark"):
        expect(page.get_by_text(text, exact=True)).to_be_visible()
    # A long constraint is cut, and shown in full under the mouse.
    page.get_by_text(re.compile("^unique: customer_id")).hover()
    expect(page.get_by_role("tooltip")).to_have_text("unique: customer_id, snapshot_date")
    row = row_of_column(page, "lifetime_net_eur")
    for text in ("decimal(18,2)", "non-nullable", "lifetime_net_eur is at least 0"):
        expect(row.get_by_text(text, exact=True)).to_be_visible()


def test_a_backfill_counts_the_loaded_days_of_all_tables(
    page: Page, backfill: Backfill, contracts: Mapping[str, Contract], take_picture: TakePicture
) -> None:
    page.set_viewport_size(HIGH)
    open_backfill(page, backfill.id)
    expect(page.get_by_text(f"{LOADED[0]}...{LOADED[-1]}")).to_be_visible()
    expect(page.get_by_text("100% completed")).to_have_count(len(contracts))
    for table in contracts:
        expect(page.get_by_role("link", name=" / ".join(table.split("/")))).to_be_visible()
    expect(page.get_by_text("Succeeded", exact=True).last).to_be_visible()
    take_picture(page, "backfill-done")
