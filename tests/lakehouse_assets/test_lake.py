"""The lake as one object: what it knows of a table's days."""

import datetime as dt
from collections.abc import Mapping

import pytest

from contracts.model import Contract
from io_managers.staleness import Load, TableState, Touch
from io_managers.table_state import StateReader
from lakehouse_assets.lake import Lake, TableDays, made_from
from lakehouse_assets.settings import Settings

DAYS = [dt.date(2026, 10, 1) + dt.timedelta(days=number) for number in range(3)]
NOW = dt.datetime(2026, 10, 4, 6, tzinfo=dt.UTC)


def test_a_tables_days_are_stale_as_the_plan_of_all_tables_says(
    contracts: Mapping[str, Contract], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {
        table: TableState(
            frozenset(DAYS),
            {day: Load(1, NOW, {read.table: 1 for read in contract.reads}) for day in DAYS},
            (Touch(2, frozenset({DAYS[1]}), clock=NOW - dt.timedelta(minutes=30)),)
            if table == "bronze/crm_contacts"
            else (),
        )
        for table, contract in contracts.items()
    }
    monkeypatch.setattr(StateReader, "states", lambda *_: states)
    lake = Lake(Settings(_env_file=None, start_date=DAYS[0], now=NOW), contracts)
    stale = {table: {one.day for one in lake.plan().due if one.table == table} for table in contracts}

    assert {table: lake.days_of(table) for table in contracts} == {
        table: TableDays(frozenset(DAYS), frozenset(days), overdue=frozenset()) for table, days in stale.items()
    }
    lake.settings = lake.settings.model_copy(update={"now": NOW + dt.timedelta(hours=1)})
    assert {table: lake.days_of(table).overdue for table in contracts} == stale
    assert stale["gold/customer_360"]
    assert not stale["gold/product_perf_daily"] & {DAYS[0]}


def test_a_table_is_made_from_what_it_reads_and_what_that_reads(contracts: Mapping[str, Contract]) -> None:
    assert made_from(contracts, "bronze/fx_rates").keys() == {"bronze/fx_rates"}
    assert made_from(contracts, "gold/dim_products").keys() == {
        "gold/dim_products", "silver/products", "silver/fx_rates", "bronze/snowflake_products", "bronze/fx_rates",
    }  # fmt: skip
