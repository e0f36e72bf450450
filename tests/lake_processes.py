"""`lakehouse` as processes of its own, for tests of what only a process can show, and what their lakes then hold."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from contracts.model import Contract
from io_managers.quarantine import read_quarantine, window_transaction
from io_managers.snapshot import find_snapshot
from io_managers.storage import Storage

SCRIPT = Path(__file__).with_name("forked_commands.py")
START = dt.date(2026, 10, 1)
TECHNICAL = ("_ingested_at", "_source")
"""Columns that say how a row came, which two loads of the same rows need not have in common."""

LITTLE = {"LAKEHOUSE_DEMO_SCALE": "0.02"}
"""As little as fills every table, where what takes time is the number of runs, tables and requests, and not of rows."""


@dataclass(frozen=True)
class KillPoint:
    """The n-th call of a function, before or after which a process is killed."""

    target: str
    """`package.module:function` or `package.module:Class.method`, where it is looked up."""
    when: str
    call: int


@dataclass(frozen=True)
class Ended:
    """How a command ended. A status below 0 is the signal that killed it."""

    status: int
    output: str


@dataclass(frozen=True)
class LakeProcesses:
    """Runs commands, each in a process of its own."""

    server: "subprocess.Popen[str]"

    def run(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        kill: KillPoint | None = None,
        constants: Mapping[str, Any] | None = None,
        tables: Iterable[str] = (),
    ) -> Ended:
        """A command, with the given variables and module constants; killed at a point if one is given.

        The lakehouse consists of the given tables, or of all.
        """
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        request = {
            "arguments": arguments,
            "environment": environment,
            "folder": str(Path(environment["DAGSTER_HOME"]).parent),
            "kill": kill.__dict__ if kill else None,
            "constants": constants or {},
            "tables": list(tables),
        }
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return Ended(**json.loads(self.server.stdout.readline()))


def import_path() -> str:
    """Where a new process finds what this one imports."""
    return os.pathsep.join(folder for folder in sys.path if Path(folder).is_absolute() and Path(folder).exists())


def whole_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process with these settings of the lakehouse, and no others."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "DAGSTER_", "AWS_"))}
    return {**own, **settings, "PYTHONPATH": import_path()}


@contextmanager
def lake_processes() -> Iterator[LakeProcesses]:
    """Starts what runs commands, without any variable of the lakehouse, and ends it.

    Nor is coverage measured there: a forked process ends, or is killed, before it could save any.
    """
    left_out = ("LAKEHOUSE_", "DAGSTER_", "AWS_", "COVERAGE_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    server = subprocess.Popen(
        [sys.executable, str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**clean, "PYTHONPATH": import_path(), "COLUMNS": "120"},
    )
    try:
        yield LakeProcesses(server)
    finally:
        server.communicate()


def demo_environment(folder: Path, days: int, *, root: str | None = None) -> dict[str, str]:
    """The variables of a small demo lake in a folder, on the morning when so many days are closed."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "DAGSTER_HOME": str(folder / "home"),
        "LAKEHOUSE_ROOT": root or str(folder / "lake"),
        "LAKEHOUSE_START_DATE": START.isoformat(),
        "LAKEHOUSE_NOW": f"{START + dt.timedelta(days=days)}T06:00:00Z",
        "LAKEHOUSE_DEMO_SCALE": "0.05",
    }


@dataclass
class Content:
    """A table's rows and quarantine as a reader finds them, as text by storage partition and window; both empty without a table."""

    rows: dict[str, list[str]] = field(default_factory=dict)
    quarantine: dict[str, list[str]] = field(default_factory=dict)


def read_lake(root: str, contracts: Mapping[str, Contract]) -> dict[str, Content]:
    """Everything that is published in a lake."""
    return {table: read_content(Storage(root), contract) for table, contract in contracts.items()}


def read_content(storage: Storage, contract: Contract) -> Content:
    """What is published of a table: sorted texts of rows, and of the rows set aside with the rules that they broke."""
    content = Content()
    try:
        published = DeltaTable(storage.table_uri(contract.table)).to_pyarrow_table()
    except TableNotFoundError:
        return content
    columns = [name for name in published.schema.names if name not in TECHNICAL]
    for row in published.select(columns).to_pylist():
        content.rows.setdefault(str(row[contract.partition_column]), []).append(repr(row))
    for row in read_quarantine(storage, contract).to_pylist():
        text = f"{sorted(row['_broken_rules'])} {row['_raw']}"
        content.quarantine.setdefault(row["_window"], []).append(text)
    for texts in (*content.rows.values(), *content.quarantine.values()):
        texts.sort()
    return content


def loaded_days(storage: Storage, contract: Contract) -> set[str]:
    """The days that a table's own log holds."""
    snapshot = find_snapshot(storage, contract.table)
    prefix = window_transaction(contract)
    return (
        {name.removeprefix(prefix) for name in snapshot.transactions if name.startswith(prefix)} if snapshot else set()
    )
