"""Any Spark Connect server by its address, `sc://host:port`, with TLS where the address says so, and a token where one is set."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from resources.engine.connect import ConnectedEngine, connect, require_reachable
from resources.engine.interface import Work

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DEFAULT_PORT = 15002


class RemoteEngine(ConnectedEngine):
    """A session at a server that others run."""

    s3_scheme = "s3a://"

    def __init__(self, address: str, token: Callable[[], str | None] = lambda: None) -> None:
        super().__init__()
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or DEFAULT_PORT
        self._parameters = parts.path.strip("/;")
        self._token = token
        self.name = f"sc://{self._host}:{self._port}"

    def _open(self, work: Work) -> "SparkSession":  # noqa: ARG002
        require_reachable(self._host, self._port, self.name)
        token = self._token()
        given = [self._parameters, f"token={token}" if token else ""]
        return connect(f"{self.name}/;{';'.join(filter(None, given))}")

    def _end(self) -> None: ...
