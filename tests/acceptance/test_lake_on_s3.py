"""A lake on S3 is the lake on disk: the same command, the same rows in every table."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from contracts.model import Contract
from io_managers.snapshot import find_snapshot
from io_managers.storage import Storage
from tests.lake_processes import LITTLE, LakeProcesses, demo_environment, read_lake
from tests.s3_server import s3_bucket

BUCKET = "lakehouse-acceptance"
DAYS = 2


@pytest.fixture(scope="module")
def s3() -> Iterator[Mapping[str, str]]:
    """A bucket, and the variables by which processes find it."""
    with s3_bucket(BUCKET) as variables:
        yield variables


def versions(root: str, contracts: Mapping[str, Contract]) -> dict[str, int | None]:
    found = {table: find_snapshot(Storage(root), table) for table in contracts}
    return {table: snapshot and snapshot.version for table, snapshot in found.items()}


def test_a_lake_on_s3_has_the_rows_of_a_lake_on_disk(
    processes: LakeProcesses, s3: Mapping[str, str], contracts: Mapping[str, Contract], tmp_path: Path
) -> None:
    on_disk = {**demo_environment(tmp_path / "disk", DAYS), **LITTLE}
    on_s3 = {**demo_environment(tmp_path / "s3", DAYS, root=f"s3://{BUCKET}/some/lake"), **LITTLE, **s3}
    for environment in (on_disk, on_s3):
        ended = processes.run("run", environment=environment)
        assert ended.status == 0, ended.output
    remote = read_lake(on_s3["LAKEHOUSE_ROOT"], contracts)
    assert remote == read_lake(on_disk["LAKEHOUSE_ROOT"], contracts)
    assert [table for table in contracts if not remote[table].rows] == []

    before = versions(on_s3["LAKEHOUSE_ROOT"], contracts)
    again = processes.run("run", environment=on_s3)
    assert again.status == 0, again.output
    assert "Nothing to do" in again.output
    assert versions(on_s3["LAKEHOUSE_ROOT"], contracts) == before
    assert {path.name for path in (tmp_path / "s3").iterdir()} == {"home"}


def test_what_a_lake_on_s3_holds_is_shown_from_there(
    processes: LakeProcesses, s3: Mapping[str, str], tmp_path: Path
) -> None:
    environment = {**demo_environment(tmp_path, 1, root=f"s3://{BUCKET}/nothing-here"), **s3}
    ended = processes.run("status", environment=environment)
    assert ended.status == 0, ended.output
    assert f"s3://{BUCKET}/nothing-here" in ended.output
    assert "never loaded" in ended.output
