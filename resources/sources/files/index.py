"""What earlier runs learned of a folder's files, kept between runs so that a day opens only the files that can matter.

It is a cache: losing it costs reading the files again, nothing else. Processes that write it at the same time replace
it as a whole, one after the other, each with what it has learned added to what it finds.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from resources.sources.files.folder import DataFile

_VERSION = 2
"""Raised when the same file would give other facts: when cursors are read otherwise."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file holds, seen from the windows; days since 1970-01-01."""

    days: tuple[tuple[int, int], ...]
    """The days of its cursors, as ranges, first and last included, in order."""
    rows_without_cursor: int
    unknown_columns: tuple[str, ...]


class FileIndex:
    """Facts of the files of one folder, each valid for one size and time of change."""

    def __init__(self, path: Path | None, basis: Mapping[str, Any]) -> None:
        """Starts with what is known, or with nothing.

        Args:
            path: where it is kept; None keeps nothing.
            basis: what the facts depend on besides the file; facts found on another basis are forgotten.
        """
        self._path = path
        self._basis = {"version": _VERSION, **basis}
        self._facts = self._load()
        self._learned: dict[str, dict[str, Any]] = {}

    def facts(self, file: DataFile) -> FileFacts | None:
        """What is known of the file as it is now."""
        entry = self._facts.get(file.name)
        if entry is None or (entry["size"], entry["changed_ns"]) != (file.size, file.changed_ns):
            return None
        days = tuple((first, last) for first, last in entry["days"])
        return FileFacts(days, entry["rows_without_cursor"], tuple(entry["unknown_columns"]))

    def learn(self, file: DataFile, facts: FileFacts) -> None:
        self._learned[file.name] = {"size": file.size, "changed_ns": file.changed_ns, **asdict(facts)}

    def save(self, present: Iterable[DataFile]) -> None:
        """Writes what was learned, and forgets files that are gone."""
        if self._path is None or not self._learned:
            return
        names = {file.name for file in present}
        merged = {name: entry for name, entry in {**self._load(), **self._learned}.items() if name in names}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"basis": self._basis, "files": merged}, file)
            Path(temporary).replace(self._path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise

    def _load(self) -> dict[str, dict[str, Any]]:
        if self._path is None or not self._path.exists():
            return {}
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
        except ValueError:
            # Damaged from outside, since it is only ever replaced whole; the files tell everything again.
            return {}
        if not isinstance(stored, dict) or stored.get("basis") != self._basis:
            return {}
        files: dict[str, dict[str, Any]] = stored["files"]
        return files
