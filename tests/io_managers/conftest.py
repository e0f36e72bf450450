"""Where tests of published tables keep them: a folder, or S3 as moto's server plays it."""

import uuid
from collections.abc import Iterator

import pytest

from io_managers.storage import Storage
from tests.s3_server import s3_bucket


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a bucket of its own, with the environment by which pyarrow, delta-rs and the engine find its server."""
    name = f"lake-{uuid.uuid4().hex}"
    with s3_bucket(name):
        yield f"s3://{name}"


@pytest.fixture
def remote_storage(bucket: str, request: pytest.FixtureRequest) -> Storage:
    """An empty lake on S3."""
    return Storage(f"{bucket}/{request.node.name}")
