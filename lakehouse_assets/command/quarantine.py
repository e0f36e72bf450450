"""`lakehouse quarantine`: the rows that a table set aside, and the rules that they broke."""

import datetime as dt
import json
from collections import Counter
from typing import Annotated, Any

import typer
from rich.text import Text

from contracts.errors import ConfigurationError
from contracts.masks import HIDDEN
from contracts.model import WINDOW, Contract
from io_managers.quarantine import read_quarantine
from lakehouse_assets.command.output import console, count, heading, say, table
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

NAME = "quarantine"


def command(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="For example silver/orders.")],
    day: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only this arrival window; for gold, this business date."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many rows to show.")] = 20,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show restricted columns too.")] = False,
) -> None:
    """Shows the rows that a table's published days set aside, and the rules that they broke."""
    lake = Lake(load_settings())
    if name not in lake.contracts:
        raise ConfigurationError(f"there is no table '{name}'; there are {', '.join(lake.contracts)}")
    contract = lake.contracts[name]
    windows = None if day is None else [day.date().isoformat()]
    rows = read_quarantine(lake.storage, contract, windows).to_pylist()
    if not rows:
        say(f"{name}: nothing is in quarantine{f' on {windows[0]}' if windows else ''}.")
        return
    _print_rules(name, rows)
    _print_rows(contract, rows, limit, unmasked=unmasked)
    say(
        "Correct them at the source, or change the contract's rule, and load the day again: its quarantine is replaced "
        "by what still breaks a rule."
    )


def _print_rules(name: str, rows: list[dict[str, Any]]) -> None:
    rules = Counter(rule for row in rows for rule in row["_broken_rules"])
    days: dict[str, set[str]] = {}
    for row in rows:
        for rule in row["_broken_rules"]:
            days.setdefault(rule, set()).add(row["_window"])
    heading(f"{name}: {count(len(rows), 'row')} of {count(len({row['_window'] for row in rows}), 'day')} in quarantine")
    listing = table("broken rule", "rows", "days", "newest", numbers=("rows", "days"))
    for rule, number in rules.most_common():
        listing.add_row(Text(rule), count(number), count(len(days[rule])), max(days[rule]))
    console.print(listing)
    console.print()


def _print_rows(contract: Contract, rows: list[dict[str, Any]], limit: int, *, unmasked: bool) -> None:
    newest = sorted(rows, key=lambda row: str(row["_window"]), reverse=True)[:limit]
    if not newest:
        return
    heading(
        f"The newest {count(len(newest), 'row')}, as delivered"
        + (", restricted columns hidden" if contract.restricted and not unmasked else "")
    )
    listing = table("day", "broken rules", "row", whole=("day",))
    for row in newest:
        rules = Text("\n".join(row["_broken_rules"]))
        listing.add_row(row["_window"], rules, Text(shown(row["_raw"], contract, unmasked=unmasked)))
    console.print(listing)
    console.print()


def shown(raw: str, contract: Contract, *, unmasked: bool) -> str:
    """A row as delivered. Where a table has restricted columns, values are hidden unless they are asked for or known to be harmless.

    A column that the contract doesn't know, or a line that couldn't be split into columns, can hold what is restricted.
    """
    if unmasked or not contract.restricted:
        return raw
    try:
        row: Any = json.loads(raw)
    except json.JSONDecodeError:
        return HIDDEN
    if not isinstance(row, dict):
        return HIDDEN
    restricted = _names(contract, restricted=True)
    harmless = _names(contract, restricted=False) - restricted | {WINDOW}
    masked = {name: value if name in harmless or value is None else HIDDEN for name, value in row.items()}
    return json.dumps(masked, ensure_ascii=False)


def _names(contract: Contract, *, restricted: bool) -> set[str]:
    """The columns' names, here and where they come from."""
    columns = [column for column in contract.columns if column.restricted == restricted]
    return {name for column in columns for name in (column.name, *(source.column for source in column.sources))}
