"""The folder of a source's table, on this machine or in object storage: which files are in it, and how one is opened."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.fs as pafs

from resources.sources.interface import SourceChangedError, SourceError, SourceUnavailableError

Format = Literal["csv", "json", "parquet"]

_FORMATS: dict[str, Format] = {".csv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file as it was listed; another size or time of change means another content."""

    path: str
    name: str
    format: Format
    compressed: bool
    size: int
    changed_ns: int

    @property
    def mark(self) -> str:
        """Stands for the file with this content."""
        return hashlib.blake2b(f"{self.name}/{self.size}/{self.changed_ns}".encode(), digest_size=8).hexdigest()


class Folder:
    """`<files root>/<source>/<table>`."""

    def __init__(self, files_root: str, source: str, table: str) -> None:
        self.label = f"{source}/{table}"
        if "://" in files_root:
            # Only the root is parsed as a URI: names of tables may hold characters that a URI would have to escape.
            self._filesystem, base = pafs.FileSystem.from_uri(files_root)
            self.shown = f"{files_root.rstrip('/')}/{self.label}"
        else:
            self._filesystem, base = pafs.LocalFileSystem(), os.path.abspath(os.path.expanduser(files_root))  # noqa: PTH100, PTH111 - as from_uri gives
            self.shown = f"{base}/{self.label}"
        self._path = f"{base.rstrip('/')}/{self.label}"

    def files(self) -> list[DataFile]:
        """All data files, by name; names that begin with a dot or an underscore are not data.

        Raises:
            SourceError: the folder is missing, or holds something that is neither.
        """
        with _storage_errors(self.shown):
            infos = self._filesystem.get_file_info(pafs.FileSelector(self._path, allow_not_found=True))
            if not infos and self._filesystem.get_file_info(self._path).type != pafs.FileType.Directory:
                raise SourceError(
                    f"{self.label}: the folder {self.shown} is missing: create it (an empty one is a table without "
                    "rows), or correct LAKEHOUSE_FILES_ROOT"
                )
        visible = [info for info in infos if not info.base_name.startswith((".", "_"))]
        return [self._data_file(info) for info in sorted(visible, key=lambda info: info.base_name)]

    @contextmanager
    def open(self, file: DataFile) -> "Iterator[pa.NativeFile]":
        """The file's bytes: as a stream where it is compressed, else for random access.

        Raises:
            SourceError: it can't be opened, or not read while it is open; whatever reading it raises becomes this.
            SourceChangedError: it was removed or changed since it was listed.
            SourceUnavailableError: object storage did not answer.
        """
        with _storage_errors(f"{self.label}: {self.shown}/{file.name}"):
            opened = self._filesystem.open_input_file(file.path)
            with opened, pa.CompressedInputStream(opened, "gzip") if file.compressed else opened as stream:
                yield stream
            now = self._filesystem.get_file_info(file.path)
        if (now.size, now.mtime_ns) != (file.size, file.changed_ns):
            raise SourceChangedError(
                f"{self.label}: {self.shown}/{file.name} was changed while it was read: run again when it is complete"
            )

    def _data_file(self, info: pafs.FileInfo) -> DataFile:
        name = info.base_name
        plain = name.lower().removesuffix(".gz")
        format_ = _FORMATS.get(os.path.splitext(plain)[1])  # noqa: PTH122 - a name in any storage, no path
        if info.type != pafs.FileType.File or format_ is None:
            raise SourceError(
                f"{self.label}: {self.shown}/{name} is no .csv, .jsonl, .json or .parquet file, or one of these with "
                ".gz: convert it or move it away (names that begin with '.' or '_' are passed over)"
            )
        return DataFile(info.path, name, format_, plain != name.lower(), info.size, info.mtime_ns)


@contextmanager
def _storage_errors(where: str) -> Iterator[None]:
    """Says where it was that reading failed, and whether trying again can help."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceChangedError(f"{where} was removed while it was read: run again ({error})") from error
    except (pa.ArrowException, OSError, UnicodeError) as error:
        if "AWS Error" in str(error):
            raise SourceUnavailableError(f"{where}: object storage did not answer: try again ({error})") from error
        raise SourceError(
            f"{where} can't be read: {error}. Repair or replace the file, in UTF-8 where it is text"
        ) from error
