"""What the lakehouse asks of an engine, whichever Spark Connect server stands behind it."""

from typing import TYPE_CHECKING, Protocol

from contracts.errors import PermanentError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class EngineError(PermanentError):
    """The engine could not be started, or lacks a capability that tables rely on."""


class Engine(Protocol):
    """A Spark Connect session, started at the first use and shared by a process."""

    @property
    def name(self) -> str: ...

    def session(self) -> "SparkSession":
        """The session, started and checked for its capabilities on the first call.

        Raises:
            EngineError: it can't be started, or lacks a capability.
        """
        ...

    def close(self) -> None:
        """Ends the session and its server. Does nothing where none was started."""
        ...
