"""`lakehouse upkeep`: removes files that no readable version of a table needs."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from lakehouse_assets.command.output import console, count, errors, say, size, table, write_json
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

NAME = "upkeep"


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print an array with an object a folder.")] = False,
) -> None:
    """Removes what runs that died had staged more than 7 days ago, and what was replaced longer ago than versions are kept.

    No table holds anything else afterwards. Dagster does the same each Sunday.

    JSON: uri, files, size.
    """
    from lakehouse_assets.upkeep import clean

    lake = Lake(load_settings())
    with errors.status(f"looking through {count(len(lake.contracts), 'table')}"):
        found = list(clean(lake, keep=dry_run))
    if as_json:
        write_json(asdict(one) for one in found)
        return
    listing = table("folder", "files", "size", numbers=("files", "size"), whole=("folder",))
    for one in found:
        listing.add_row(escape(one.uri), count(one.files), size(one.size))
    if found:
        console.print(listing)
        console.print()
    files, total = sum(one.files for one in found), sum(one.size for one in found)
    done = "would be removed" if dry_run else "removed"
    say(f"{count(files, 'file')} of {size(total)} {done}." if found else "Nothing to remove.")
