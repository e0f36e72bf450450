"""Alerts as lines of a file, a JSON object each."""

import fcntl
import json
import os
from pathlib import Path

from resources.alerts.interface import Alert, AlertRefusedError, AlertUnavailableError

_NEEDS_A_CHANGE = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)


class FileChannel:
    """Appends each alert to a file, which is made with its folder when the first is sent.

    Several processes may write to the same file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return str(self._path)

    def send(self, alert: Alert) -> None:
        """Appends one line, or, where that fails, nothing.

        Raises:
            AlertRefusedError: the file may not be written, or is a folder.
            AlertUnavailableError: it could not be written, for example since the disk is full.
        """
        line = f"{json.dumps(alert.as_record(), ensure_ascii=False)}\n".encode()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                _append(descriptor, line)
            finally:
                os.close(descriptor)
        except _NEEDS_A_CHANGE as error:
            raise AlertRefusedError(
                f"alerts can't be written to {self._path}: {error}. Let this user write there, or set LAKEHOUSE_ALERTS to another file."
            ) from error
        except OSError as error:
            raise AlertUnavailableError(f"alerts could not be written to {self._path}: {error}") from error


def _append(descriptor: int, line: bytes) -> None:
    """Writes all of a line or nothing: a part of it would spoil the next one too."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    before = os.fstat(descriptor).st_size
    try:
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise
