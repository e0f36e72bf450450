"""Checks of whole silver tables, which a weekly schedule and people ask for: `keys` and `complete`.

Each reads all of a table, and what it is made from. So a run that loads tables leaves them out, although Dagster selects
all checks of a table with it.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping

import dagster as dg
from pyspark.sql import DataFrame

from asset_checks.dagster_results import check_result
from asset_checks.report import CheckOutcome
from asset_checks.rules import with_broken_rules
from asset_checks.whole_table import COMPLETE, KEYS, compare, judge_complete, judge_keys
from contracts.days import ranges
from contracts.model import WINDOW, Contract, Severity
from io_managers.delta_io_manager import DeltaIOManager
from io_managers.snapshot import find_snapshot
from lakehouse_assets.asset_metadata import asset_key, step_key
from lakehouse_assets.lake import Lake
from lakehouse_assets.load import upstream_name
from lakehouse_assets.silver_load import delivered_columns
from lakehouse_assets.table import IO_MANAGER, LAKE

WHOLE_TABLES = "whole_tables"
"""The job that asks all of them."""
_DESCRIPTIONS = {
    KEYS: "No key stands twice in the whole table. Asked weekly, by the job whole_tables.",
    COMPLETE: "What bronze holds and the rules let pass is here, and nothing else. Asked weekly, by the job whole_tables.",
}


def whole_table_checks(
    contracts: Mapping[str, Contract], function: Callable[[Contract], Callable[..., DataFrame] | None]
) -> list[dg.AssetChecksDefinition]:
    """The checks of every silver table.

    Args:
        contracts: of all tables.
        function: the pure function of a table.
    """
    found = ((contract, function(contract)) for contract in contracts.values() if contract.mode == "changes")
    return [_checks(contract, made) for contract, made in found if made is not None]


def _checks(contract: Contract, function: Callable[..., DataFrame]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset=asset_key(contract.table), description=text)
        for name, text in _DESCRIPTIONS.items()
    ]

    @dg.multi_asset_check(
        specs=specs,
        name=f"{step_key(contract.table)}_{WHOLE_TABLES}",
        can_subset=True,
        required_resource_keys={LAKE, IO_MANAGER},
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        if context.run.asset_selection:
            context.log.info("left out of a load: the job %s checks whole tables", WHOLE_TABLES)
            return
        lake: Lake = context.resources.lake
        judge = _Judge(contract, function, lake, context.resources.delta)
        for key in sorted(context.selected_asset_check_keys):
            yield check_result(contract.table, judge.outcome(key.name), {})

    return check


class _Judge:
    """Judges a table as it was when it was first looked at."""

    def __init__(
        self, contract: Contract, function: Callable[..., DataFrame], lake: Lake, tables: DeltaIOManager
    ) -> None:
        self._contract = contract
        self._function = function
        self._lake = lake
        self._tables = tables

    def outcome(self, name: str) -> CheckOutcome:
        if find_snapshot(self._lake.storage, self._contract.table) is None:
            return CheckOutcome(name, True, Severity.ERROR, "the table is not there yet")
        return self._keys() if name == KEYS else self._complete()

    def _keys(self) -> CheckOutcome:
        return judge_keys(self._contract, self._tables.read(self._contract.table))

    def _complete(self) -> CheckOutcome:
        contract = self._contract
        published = self._tables.read(contract.table)
        settled, unsettled = settled_windows(contract, self._lake, self._tables)
        windows = " or ".join(f"{WINDOW} between date'{first}' and date'{last}'" for first, last in ranges(settled))
        arrived = {upstream_name(read): self._tables.read(read.table, windows or "false") for read in contract.reads}
        marked = with_broken_rules(self._function(**arrived), contract, delivered_columns(contract))
        return judge_complete(contract, compare(contract, marked, published), len(unsettled))


def settled_windows(contract: Contract, lake: Lake, tables: DeltaIOManager) -> tuple[set[dt.date], set[dt.date]]:
    """The windows that a silver table has applied as bronze has them, in the versions that are read, and those that it has yet to.

    Loads go on meanwhile: what they have changed since the tables were opened is not settled.
    """
    names = (contract.table, *(read.table for read in contract.reads))
    opened = {name: tables.snapshot(name).version for name in names}
    states = lake.states()
    plan = lake.plan(states, with_open_day=True)
    outstanding = {one.day for one in (*plan.due, *plan.beyond) if one.table in names}

    def moved_on(day: dt.date) -> bool:
        loads = ((states[name].loads.get(day), version) for name, version in opened.items())
        return any(load is not None and load.version > version for load, version in loads)

    every = states[contract.table].loaded
    unsettled = {day for day in every if day in outstanding or moved_on(day)}
    return set(every - unsettled), unsettled
