"""A lake on S3 is the lake on disk: the same command, the same rows in every table."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from contracts.model import Contract
from io_managers.snapshot import find_snapshot
from io_managers.storage import Storage
from tests.lake_processes import LakeProcesses, demo_environment, read_lake

BUCKET = "lakehouse-acceptance"
REGION = "eu-west-1"
DAYS = 2
SCALE = {"LAKEHOUSE_DEMO_SCALE": "0.02"}
"""As little as fills every table: what takes time is the number of requests, not of rows."""


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """A bucket on a server of this test's own, and the variables by which processes find it; they are set here too."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ALLOW_HTTP": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield variables
    server.stop()


def versions(root: str, contracts: Mapping[str, Contract]) -> dict[str, int | None]:
    found = {table: find_snapshot(Storage(root), table) for table in contracts}
    return {table: snapshot and snapshot.version for table, snapshot in found.items()}


def test_a_lake_on_s3_has_the_rows_of_a_lake_on_disk(
    processes: LakeProcesses, s3: Mapping[str, str], contracts: Mapping[str, Contract], tmp_path: Path
) -> None:
    on_disk = {**demo_environment(tmp_path / "disk", DAYS), **SCALE}
    on_s3 = {**demo_environment(tmp_path / "s3", DAYS, root=f"s3://{BUCKET}/some/lake"), **SCALE, **s3}
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
