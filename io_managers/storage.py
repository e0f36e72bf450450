"""Where tables are: the addresses of tables below one root, and the files there, on local folders and on S3.

Nothing here knows what a Delta table is, and nothing here computes.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pyarrow import fs

from contracts.errors import ConfigurationError

_PORTABLE = re.compile(r"[A-Za-z0-9._/~+@:-]+")
_S3 = "s3://"
_ASKED_AT_ONCE = 16

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Storage:
    """The lake's root, a folder or an `s3://` address, and the files below it.

    Addresses (`uri`) are the root's, continued: absolute paths, or `s3://bucket/...`. Credentials and region of S3 come
    from the environment (`AWS_*`), which pyarrow, delta-rs and the embedded engine read alike.
    """

    def __init__(self, root: str, engine_scheme: str = _S3) -> None:
        """Takes a root as settings give it, and the scheme by which the engine knows S3: `s3://`, or Hadoop's `s3a://`.

        Raises:
            ConfigurationError: the root has characters that an engine or delta-rs would write elsewhere, or a scheme that isn't supported.
        """
        if "://" in root and not root.startswith(_S3):
            raise ConfigurationError(
                f"LAKEHOUSE_ROOT '{root}' is neither a folder nor an s3:// address: no other scheme is supported."
            )
        self._engine_scheme = engine_scheme
        self.root = root.rstrip("/") if root.startswith(_S3) else str(Path(root).resolve())
        if not _PORTABLE.fullmatch(self.root):
            raise ConfigurationError(
                f"LAKEHOUSE_ROOT '{self.root}' has characters that engines encode differently, so that a table would be written to one place and "
                "looked for in another: use a path of ASCII letters, digits and . _ - ~ + @ / only, without spaces."
            )

    @property
    def remote(self) -> bool:
        return self.root.startswith(_S3)

    def table_uri(self, table: str) -> str:
        """The address of a published table, named `<layer>/<name>`."""
        return f"{self.root}/{table}"

    def quarantine_uri(self, table: str) -> str:
        """The address of the table that holds the broken rows of a table."""
        return f"{self.root}/{table}__quarantine"

    def engine_path(self, uri: str) -> str:
        """An address as engines take it: local ones with their scheme, since an engine's default file system may be another."""
        return uri.replace(_S3, self._engine_scheme, 1) if self.remote else f"file://{uri}"

    @cached_property
    def filesystem(self) -> fs.FileSystem:
        return fs.FileSystem.from_uri(self.root)[0]

    def path(self, uri: str) -> str:
        """An address as `filesystem` takes it. Its file names are literal, where a URI's would be decoded."""
        return uri.removeprefix(_S3)

    def list_files(
        self, uri: str, *, recursive: bool = False, changed_before: dt.datetime | None = None
    ) -> Mapping[str, int]:
        """Size in bytes of each file below an address, or each that is so old, by its path relative to it; none where the folder is missing."""
        base = self.path(uri)
        selector = fs.FileSelector(base, allow_not_found=True, recursive=recursive)
        found = self.filesystem.get_file_info(selector)
        return {
            info.path[len(base) + 1 :]: info.size
            for info in found
            if info.type == fs.FileType.File and (changed_before is None or info.mtime < changed_before)
        }

    def list_folders(self, uri: str) -> Sequence[str]:
        """The names of the folders in a folder; none where it is missing."""
        found = self.filesystem.get_file_info(fs.FileSelector(self.path(uri), allow_not_found=True))
        return [info.base_name for info in found if info.type == fs.FileType.Directory]

    def read_bytes(self, uri: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with self.filesystem.open_input_file(self.path(uri)) as file:
            content: bytes = file.read()
        return content

    def write_bytes(self, uri: str, content: bytes) -> None:
        """Writes a file, in place of one that is there."""
        with self.filesystem.open_output_stream(self.path(uri)) as file:
            file.write(content)

    def create_folder(self, uri: str) -> None:
        """Makes a folder and those above it, where they are missing."""
        self.filesystem.create_dir(self.path(uri), recursive=True)

    def delete_folder(self, uri: str) -> None:
        """Removes a folder with all that is in it, whether or not it is (still) there."""
        self.filesystem.delete_dir_contents(self.path(uri), missing_dir_ok=True)
        if self.filesystem.get_file_info(self.path(uri)).type == fs.FileType.Directory:
            self.filesystem.delete_dir(self.path(uri))

    def delete_file(self, uri: str) -> None:
        """Removes a file, whether or not it is (still) there."""
        try:
            self.filesystem.delete_file(self.path(uri))
        except FileNotFoundError:
            return


def at_once(ask: Callable[[Asked], Answer], many: Iterable[Asked]) -> Sequence[Answer]:
    """What is asked of the storage about each of many, several at the same time: on S3, each request waits for its answer."""
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
        return list(threads.map(ask, many))
