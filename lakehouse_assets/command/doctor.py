"""`lakehouse doctor`: what is configured, what of it works, and what to do about what doesn't."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from lakehouse_assets.command import diagnosis
from lakehouse_assets.command.diagnosis import Finding
from lakehouse_assets.command.output import console, count, say, table, write_json
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

NAME = "doctor"
_COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}


def command(
    release: Annotated[
        bool,
        typer.Option(
            "--release", help="End runs that Dagster believes to be under way although their process is gone."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Looks at settings, sources, root, engine, Dagster's home, runs, disk and packages, and says what to do.

    The exit status is 1 if anything is wrong.

    JSON: ok, findings; an object a finding: area, level (ok, note or wrong), message, remedy.
    """
    lake = Lake(load_settings())
    found = list(findings(lake, release=release))
    wrong = [one for one in found if one.level == "wrong"]
    if as_json:
        write_json({"ok": not wrong, "findings": [asdict(one) for one in found]})
    else:
        _print(found)
    if wrong:
        raise typer.Exit(1)


def findings(lake: Lake, *, release: bool = False) -> Iterator[Finding]:
    """Everything that is looked at, in the order in which it matters."""
    yield from diagnosis.settings(lake)
    yield from diagnosis.packages()
    yield from diagnosis.sources(lake)
    yield from diagnosis.root(lake)
    yield from diagnosis.disk(lake)
    yield from diagnosis.engine(lake)
    home = list(diagnosis.home())
    yield from home
    if all(one.level != "wrong" for one in home):
        yield from diagnosis.left_behind(release=release)


def _print(found: list[Finding]) -> None:
    listing = table("", "area", "what was found", whole=("", "area"))
    for one in found:
        message = escape(one.message) + (f"\n[dim]{escape(one.remedy)}[/]" if one.remedy else "")
        listing.add_row(f"[{_COLOURS[one.level]}]{one.level}[/]", one.area, message)
    console.print(listing)
    console.print()
    wrong = sum(one.level == "wrong" for one in found)
    if wrong:
        say(f"[bold red]{count(wrong, 'thing is', 'things are')} wrong.[/] What to do stands below each.")
    else:
        say("[bold green]Everything is in order.[/]")
