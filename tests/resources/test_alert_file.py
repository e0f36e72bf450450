"""Alerts as lines of a file."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import PermanentError, RetryableError
from resources.alerts.file import FileChannel
from resources.alerts.interface import AlertRefusedError, AlertUnavailableError
from tests.lake_processes import import_path
from tests.resources.alert_support import ALERT

CLEARED = replace(ALERT, state="cleared", detail="")


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_alert_is_a_line_of_a_file_that_is_made_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "alerts.jsonl"
    FileChannel(path).send(replace(ALERT, detail="two\nlines"))
    FileChannel(path).send(CLEARED)
    assert path.read_text().endswith("\n")
    assert records(path) == [
        {
            "id": "gold/fct_orders late 2026-10-03T11:00:00Z",
            "subject": "gold/fct_orders",
            "condition": "late",
            "severity": "error",
            "state": "raised",
            "summary": "gold/fct_orders is late",
            "detail": "two\nlines",
            "runbook": "docs/operating.md#a-check-is-red",
            "since": "2026-10-03T11:00:00Z",
            "at": "2026-10-03T12:00:00Z",
        },
        CLEARED.as_record(),
    ]
    assert FileChannel(path).name == str(path)


def test_what_clears_has_the_id_of_what_raised() -> None:
    assert CLEARED.id == ALERT.id
    assert replace(ALERT, condition="check_failed:rows").id != ALERT.id


def test_a_file_that_may_not_be_written_has_to_be_changed_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "alerts.jsonl"):
        with pytest.raises(
            AlertRefusedError, match=f"alerts can't be written to {path}: .*set LAKEHOUSE_ALERTS"
        ) as raised:
            FileChannel(path).send(ALERT)
        assert isinstance(raised.value, PermanentError)


def test_a_line_that_is_cut_short_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "alerts.jsonl"
    FileChannel(path).send(ALERT)
    write = os.write

    def full_disk(descriptor: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:-50])

    monkeypatch.setattr("resources.alerts.file.os.write", full_disk)
    with pytest.raises(AlertUnavailableError, match="No space left") as raised:
        FileChannel(path).send(CLEARED)
    assert isinstance(raised.value, RetryableError)
    monkeypatch.undo()
    FileChannel(path).send(CLEARED)
    assert records(path) == [ALERT.as_record(), CLEARED.as_record()]


def test_nobody_else_writes_while_a_line_that_may_be_taken_back_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alerts.jsonl"
    path.touch()
    write = os.write
    refused = []

    def write_beside_another(descriptor: int, data: bytes) -> int:
        with path.open("a") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                refused.append(data)
        return write(descriptor, data)

    monkeypatch.setattr("resources.alerts.file.os.write", write_beside_another)
    FileChannel(path).send(ALERT)
    assert len(refused) == 1


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from resources.alerts.file import FileChannel
from tests.resources.alert_support import ALERT

print("ready", flush=True)
sys.stdin.readline()
for number in range(50):
    FileChannel(Path(sys.argv[1])).send(replace(ALERT, subject=sys.argv[2], detail=f"{number} " + "x" * 20_000))
"""


def test_lines_of_several_processes_stay_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": import_path()},
        )
        for name in ("a", "b")
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n", timeout=60)
        assert writer.returncode == 0
    written = records(path)
    for name in ("a", "b"):
        numbers = [int(one["detail"].split()[0]) for one in written if one["subject"] == name]
        assert numbers == list(range(50))
