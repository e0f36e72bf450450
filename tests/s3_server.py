"""S3 as moto's server plays it, in this process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

REGION = "eu-west-1"


@contextmanager
def s3_bucket(name: str) -> Iterator[Mapping[str, str]]:
    """A bucket on a server of its own, and the variables by which clients find it, which are set here meanwhile."""
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
        for variable, value in variables.items():
            patch.setenv(variable, value)
        boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield variables
    server.stop()
