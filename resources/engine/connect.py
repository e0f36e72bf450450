"""A session over Spark Connect: its settings, the check of what the engine can do, and what its failures mean."""

import atexit
import contextlib
import os
import socket
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from contracts.errors import tells_of_an_unreadable_answer
from resources.engine.capabilities import require_capabilities
from resources.engine.interface import NO_WORK, EngineAwayError, Work

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client import ChannelBuilder
    from pyspark.sql.connect.client.retries import RetryPolicy

SESSION_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
}
"""What tables rely on, on every engine."""

JVM_SERVER_SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}
"""What a server of Spark is started with, wherever it runs: no session may change these."""

JVM_SESSION_SETTINGS = {
    # Of timestamps that Spark would write as INT96, delta-rs has no statistics.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # One file a partition, up to this size, in place of one a task.
    "spark.databricks.delta.optimizeWrite.enabled": "true",
    "spark.databricks.delta.optimizeWrite.binSize": "128m",
    # A staged table's log has one commit: with the engine's 50, reading it is 50 tasks.
    "spark.databricks.delta.snapshotPartitions": "1",
}
"""What Spark on a JVM is given beside them."""

REPEATS = 6
"""How often a call is repeated that did not arrive: for a minute, in place of the client's ten."""

CLIENT_MODE = "SPARK_CONNECT_MODE_ENABLED"
"""A variable by which PySpark knows that this process is a client of Spark Connect."""

_MARK = "spark.lakehouse.session"

REACH_SECONDS = 10
"""How long a server may take to accept a connection. Spark's client alone would try for ten minutes before it says so."""


def require_reachable(host: str, port: int, engine: str) -> None:
    """Looks whether anything listens at an address.

    Raises:
        EngineAwayError: nothing does, or its name is not known.
    """
    try:
        socket.create_connection((host, port), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise EngineAwayError(
            f"engine '{engine}' can't be reached at {host}:{port}: {error}. Start its server, or correct LAKEHOUSE_ENGINE."
        ) from error


class ConnectedEngine(ABC):
    """An engine behind Spark Connect: one session, opened at the first use, and another one where that was lost."""

    name: str
    s3_scheme: str
    values_at_once = 500_000_000
    """Spark spills what its memory doesn't hold, and each write costs it seconds and reads long windows anew: few and large ones."""

    def __init__(self) -> None:
        self._session: SparkSession | None = None
        self._mark = ""

    def session(self, work: Work = NO_WORK) -> "SparkSession":
        if self._session is not None and not self._answers(self._session):
            self.close()
        if self._session is None:
            # Also keeps the server while only the session is held: a session without its server waits for it for ever.
            atexit.register(self.close)
            try:
                self._session = self._prepared(self._open(work))
            except BaseException:
                self.close()
                raise
        return self._session

    @abstractmethod
    def _open(self, work: Work) -> "SparkSession":
        """Starts what has to be started, and opens a session there."""

    @abstractmethod
    def _end(self) -> None:
        """Ends what `_open` started, as far as it came."""

    def _settings(self) -> Mapping[str, str]:
        return SESSION_SETTINGS | JVM_SESSION_SETTINGS

    def _prepared(self, session: Any) -> "SparkSession":
        self._session = session
        self._mark = uuid.uuid4().hex
        session.client.set_retry_policies([_repeated(REPEATS)])
        for name, value in {**self._settings(), _MARK: self._mark}.items():
            session.conf.set(name, value)
        require_capabilities(session, self.name)
        prepared: SparkSession = session
        return prepared

    def _answers(self, session: Any) -> bool:
        """Whether the session is still the one that was prepared: a server that was restarted opens another under its name."""
        from pyspark.errors import PySparkException

        session.client.set_retry_policies([_repeated(1)])
        try:
            found: str = session.conf.get(_MARK, "")
        except PySparkException:
            return False
        session.client.set_retry_policies([_repeated(REPEATS)])
        return found == self._mark

    def figures(self) -> Mapping[str, str | float]:
        return {}

    def close(self) -> None:
        from grpc import RpcError
        from pyspark.errors import PySparkException

        session: Any = self._session
        self._session = None
        if session is not None:
            session.client.set_retry_policies([_repeated(0)])
            # A session that is lost can't be ended, and is not there to be.
            with contextlib.suppress(PySparkException, RpcError):
                session.stop()
            # Its finalizer would close it again, in whichever thread collects it, and wait there for calls of all other sessions.
            session.client.close = lambda: None
        self._end()


def connect(connection: "str | ChannelBuilder") -> "SparkSession":
    """A session at an address, or over a channel."""
    # Else gRPC's threads begin anew in the child that is forked for a JVM, whose files are then closed: often it ended before it was a JVM.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # The general one doesn't know channels.
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    # Functions that build columns look here whether they build them for a server; the general builder sets it too.
    os.environ[CLIENT_MODE] = "1"
    builder: Any = ConnectSession.builder
    builder = builder.remote(connection) if isinstance(connection, str) else builder.channelBuilder(connection)
    session: Any = builder.create()
    # At exit the client would have the server forget its models: Sail, which knows none, answers with an error, which is then logged.
    atexit.unregister(session.client._cleanup_ml_cache)  # noqa: SLF001
    connected: SparkSession = session
    return connected


def _repeated(times: int) -> "RetryPolicy":
    """How often a call is repeated that did not arrive, or whose answer can't be read."""
    from pyspark.sql.connect.client.retries import DefaultPolicy

    class Policy(DefaultPolicy):
        def can_retry(self, e: BaseException) -> bool:
            # Of a query, whose answer comes in parts, Sail knows nothing more once its reader has gone.
            return super().can_retry(e) or (tells_of_an_unreadable_answer(e) and not isinstance(e, Iterator))

    return Policy(max_retries=times)
