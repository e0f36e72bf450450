"""The terminal that commands print to, and how tables, figures and sentences look there."""

import datetime as dt
import os
from collections.abc import Collection, Iterable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.model import Contract
from io_managers.staleness import dependency_order
from lakehouse_assets.command.rows import to_json

WIDTH = 120
"""Columns of output that goes to a file or a pipe, where no terminal says how wide it is."""


def make_console(*, stderr: bool = False) -> Console:
    """A console as wide as its terminal, or as $COLUMNS says."""
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDTH
    return made


console = make_console()
errors = make_console(stderr=True)


def heading(text: str) -> None:
    """Prints what the lines below it are about."""
    console.print(f"[bold]{escape(text)}[/]", soft_wrap=True)


def say(text: str) -> None:
    """Prints sentences with markup, which the terminal wraps; whatever comes from outside has to be escaped."""
    console.print(text, soft_wrap=True)


def write_json(value: Mapping[str, object] | Iterable[object]) -> None:
    """Writes an object, or an array with an item a line, for whatever reads JSON."""
    file = console.file
    if isinstance(value, Mapping):
        file.write(f"{to_json(value)}\n")
        return
    file.write("[")
    for number, item in enumerate(value):
        file.write(f"{',' if number else ''}\n{to_json(item)}")
    file.write("\n]\n")


def table(*columns: str, numbers: Collection[str] = (), whole: Collection[str] = ()) -> Table:
    """An empty table. Columns of numbers are aligned to the right; neither they nor `whole` columns are wrapped."""
    made = Table(header_style="dim", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        aligned = column in numbers
        made.add_column(column, justify="right" if aligned else "left", no_wrap=aligned or column in whole)
    return made


def count(number: int, unit: str = "", units: str = "") -> str:
    """A number with its thousands apart, and its unit in the singular or plural where one is given."""
    named = unit if number == 1 else units or (unit and f"{unit}s")
    return f"{number:,} {named}".rstrip()


def size(number: int) -> str:
    """Bytes as people say them."""
    amount, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:  # noqa: PLR2004
            break
        amount, unit = amount / 1000, larger
    return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"


def rough_duration(duration: dt.timedelta) -> str:
    """A duration in its largest unit, rounded down."""
    if duration.days:
        return f"{duration.days:,} d"
    hours, rest = divmod(duration.seconds, 3600)
    return f"{hours} h" if hours else f"{rest // 60} min"


def seconds(duration: float) -> str:
    """A duration in seconds as people say it."""
    if duration < 60:  # noqa: PLR2004
        return f"{duration:.1f} s"
    return f"{int(duration) // 60:,} min {int(duration) % 60} s"


def by_layer(contracts: Mapping[str, Contract]) -> list[str]:
    """The tables as people read them: bronze, silver, gold, and within each what is read before what reads it."""
    layers = ("bronze", "silver", "gold")
    return sorted(dependency_order(contracts), key=lambda name: layers.index(contracts[name].layer))
