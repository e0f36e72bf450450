"""A run that is killed while its engine writes to S3: nothing of it is visible, the next one makes up for it, and upkeep removes the rest."""

import datetime as dt
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.model import Contract
from io_managers import leftovers
from io_managers.commits import read_commits
from io_managers.leftovers import remove_leftovers
from io_managers.storage import Storage
from tests.lake_processes import LITTLE, START, Content, demo_environment, read_lake, whole_environment
from tests.s3_server import HeldWrite, s3_bucket

TABLES = ("bronze/snowflake_orders", "silver/orders")
FIRST, SECOND = START, START + dt.timedelta(days=1)
SIGKILL = 9
SECONDS = 300
"""The longest that a Spark may take to start and to come to the write."""


def load(environment: Mapping[str, str], day: dt.date) -> "subprocess.Popen[str]":
    """A process that loads a day of the tables by Dagster's own command."""
    Path(environment["DAGSTER_HOME"]).mkdir(exist_ok=True)
    return subprocess.Popen(
        [
            str(Path(sys.executable).with_name("dagster")), "asset", "materialize", "-m", "lakehouse_assets.definitions",
            "--select", " or ".join(f'key:"{table}"' for table in TABLES), "--partition", str(day),
        ],
        env=whole_environment(environment),
        cwd=Path(environment["DAGSTER_HOME"]).parent,  # Dagster would read the project's .env
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def loaded(environment: Mapping[str, str], day: dt.date) -> None:
    process = load(environment, day)
    output, _ = process.communicate()
    assert process.returncode == 0, output


@pytest.fixture(scope="module")
def undisturbed(
    few: Mapping[str, Contract],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Mapping[str, Content], ...]:
    """What the tables hold on disk after each of the days, loaded by the embedded engine."""
    environment = {**demo_environment(tmp_path_factory.mktemp("undisturbed"), 2), **LITTLE}
    states = []
    for day in (FIRST, SECOND):
        loaded(environment, day)
        states.append(read_lake(environment["LAKEHOUSE_ROOT"], few))
    return tuple(states)


@pytest.fixture(scope="module")
def few(contracts: Mapping[str, Contract]) -> Mapping[str, Contract]:
    return {table: contracts[table] for table in TABLES}


@pytest.mark.parametrize("engine", ["sail", "spark"])
def test_a_run_killed_while_it_writes_to_s3_leaves_nothing_visible_and_upkeep_removes_what_it_wrote(
    engine: str,
    undisturbed: tuple[Mapping[str, Content], ...],
    few: Mapping[str, Contract],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = f"lakehouse-killed-{engine}"
    root = f"s3://{bucket}/lake"
    held = HeldWrite(r"/silver/orders/data/.*\.parquet$")
    with s3_bucket(bucket, held) as s3:
        environment = {**demo_environment(tmp_path, 2, root=root), **LITTLE, **s3}
        storage = Storage(root)
        loaded(environment, FIRST)
        assert read_lake(root, few) == undisturbed[0]

        environment["LAKEHOUSE_ENGINE"] = engine
        held.hold(2)
        killed = load(environment, SECOND)
        arrived = held.wait(SECONDS)
        killed.kill()
        held.release()
        output, _ = killed.communicate()
        assert arrived, output
        assert killed.returncode == -SIGKILL
        assert read_lake(root, few)["silver/orders"] == undisturbed[0]["silver/orders"]

        loaded({**environment, "LAKEHOUSE_ENGINE": "sail"}, SECOND)
        assert read_lake(root, few) == undisturbed[1]
        assert len(runs_with_files(storage) - runs_that_published(storage)) == 1
        monkeypatch.setattr(leftovers, "ABANDONED_DAYS", 0)
        now = dt.datetime.now(dt.UTC)
        assert sum(one.files for contract in few.values() for one in remove_leftovers(storage, contract, now)) > 0
        assert runs_with_files(storage) == runs_that_published(storage)
        assert read_lake(root, few) == undisturbed[1]


def runs_with_files(storage: Storage) -> set[str]:
    files = storage.list_files(f"{storage.table_uri('silver/orders')}/data", recursive=True)
    return {path.split("/")[0] for path in files}


def runs_that_published(storage: Storage) -> set[str]:
    return {record.run_id for record in read_commits(storage, "silver/orders")}
