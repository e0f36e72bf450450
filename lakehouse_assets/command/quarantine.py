"""`lakehouse quarantine`: the rows that a table set aside, and the rules that they broke."""

import datetime as dt
import json
from collections import Counter
from typing import Annotated, Any

import typer

from contracts.errors import ConfigurationError
from contracts.masks import HIDDEN
from contracts.model import Contract
from io_managers.quarantine import read_quarantine
from lakehouse_assets.command.output import console, count, table
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

NAME = "quarantine"


def command(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="For example silver/orders.")],
    day: Annotated[str | None, typer.Option(help="Only this arrival window (gold: business date), YYYY-MM-DD.")] = None,
    limit: Annotated[int, typer.Option(help="How many rows to show.")] = 20,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show restricted columns too.")] = False,
) -> None:
    """Shows the rows that a table's published days set aside, and the rules that they broke."""
    lake = Lake(load_settings())
    if name not in lake.contracts:
        raise ConfigurationError(f"there is no table '{name}'; there are {', '.join(lake.contracts)}")
    contract = lake.contracts[name]
    rows = read_quarantine(lake.storage, contract, None if day is None else [dt.date.fromisoformat(day).isoformat()]).to_pylist()
    if not rows:
        console.print(f"{name}: nothing is in quarantine{f' on {day}' if day else ''}.")
        return
    rules = Counter(rule for row in rows for rule in row["_broken_rules"])
    days = Counter(row["_window"] for row in rows)
    listing = table(f"{name}: {count(len(rows))} rows of {len(days)} days in quarantine", "rule", "rows", numbers=("rows",))
    for rule, number in rules.most_common():
        listing.add_row(rule, count(number))
    console.print(listing)
    console.print()
    details = table(f"the newest {min(limit, len(rows))}", "day", "broken rules", "row as delivered")
    for row in sorted(rows, key=lambda one: one["_window"], reverse=True)[:limit]:
        details.add_row(row["_window"], ", ".join(row["_broken_rules"]), shown(row["_raw"], contract, unmasked=unmasked))
    console.print(details, markup=False)
    console.print(f"Mend them at the source, or the contract, and load the day again: its quarantine is replaced by what still fails.")


def shown(raw: str, contract: Contract, *, unmasked: bool) -> str:
    """A row as delivered, without the values of restricted columns unless they are asked for."""
    if unmasked or not contract.restricted:
        return raw
    try:
        row: Any = json.loads(raw)
    except json.JSONDecodeError:
        return HIDDEN
    if not isinstance(row, dict):
        return HIDDEN
    hidden = {column.name for column in contract.restricted} | {source.column for column in contract.restricted for source in column.sources}
    return json.dumps({name: HIDDEN if name in hidden and value is not None else value for name, value in row.items()}, ensure_ascii=False)
