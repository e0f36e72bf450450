"""The files source: from a folder's files to typed rows in their windows, each file opened once and only if it can matter."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from contracts.model import WINDOW, Contract
from resources.sources.files.folder import DataFile, Folder
from resources.sources.files.index import FileFacts, FileIndex
from resources.sources.files.readers import MalformedLines, read_content
from resources.sources.interface import (
    SOURCE,
    Extraction,
    SourceError,
    Window,
    cursor_name,
    delivered_schema,
    source_columns,
    source_table,
)
from resources.sources.read_types import malformed_lines, read_types
from resources.sources.windows import (
    NO_DAY,
    Days,
    WindowCount,
    cursor_days,
    date_of,
    day_number,
    place,
    windows_of_days,
)


class FilesSource:
    """Reads `<files root>/<source>/<table>/*`.

    A file must have the key columns, every column that the bronze contract requires, and the cursor or, where the
    contract names one, the date that stands in for it. Other columns may be missing: they are null.
    """

    name = "files"

    def __init__(self, lake_start: dt.date, *, files_root: str, index_folder: str | None = None) -> None:
        self._lake_start = lake_start
        self._files_root = files_root
        self._index_folder = index_folder

    def extract(self, contract: Contract, first: dt.date, last: dt.date) -> Extraction:
        """See `Source.extract`."""
        extraction = Extraction(batches=iter(()))
        extraction.batches = self._batches(contract, Window(first, last, self._lake_start), extraction)
        return extraction

    def count(self, contract: Contract, first: dt.date, last: dt.date) -> Mapping[dt.date, int]:
        """See `Source.count`."""
        window = Window(first, last, self._lake_start)
        scan = _Scan(contract, window, self._files_root, self._index_folder)
        for _ in scan.rows():
            pass
        return scan.count.by_window

    def marks(self, contract: Contract, first: dt.date, last: dt.date) -> Mapping[dt.date, frozenset[str]]:
        """See `Source.marks`: every file that has rows of a window. Files that nobody has read yet are read once."""
        scan = _Scan(contract, Window(first, last, self._lake_start), self._files_root, self._index_folder)
        scan.look()
        return scan.marks

    def _batches(self, contract: Contract, window: Window, extraction: Extraction) -> Iterator[pa.RecordBatch]:
        scan = _Scan(contract, window, self._files_root, self._index_folder)
        schema = delivered_schema(contract)
        for rows, days, file in scan.rows():
            placement = place(days, contract, window)
            if len(placement.rows):
                arrived = rows.take(pa.array(placement.rows))
                arrived = arrived.append_column(WINDOW, pa.array(placement.windows).cast(pa.date32()))
                source = pa.repeat(pa.scalar(f"files:{scan.folder.label}/{file.name}"), arrived.num_rows)
                yield arrived.append_column(SOURCE, source).select(schema.names).cast(schema)
        extraction.rows_by_window = scan.count.by_window
        extraction.rows_without_cursor = scan.rows_without_cursor
        extraction.unknown_columns = scan.unknown_columns
        extraction.files_read = tuple(scan.files_read)
        extraction.marks = scan.marks


class _Scan:
    """One pass over the files of a folder that can hold rows of a window, and what it finds out."""

    def __init__(self, contract: Contract, window: Window, files_root: str, index_folder: str | None) -> None:
        source, table = source_table(contract)
        self.folder = Folder(files_root, source, table)
        self.count = WindowCount(contract, window)
        self.rows_without_cursor = 0
        self.unknown_columns: dict[str, tuple[str, ...]] = {}
        self.files_read: list[str] = []
        self._marks: dict[dt.date, set[str]] = {day: set() for day in window.days}
        self._contract = contract
        self._window = window
        self._index = FileIndex(
            None if index_folder is None else Path(index_folder) / f"{source}__{table}.json",
            {
                "folder": self.folder.shown,
                "columns": {name: column.type for name, column in source_columns(contract).items()},
                "cursor": [contract.cursor, contract.cursor_fallback],
                "lake_start": window.lake_start.isoformat(),
            },
        )

    def rows(self) -> Iterator[tuple[pa.RecordBatch, Days, DataFile]]:
        """Typed rows, the days of their cursors, and their file; of files that can matter, all rows."""
        return self._read(self._can_matter)

    def look(self) -> None:
        """Learns which windows every file has rows of; reads only files that nobody has read."""
        for _ in self._read(lambda _: False):
            """A file's facts are complete when all of it is read."""

    def _read(self, matters: Callable[[FileFacts], bool]) -> Iterator[tuple[pa.RecordBatch, Days, DataFile]]:
        """The rows of files that nobody has read, and of those that matter by what is known of them."""
        files = self.folder.files()
        try:
            for file in files:
                facts = self._index.facts(file)
                if facts is None or matters(facts):
                    reading = self._open(file)
                    for rows, days in reading.rows():
                        self.count.add(days)
                        yield rows, days, file
                    facts = reading.facts
                    self._index.learn(file, facts)
                self._mark(file, facts)
                self.rows_without_cursor += facts.rows_without_cursor
                if facts.unknown_columns:
                    self.unknown_columns[file.name] = facts.unknown_columns
        finally:
            self._index.save(files)

    @property
    def marks(self) -> Mapping[dt.date, frozenset[str]]:
        """Of every window, the files that have rows of it."""
        return {day: frozenset(marks) for day, marks in self._marks.items()}

    def _open(self, file: DataFile) -> "_Reading":
        self.files_read.append(file.name)
        return _Reading(self._contract, self._window, self.folder, file)

    def _mark(self, file: DataFile, facts: FileFacts) -> None:
        for number in self._windows(facts):
            self._marks[date_of(number)].add(file.mark)

    def _can_matter(self, facts: FileFacts) -> bool:
        return any(True for _ in self._windows(facts))

    def _windows(self, facts: FileFacts) -> Iterator[int]:
        """The windows of this scan that a file has rows of; a window may come twice."""
        if facts.rows_without_cursor and self._window.has_lake_start:
            yield day_number(self._window.lake_start)
        for first, last in facts.days:
            yield from windows_of_days(range(first, last + 1), self._contract, self._window)


class _Reading:
    """One file on its way into typed rows, and the facts about it once it is read."""

    def __init__(self, contract: Contract, window: Window, folder: Folder, file: DataFile) -> None:
        self._contract = contract
        self._lake_start = window.lake_start
        self._folder = folder
        self._file = file
        self._names = {column.name: name for name, column in source_columns(contract).items()}
        self._cursor = self._names[cursor_name(contract)]
        self._days: set[int] = set()
        self._without_cursor = 0
        self._unknown: dict[str, None] = {}

    @property
    def facts(self) -> FileFacts:
        return FileFacts(_as_ranges(self._days), self._without_cursor, tuple(self._unknown))

    def rows(self) -> Iterator[tuple[pa.RecordBatch, Days]]:
        has_cursor: bool | None = None
        with self._folder.open(self._file) as stream:
            for content in read_content(stream, self._file.format, self._file.compressed):
                if isinstance(content, MalformedLines):
                    yield self._seen(malformed_lines(content.lines, self._contract))
                    continue
                if has_cursor is None:
                    self._require_columns(content.schema.names)
                    has_cursor = self._cursor in content.schema.names
                elif self._cursor in content.schema.names and not has_cursor:
                    raise self._error(
                        f"column {self._cursor} first appears after {content.num_rows} rows or more: give it to every row"
                    )
                self._unknown.update(
                    dict.fromkeys(name for name in content.schema.names if name not in self._names.values())
                )
                if content.num_rows:
                    stand_ins = {} if has_cursor else {self._cursor: self._stand_in(content)}
                    yield self._seen(read_types(content, self._contract, stand_ins))

    def _seen(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, Days]:
        days = cursor_days(rows.column(cursor_name(self._contract)))
        known = days[days != NO_DAY]
        self._without_cursor += len(days) - len(known)
        self._days.update(np.unique(known).tolist())
        return rows, days

    def _stand_in(self, rows: pa.RecordBatch) -> pa.Array:
        """What the cursor is where the file has none: the business date, else the lake's first day."""
        fallback = self._contract.cursor_fallback
        if fallback is None:
            return pa.repeat(pa.scalar(self._lake_start.isoformat()), rows.num_rows)
        name = self._names[fallback]
        return rows.column(name) if name in rows.schema.names else pa.nulls(rows.num_rows, pa.string())

    def _require_columns(self, present: list[str]) -> None:
        required = [name for name, column in source_columns(self._contract).items() if column.key or column.required]
        missing = [name for name in required if name not in present and name != self._cursor]
        fallback = self._names.get(self._contract.cursor_fallback or "")
        if self._cursor not in present and fallback is not None and fallback not in present:
            missing.append(f"{self._cursor} (or {fallback} in its place)")
        # A cursor that is also part of the key (a rate's date) has nothing that could stand in for it.
        if self._cursor not in present and fallback is None and self._contract.by_name[cursor_name(self._contract)].key:
            missing.append(self._cursor)
        if missing:
            raise self._error(
                f"column {', '.join(missing)} is missing; the file has {', '.join(present) or 'none'}: add it to the file"
            )

    def _error(self, what: str) -> SourceError:
        return SourceError(f"{self._folder.label}: {self._folder.shown}/{self._file.name}: {what}")


def _as_ranges(numbers: set[int]) -> tuple[tuple[int, int], ...]:
    """Whole numbers as ranges from first to last, in order."""
    if not numbers:
        return ()
    ordered = np.array(sorted(numbers))
    ends = np.flatnonzero(np.diff(ordered) > 1)
    firsts, lasts = ordered[[0, *(ends + 1)]], ordered[[*ends, -1]]
    return tuple(zip(firsts.tolist(), lasts.tolist(), strict=True))
