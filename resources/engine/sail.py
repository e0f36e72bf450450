"""The embedded engine: Sail's Spark Connect server in this process, without a JVM."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resources.engine.connect import SESSION_SETTINGS, ConnectedEngine, connect
from resources.engine.interface import Work
from resources.engine.memory import available_memory

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SAIL_SESSION_SETTINGS = {
    # The client would look up the caller of each function that builds a column, which the engine ignores: a tenth of a small run.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}

ENGINE_SETTINGS = {
    # It logs every start and session at INFO; only what a person must act on is shown.
    "RUST_LOG": "error",
    # Rows that pass from one step of a query to the next at once: with the engine's 8192, a large run takes 8 % longer.
    "SAIL_EXECUTION__BATCH_SIZE": "32768",
    # Its allocator would keep what one table needed while the next is made: a third of the memory of a long run. The shorter
    # the delay (milliseconds), the more pages are used again, each of which costs a fault.
    "MIMALLOC_PURGE_DELAY": "2000",
    "MIMALLOC_ARENA_EAGER_COMMIT": "0",
    # What exceeds the pool spills where it can, and else fails with an error. Without a limit the system would kill the process.
    "SAIL_RUNTIME__MEMORY_POOL__TYPE": "greedy",
}
"""Variables that the engine reads when it starts; those that are set stay as they are."""

MEMORY_POOL = "SAIL_RUNTIME__MEMORY_POOL__GREEDY__MAX_SIZE"
"""The variable of how much memory, in bytes, queries may hold."""
MEMORY_SHARE = 0.6
"""Of the machine's memory. The rest is for what the engine doesn't count: files that are read and written, and Python."""


class SailEngine(ConnectedEngine):
    """Starts a server on a free local port at the first use and ends it at `close`, or with the process."""

    name = "sail"
    s3_scheme = "s3://"

    def __init__(self) -> None:
        super().__init__()
        self._server: Any = None

    def _open(self, work: Work) -> "SparkSession":  # noqa: ARG002
        pool = {MEMORY_POOL: str(int(available_memory() * MEMORY_SHARE))}
        for name, value in {**ENGINE_SETTINGS, **pool}.items():
            os.environ.setdefault(name, value)
        from pysail.spark import SparkConnectServer

        self._server = SparkConnectServer("127.0.0.1", 0)
        self._server.start(background=True)
        host, port = self._server.listening_address
        return connect(f"sc://{host}:{port}")

    def _settings(self) -> Mapping[str, str]:
        return SESSION_SETTINGS | SAIL_SESSION_SETTINGS

    def _answers(self, session: "SparkSession") -> bool:  # noqa: ARG002
        return True  # as long as the process does

    def _end(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None
