"""What bronze asks of a source, whichever service, folder or generator stands behind it.

Here are the vocabulary that sources share (windows, extractions, errors) and what a bronze contract says about where its
rows come from. How a source reads is its own module's matter.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from contracts.days import days_between
from contracts.errors import PermanentError, RetryableError
from contracts.model import RAW, UNREADABLE, WINDOW, Column, Contract

SOURCE = "_source"
LINE = "_line"
"""Stands in `_unreadable`, and in `_raw`, for a delivered line that could not be split into columns at all."""


class SourceError(PermanentError):
    """A source can't be read as it is: names the source, the table, the file and what to do."""


class SourceChangedError(RetryableError):
    """A file changed while it was read, so that what was read may be neither its old nor its new content."""


class SourceUnavailableError(RetryableError):
    """What holds the source's data did not answer."""


@dataclass(frozen=True, slots=True)
class Window:
    """A range of arrival days, both included, seen from the day at which the lake starts.

    The start matters because the first window of some tables reaches back to everything before it, and because rows
    without a readable cursor arrive in it.
    """

    first: dt.date
    last: dt.date
    lake_start: dt.date

    def __post_init__(self) -> None:
        if not self.lake_start <= self.first <= self.last:
            raise SourceError(
                f"the days {self.first} to {self.last} are no window of a lake that starts on {self.lake_start}: ask for "
                "days in order, from the start on, or set LAKEHOUSE_START_DATE earlier and load the lake anew"
            )

    @property
    def days(self) -> tuple[dt.date, ...]:
        return tuple(days_between(self.first, self.last))

    @property
    def has_lake_start(self) -> bool:
        return self.first == self.lake_start


@dataclass(slots=True)
class Extraction:
    """Rows on their way from a source, and what the source says about them.

    The figures are complete once `batches` is exhausted, and mean nothing before.
    """

    batches: Iterator[pa.RecordBatch]
    """Streamed once, with the schema of `delivered_schema`."""
    rows_by_window: Mapping[dt.date, int] = field(default_factory=dict)
    """The source's own count of the rows of every day asked for, days without rows included."""
    rows_without_cursor: int = 0
    """Rows of the whole source whose cursor is null or unreadable, delivered by this extraction or not."""
    unknown_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Delivered columns that the contract does not know, by file."""
    files_read: tuple[str, ...] = ()
    """The files that were opened."""
    marks: Mapping[dt.date, frozenset[str]] | None = None
    """What `Source.marks` said of the windows as they were delivered; none where it wasn't known."""


class Source(Protocol):
    """Where the rows of bronze tables come from."""

    @property
    def name(self) -> str: ...

    def extract(self, contract: Contract, first: dt.date, last: dt.date) -> Extraction:
        """The rows of the windows from `first` to `last`, both included, ordered as the source delivers them.

        Raises:
            SourceError: here or from the batches: the table is not one of the source's, or can't be read as it is.
            SourceChangedError, SourceUnavailableError: from the batches: trying again can help.
        """
        ...

    def marks(self, contract: Contract, first: dt.date, last: dt.date) -> Mapping[dt.date, frozenset[str]]:
        """What the source holds of every window from `first` to `last`, told without delivering it.

        A mark is a short text that stands for something delivered: a file as it is, a high watermark. One that a load of
        the window didn't see means that there is more to load; one that is gone means nothing, since sources expire.
        Cheap enough to ask every few seconds while nothing changes.

        Raises:
            SourceError, SourceChangedError, SourceUnavailableError: as for `extract`.
        """
        ...

    def count(self, contract: Contract, first: dt.date, last: dt.date) -> Mapping[dt.date, int]:
        """The source's own count of the rows of every window from `first` to `last`, without delivering them.

        Raises:
            SourceError, SourceChangedError, SourceUnavailableError: as for `extract`.
        """
        ...


def source_columns(contract: Contract) -> Mapping[str, Column]:
    """The columns that a source delivers, by the name that they have there, in the contract's order."""
    return {column.sources[0].column: column for column in contract.columns if column.sources}


def source_table(contract: Contract) -> tuple[str, str]:
    """The source and the table there that a bronze table is loaded from, e.g. `("snowflake", "orders")`.

    Raises:
        SourceError: the contract's columns don't all come from one table.
    """
    tables = {source.table for column in contract.columns for source in column.sources}
    if len(tables) != 1 or next(iter(tables)).count("/") != 1:
        raise SourceError(
            f"{contract.table}: its columns must come from one '<source>/<table>' by transformSourceObjects, "
            f"not from {sorted(tables) or 'none'}"
        )
    source, table = next(iter(tables)).split("/")
    return source, table


def cursor_name(contract: Contract) -> str:
    """The column whose value decides the arrival window.

    Raises:
        SourceError: the contract names none.
    """
    if contract.cursor is None:
        raise SourceError(f"{contract.table}: its contract must name the cursor by the custom property cursor")
    return contract.cursor


def delivered_schema(contract: Contract) -> pa.Schema:
    """The schema of extracted batches: the contract's typed source columns, nullable, and where each row is from.

    `_unreadable` names the columns whose delivered text can't be read into their type, null where there is none; `_raw`
    is the delivered row as JSON text, for those rows and for rows without a cursor.
    """
    return pa.schema(
        [
            *(pa.field(column.name, column.arrow) for column in source_columns(contract).values()),
            pa.field(WINDOW, pa.date32()),
            pa.field(SOURCE, pa.string()),
            pa.field(UNREADABLE, pa.list_(pa.string())),
            pa.field(RAW, pa.string()),
        ]
    )
