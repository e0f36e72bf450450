"""Where tests of published tables keep them: a folder, or S3 as moto's server plays it."""

import uuid
from collections.abc import Iterator

import pytest

from io_managers.storage import Storage


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a bucket of its own, with the environment by which pyarrow, delta-rs and the engine find its server."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    region = "eu-west-1"
    with pytest.MonkeyPatch.context() as patch:
        environment = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ALLOW_HTTP": "true",
        }
        for variable, value in environment.items():
            patch.setenv(variable, value)
        name = f"lake-{uuid.uuid4().hex}"
        boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        yield f"s3://{name}"
    server.stop()


@pytest.fixture
def remote_storage(bucket: str, request: pytest.FixtureRequest) -> Storage:
    """An empty lake on S3."""
    return Storage(f"{bucket}/{request.node.name}")
