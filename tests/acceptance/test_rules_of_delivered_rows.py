"""Broken rows in delivered files lie, after a real load, in the quarantine of the table whose rule they break, under its name."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from conftest import MakeLake
from lake_support import OwnLake, Row
from rule_rows import DAY, MOMENT, valid_row

from contracts.model import Contract
from contracts.parse import load_contracts
from resources.sources.interface import source_columns, source_table

CONTRACTS = load_contracts()
BRONZE = [contract for contract in CONTRACTS.values() if contract.layer == "bronze"]
EVENT = {
    "event_id": "e", "order_id": "o", "customer_id": "c", "event_type": "PAID", "ts": f"{DAY}T11:00:00Z", "metadata": {},
}  # fmt: skip
UNREADABLE = "unreadable"


def message(**changes: Any) -> Row:
    return {"value": json.dumps({**EVENT, **changes})}


DELIVERED: Mapping[str, Row] = {
    "bronze/kafka_order_events": message(),
    "bronze/redshift_customer_behavior": {"event_name": "page_view", "metadata": "{}", "event_ts": f"{DAY}T11:00:00Z"},
    "bronze/snowflake_customers": {"country": "DE"},
    "bronze/snowflake_orders": {"currency": "EUR", "status": "PAID"},
    "bronze/fx_rates": {"base": "EUR", "quote": "USD"},
}
"""What of a valid bronze row has to be so that silver takes it."""

BROKEN_IN_SILVER: Mapping[str, list[tuple[Row, list[str]]]] = {
    "silver/orders": [
        ({"order_id": None}, ["order_id_required"]),
        ({"customer_id": None}, ["customer_id_required"]),
        ({"product_id": None}, ["product_id_required"]),
        ({"quantity": None}, ["quantity_required"]),
        ({"quantity": 0}, ["quantity_exclusive_minimum"]),
        ({"amount": None}, ["amount_required"]),
        ({"amount": "-0.01"}, ["amount_minimum"]),
        ({"currency": None}, ["currency_required"]),
        ({"currency": "XXX"}, ["currency_known"]),
        ({"status": None}, ["status_required"]),
        ({"status": "paid"}, ["status_known"]),
        ({"order_date": None}, ["order_date_required"]),
        ({"order_date": "2026-10-02"}, ["order_date_not_after_modification"]),
    ],
    "silver/behavior": [
        ({"event_id": None}, ["event_id_required"]),
        ({"event_name": None}, ["event_name_required"]),
        ({"event_name": "page_views"}, ["event_name_known"]),
        ({"event_ts": f"{MOMENT:%FT%T}.000001Z"}, ["event_not_after_load"]),
        ({"event_ts": None}, ["event_ts_required", "event_date_required"]),
        ({"metadata": '{"product_id": '}, ["metadata_json"]),
        ({"metadata": "[1]"}, ["metadata_json"]),
    ],
    "silver/order_events": [
        (message(event_id=None), ["event_id_required"]),
        (message(event_type=None), ["event_type_required"]),
        (message(event_type="LOST"), ["event_type_known"]),
        (message(metadata="none"), ["metadata_json"]),
        (message(ts=None), ["ts_required", "event_date_required"]),
        (message(ts="yesterday"), ["ts_required", "event_date_required"]),
        ({"value": None}, ["event_id_required", "event_type_required", "ts_required", "metadata_json", "event_date_required"]),
        ({"value": "{"}, ["event_id_required", "event_type_required", "ts_required", "metadata_json", "event_date_required"]),
    ],
    "silver/customers": [({"customer_id": None}, ["customer_id_required"]), ({"country": "UK"}, ["country_known"])],
    "silver/fx_rates": [
        ({"quote": None}, ["currency_required"]),
        ({"quote": "usd"}, ["currency_pattern"]),
        ({"quote": "EUR"}, ["currency_not_base"]),
        ({"base": "USD"}, ["eur_per_unit_required"]),
        ({"rate": None}, ["rate_required", "eur_per_unit_required"]),
        ({"rate": 0}, ["rate_exclusive_minimum", "eur_per_unit_required"]),
    ],
    "silver/accounts": [({"account_id": None}, ["account_id_required"])],
}  # fmt: skip
"""What has to change of a delivered row, by bronze's names, and what it then breaks: a value that others derive from takes theirs along."""


def named_by_source(contract: Contract, row: Row) -> Row:
    """A bronze row under the names that its source gives the columns, as JSON can say it."""
    names = {column.name: column.sources[0].column for column in contract.columns if column.sources}
    return {
        name: value if value is None or isinstance(value, str | int | bool) else str(value)
        for column, name in names.items()
        for value in [row[column]]
    }


def broken_deliveries(contract: Contract) -> list[Row]:
    """Changes of a bronze row: each value that has a type unreadable once, no cursor, and all that silver sets aside."""
    unreadable = [{one.name: UNREADABLE} for one in source_columns(contract).values() if one.type != "string"]
    readers = [table for table in BROKEN_IN_SILVER if contract.table in {read.table for read in CONTRACTS[table].reads}]
    return [
        *unreadable,
        {contract.cursor: None},
        *(changes for table in readers for changes, _ in BROKEN_IN_SILVER[table]),
    ]


@pytest.fixture(scope="module")
def lake(make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> OwnLake:
    """A lake with one loaded day of files, in which every table has one valid row and all the broken ones."""
    made = make_lake(tmp_path_factory.mktemp("rules") / "one", DAY)
    for contract in BRONZE:
        valid = {**valid_row(contract), **DELIVERED.get(contract.table, {})}
        rows = [{**valid, **changes} for changes in ({}, *broken_deliveries(contract))]
        lines = (json.dumps(named_by_source(contract, row)) for row in rows)
        folder = "/".join(source_table(contract))
        (made.files(folder) / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines))
    tables = [*(contract.table for contract in BRONZE), *BROKEN_IN_SILVER]
    assert made.load(DAY + dt.timedelta(days=1), tables, DAY) == []
    return made


def rules_of_quarantine(lake: OwnLake, table: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(rules) for _, rules, _ in lake.quarantine(table))


@pytest.mark.parametrize("contract", [pytest.param(one, id=one.table) for one in BRONZE])
def test_bronze_sets_aside_what_it_cannot_read_and_what_has_no_cursor(lake: OwnLake, contract: Contract) -> None:
    typed = [one.name for one in source_columns(contract).values() if one.type != "string"]
    expected = Counter((f"{name}_type",) for name in typed)
    assert rules_of_quarantine(lake, contract.table) == expected + Counter({(f"{contract.cursor}_required",): 1})


@pytest.mark.parametrize("table", BROKEN_IN_SILVER)
def test_silver_sets_aside_a_row_under_the_rules_that_it_breaks(lake: OwnLake, table: str) -> None:
    expected = Counter(tuple(rules) for _, rules in BROKEN_IN_SILVER[table])
    assert rules_of_quarantine(lake, table) == expected


@pytest.mark.parametrize("table", BROKEN_IN_SILVER)
def test_the_valid_row_is_published(lake: OwnLake, table: str) -> None:
    assert len(lake.rows(table)) == 1
