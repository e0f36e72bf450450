"""The terminal that commands print to, and how figures look there."""

from rich.console import Console
from rich.table import Table

console = Console()
errors = Console(stderr=True)


def table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """An empty table with a title; columns of numbers are aligned to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", no_wrap=column in numbers)
    return made


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"
