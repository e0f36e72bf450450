"""Rows of an answer, as people read them and as JSON. Knows Arrow and the terminal, and nothing of tables or engines."""

import datetime as dt
import json
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST_CELL = 48
"""Characters in which a longer value is folded."""
_GAP = 2
_NULL = Text("null", style="dim italic")


def print_rows(rows: pa.Table, console: Console) -> None:
    """Prints rows as a table; one that is wider than the terminal as several below each other, all with its first column."""
    columns = [_Column(rows.field(number), rows.column(number)) for number in range(rows.num_columns)]
    for number, band in enumerate(_bands(columns, console.width)):
        if number:
            console.print()
        made = Table(header_style="dim", box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        _widen(band, console.width)
        for column in band:
            made.add_column(
                Text(column.name), justify="right" if column.numeric else "left", overflow="fold", width=column.width
            )
        for cells in zip(*(column.cells for column in band), strict=True):
            made.add_row(*(_NULL if cell is None else Text(cell) for cell in cells))
        console.print(made)


class _Column:
    """A column as text."""

    def __init__(self, field: pa.Field, values: pa.ChunkedArray) -> None:
        self.name = field.name
        self.numeric = (
            pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
        )
        self.cells = [None if value is None else shown(value) for value in _python_values(values)]
        lines = (line for cell in self.cells for line in (cell or "null").split("\n"))
        self.unfolded = max(cell_len(self.name), *map(cell_len, lines), 0)
        self.width = min(WIDEST_CELL, self.unfolded)


def _bands(columns: Sequence[_Column], width: int) -> Iterator[list[_Column]]:
    """Cuts columns into groups that fit the width; each begins with the first column, unless that takes half of it."""
    first, *rest = columns
    repeated = [first] if first.width * 2 <= width else []
    band = [first]
    for column in rest:
        if len(band) > len(repeated) and sum(one.width + _GAP for one in band) + column.width > width:
            yield band
            band = [*repeated]
        band.append(column)
    yield band


def _widen(band: Sequence[_Column], width: int) -> None:
    """Gives columns that would be folded the room that is left."""
    spare = width - sum(column.width + _GAP for column in band) + _GAP
    for column in band:
        more = max(0, min(spare, column.unfolded - column.width))
        column.width += more
        spare -= more


def shown(value: object) -> str:  # noqa: PLR0911 - a case a type
    """A value as people read it; times are UTC."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return _shown_number(value)
        case Decimal():
            return f"{value:f}"
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(" ")
        case dict() | list():
            return to_json(value)
        case bytes():
            return value.hex()
        case _:
            return str(value)


def _shown_number(value: float) -> str:
    if not math.isfinite(value) or (value and not 1e-4 <= abs(value) < 1e15):  # noqa: PLR2004
        return repr(value)
    return f"{value:.6f}".rstrip("0").removesuffix(".")


def to_records(rows: pa.Table) -> Iterator[dict[str, object]]:
    """Rows as dictionaries. Where columns share a name, later ones are told apart by a number: `id`, `id_2`."""
    names = _distinct(rows.column_names)
    columns = (_python_values(rows.column(number)) for number in range(rows.num_columns))
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _distinct(names: Sequence[str]) -> list[str]:
    made: list[str] = []
    for name in names:
        number, free = 1, name
        while free in made:
            number += 1
            free = f"{name}_{number}"
        made.append(free)
    return made


def _python_values(values: pa.ChunkedArray) -> list[Any]:
    found: list[Any] = values.to_pylist(maps_as_pydicts="lossy")
    return found


def to_json(value: object) -> str:  # noqa: PLR0911 - a case a type
    """A value as JSON that loses nothing.

    Numbers have all their digits, decimals too; dates and times are ISO 8601 text, times in UTC with Z; bytes are
    hexadecimal text; what JSON has no number for is text: NaN, Infinity, -Infinity.
    """
    match value:
        case dict():
            return "{" + ", ".join(f"{_text(str(name))}: {to_json(one)}" for name, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(to_json(one) for one in value) + "]"
        case Decimal():
            return f"{value:f}"
        case float() if not math.isfinite(value):
            return _text("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
        case dt.datetime():
            return _text(value.isoformat().replace("+00:00", "Z"))
        case dt.date() | dt.time():
            return _text(value.isoformat())
        case bytes():
            return _text(value.hex())
        case None | bool() | int() | float():
            return json.dumps(value)
        case _:
            return _text(str(value))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
