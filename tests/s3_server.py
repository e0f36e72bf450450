"""S3 as moto's server plays it, in this process."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

REGION = "eu-west-1"
Application = Callable[[Mapping[str, Any], Any], Iterable[bytes]]


class HeldWrite:
    """Lets one write to S3 arrive and not be carried out, so that whoever writes can be killed in the middle of it."""

    def __init__(self, path: str) -> None:
        """Watches writes to a path, a pattern that is searched for."""
        self._path, self._remaining = re.compile(path), 0
        self._reached, self._released = Event(), Event()

    def hold(self, number: int) -> None:
        """Holds the n-th write from now on."""
        self._remaining = number

    def wait(self, seconds: float) -> bool:
        """Waits until the write has arrived; False if it didn't."""
        return self._reached.wait(seconds)

    def release(self) -> None:
        """Refuses the write, and lets all later ones through."""
        self._released.set()

    def before(self, application: Application) -> Application:
        """An application that holds the write, and passes everything else on."""

        def watched(environment: Mapping[str, Any], start: Any) -> Iterable[bytes]:
            if environment["REQUEST_METHOD"] == "PUT" and self._path.search(environment["PATH_INFO"]):
                self._remaining -= 1
                if self._remaining == 0:
                    self._reached.set()
                    self._released.wait()
                    start("503 Service Unavailable", [])
                    return []
            return application(environment, start)

        return watched


@contextmanager
def s3_bucket(name: str, held: HeldWrite | None = None) -> Iterator[Mapping[str, str]]:
    """A bucket on a server of its own, and the variables by which clients find it, which are set here meanwhile."""
    import boto3
    from moto.moto_server import threaded_moto_server
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        if held is not None:
            make = threaded_moto_server.DomainDispatcherApplication
            patch.setattr(threaded_moto_server, "DomainDispatcherApplication", lambda app: held.before(make(app)))
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
