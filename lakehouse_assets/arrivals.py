"""What sources hold now of the days that bronze has: the news that a load didn't see. No engine, no rows."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.errors import LakehouseError
from contracts.model import Contract
from io_managers.staleness import Arrived, TableState
from lakehouse_assets.lake import Lake
from resources.sources.interface import source_table


@dataclass(frozen=True)
class Arrivals:
    """What the sources said."""

    marks: Arrived
    failures: Mapping[str, LakehouseError]
    """By bronze table: why its source couldn't tell."""


def bronze_tables(contracts: Mapping[str, Contract], source: str | None = None) -> list[str]:
    """The tables that are loaded from a source, or from any."""
    return [
        table
        for table, contract in contracts.items()
        if contract.layer == "bronze" and source in {None, source_table(contract)[0]}
    ]


def ask_sources(lake: Lake, states: Mapping[str, TableState], last: dt.date) -> Arrivals:
    """Asks the sources what they hold of the days, up to the last one, whose loads say what they saw."""
    marks: dict[str, Mapping[dt.date, frozenset[str]]] = {}
    failures: dict[str, LakehouseError] = {}
    for table in bronze_tables(lake.contracts):
        days = [day for day, load in states[table].loads.items() if load.marks is not None and day <= last]
        if days:
            try:
                marks[table] = marks_of(lake, table, min(days), max(days))
            except LakehouseError as error:
                failures[table] = error
    return Arrivals(marks, failures)


def marks_of(lake: Lake, table: str, first: dt.date, last: dt.date) -> Mapping[dt.date, frozenset[str]]:
    """The marks of a table's windows.

    Raises:
        LakehouseError: the source can't tell.
    """
    contract = lake.contracts[table]
    return lake.source(source_table(contract)[0]).marks(contract, first, last)
