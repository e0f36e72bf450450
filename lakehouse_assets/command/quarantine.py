"""`lakehouse quarantine`: the rows that a table set aside, and the rules that they broke."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from contracts.masks import HIDDEN
from contracts.model import BROKEN_RULES, RAW, WINDOW, Contract
from io_managers.quarantine import read_quarantine
from lakehouse_assets.command.output import console, count, heading, say, table, write_json
from lakehouse_assets.command.requests import named_contract
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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Shows the rows that a table's published days set aside, and the rules that they broke.

    JSON: table, rows, days; rules (rule, rows, days, newest); newest (the newest rows: window, run_id, broken_rules, raw:
    the row as delivered, JSON text).
    """
    lake = Lake(load_settings())
    contract = named_contract(name, lake.contracts)
    windows = None if day is None else [day.date().isoformat()]
    rows = read_quarantine(lake.storage, contract, windows).to_pylist()
    newest = sorted(rows, key=lambda row: str(row["_window"]), reverse=True)[:limit]
    if as_json:
        write_json(_as_record(contract, rows, newest, unmasked=unmasked))
        return
    if not rows:
        say(f"{contract.table}: nothing is in quarantine{f' on {windows[0]}' if windows else ''}.")
        return
    _print_rules(contract.table, rows)
    if newest:
        _print_rows(contract, newest, unmasked=unmasked)
    say(_what_to_do(contract, rows))


@dataclass(frozen=True)
class BrokenRule:
    """A rule, how many rows broke it, and on which days."""

    rule: str
    rows: int
    days: int
    newest: str


def broken_rules(rows: Sequence[Mapping[str, Any]]) -> list[BrokenRule]:
    """The rules that quarantined rows broke, most rows first."""
    days: dict[str, list[str]] = {}
    for row in rows:
        for rule in row[BROKEN_RULES]:
            days.setdefault(rule, []).append(row[WINDOW])
    found = (BrokenRule(rule, len(of_rule), len(set(of_rule)), max(of_rule)) for rule, of_rule in days.items())
    return sorted(found, key=lambda one: (-one.rows, one.rule))


def _what_to_do(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> str:
    newest = max(str(row[WINDOW]) for row in rows)
    # What a silver table is delivered comes through bronze, by the same days.
    loaded = contract.reads[0].table if contract.layer == "silver" else contract.table
    return (
        "Correct them at the source: `lakehouse run` sees that a file changed, and loads its days again.\n"
        "After a change of the contract's rule, or where the source doesn't tell, ask for the days:\n"
        f"  lakehouse run {loaded} --from {newest}\n"
        "The quarantine of a day that is loaded again is replaced by what still breaks a rule."
    )


def _as_record(
    contract: Contract, rows: Sequence[Mapping[str, Any]], newest: Sequence[Mapping[str, Any]], *, unmasked: bool
) -> dict[str, object]:
    return {
        "table": contract.table,
        "rows": len(rows),
        "days": len({row[WINDOW] for row in rows}),
        "rules": [asdict(one) for one in broken_rules(rows)],
        "newest": [
            {
                "window": row[WINDOW],
                "run_id": row["_run_id"],
                "broken_rules": row[BROKEN_RULES],
                "raw": shown(row[RAW], contract, unmasked=unmasked),
            }
            for row in newest
        ],
    }


def _print_rules(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    heading(f"{name}: {count(len(rows), 'row')} of {count(len({row[WINDOW] for row in rows}), 'day')} in quarantine")
    listing = table("broken rule", "rows", "days", "newest", numbers=("rows", "days"), whole=("newest",))
    for one in broken_rules(rows):
        listing.add_row(Text(one.rule), count(one.rows), count(one.days), one.newest)
    console.print(listing)
    console.print()


def _print_rows(contract: Contract, newest: Sequence[Mapping[str, Any]], *, unmasked: bool) -> None:
    heading(
        f"The newest {count(len(newest), 'row')}, as delivered"
        + (", restricted columns hidden" if contract.restricted and not unmasked else "")
    )
    listing = table("day", "broken rules", "row", whole=("day",))
    for row in newest:
        rules = Text("\n".join(row[BROKEN_RULES]))
        listing.add_row(row[WINDOW], rules, Text(shown(row[RAW], contract, unmasked=unmasked)))
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
