"""The embedded engine: Sail's Spark Connect server in this process, without a JVM."""

import atexit
import os
from typing import TYPE_CHECKING, Any

from resources.engine.capabilities import require_capabilities

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SESSION_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
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
}
"""Variables that the engine reads when it starts; those that are set stay as they are."""


class SailEngine:
    """Starts a server on a free local port at the first use and ends it at `close`, or with the process."""

    name = "sail"

    def __init__(self) -> None:
        self._server: Any = None
        self._session: SparkSession | None = None

    def session(self) -> "SparkSession":
        if self._session is None:
            for name, value in ENGINE_SETTINGS.items():
                os.environ.setdefault(name, value)
            from pysail.spark import SparkConnectServer
            from pyspark.sql import SparkSession

            # Also keeps the server while only the session is held: a session without its server waits for it for ever.
            atexit.register(self.close)
            self._server = SparkConnectServer("127.0.0.1", 0)
            self._server.start(background=True)
            host, port = self._server.listening_address
            self._session = SparkSession.builder.remote(f"sc://{host}:{port}").create()
            try:
                for name, value in SESSION_SETTINGS.items():
                    self._session.conf.set(name, value)
                require_capabilities(self._session, self.name)
            except BaseException:
                self.close()
                raise
        return self._session

    def close(self) -> None:
        if self._session is not None:
            self._session.stop()
            self._session = None
        if self._server is not None:
            self._server.stop()
            self._server = None
