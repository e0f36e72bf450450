"""The embedded engine: Sail's Spark Connect server in this process, without a JVM."""

import contextlib
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from resources.engine.connect import SESSION_SETTINGS, ConnectedEngine, connect
from resources.engine.interface import Work
from resources.engine.memory import MemoryGuard

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SAIL_SESSION_SETTINGS = {
    # The client would look up the caller of each function that builds a column, which the engine ignores: a tenth of a small run.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}

ENGINE_SETTINGS = {
    # It logs every start and session at INFO; only what a person must act on is shown.
    "RUST_LOG": "error",
    # Rows that pass from one step of a query to the next at once: fewer take longer, and more take more memory.
    "SAIL_EXECUTION__BATCH_SIZE": "16384",
    # Its allocator would keep what one table needed while the next is made: a third of the memory of a long run. The shorter
    # the delay (milliseconds), the more pages are used again, each of which costs a fault.
    "MIMALLOC_PURGE_DELAY": "2000",
    # It would wait four times as long with what threads have given back to all.
    "MIMALLOC_ARENA_PURGE_MULT": "1",
    "MIMALLOC_ARENA_EAGER_COMMIT": "0",
}
"""Variables that the engine reads when it starts; those that are set stay as they are."""


class SailEngine(ConnectedEngine):
    """Starts a server on a free local port at the first use and ends it at `close`, or with the process.

    It holds about what it writes in memory, so that it is given little at once.
    """

    name = "sail"
    s3_scheme = "s3://"
    values_at_once = 25_000_000

    def __init__(self, memory: int | None = None) -> None:
        """Prepares a server, and starts nothing.

        Args:
            memory: the most that this process may hold while queries run, bytes; by default what the machine has. The engine's own
                limit is not used: it counts some aggregates at many times what they hold, and fails queries that fit.
        """
        super().__init__()
        self._memory = memory
        self._server: Any = None
        self._guard: MemoryGuard | None = None

    def _open(self, work: Work) -> "SparkSession":  # noqa: ARG002
        for name, value in ENGINE_SETTINGS.items():
            os.environ.setdefault(name, value)
        from pysail.spark import SparkConnectServer

        self._server = SparkConnectServer("127.0.0.1", 0)
        self._server.start(background=True)
        host, port = self._server.listening_address
        session = connect(f"sc://{host}:{port}")
        self._guard = MemoryGuard(partial(_interrupt, session), self._memory)
        self._guard.start()
        return session

    def _settings(self) -> Mapping[str, str]:
        return SESSION_SETTINGS | SAIL_SESSION_SETTINGS

    def _answers(self, session: "SparkSession") -> bool:  # noqa: ARG002
        # It does as long as the process, but memory that was short is free again with another server only.
        return self._guard is None or not self._guard.has_acted

    def _end(self) -> None:
        if self._guard is not None:
            self._guard.stop()
            self._guard = None
        if self._server is not None:
            self._server.stop()
            self._server = None


def _interrupt(session: "SparkSession") -> None:
    from grpc import RpcError
    from pyspark.errors import PySparkException

    # A session that ends meanwhile has nothing left to interrupt.
    with contextlib.suppress(PySparkException, RpcError, ValueError):
        session.interruptAll()
