"""What the lakehouse asks of an engine, whichever Spark Connect server stands behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from contracts.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class EngineError(PermanentError):
    """The engine could not be started, or lacks a capability that tables rely on."""


class EngineAwayError(RetryableError):
    """The engine did not answer, had no capacity, or lost its session: another try gets a session of its own."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a session is for. An engine that rents machines sizes and tags them by it."""

    run_id: str = ""
    table: str = ""
    """The first that is made."""
    profile: str = "small"
    """The largest need of the run's tables."""


NO_WORK = Work()
"""To read, not to load."""


class Engine(Protocol):
    """A Spark Connect session, started at the first use and shared by a process."""

    @property
    def name(self) -> str: ...

    @property
    def s3_scheme(self) -> str:
        """How the engine's addresses on S3 begin: `s3://`, or `s3a://` where Hadoop's file system is the one that there is."""
        ...

    @property
    def values_at_once(self) -> int:
        """How many values (rows times columns) it is given in one write: as many as its memory holds, or as it spills well."""
        ...

    def session(self, work: Work = NO_WORK) -> "SparkSession":
        """The session, started for the work and checked for its capabilities on the first call.

        Raises:
            EngineError: it can't be started, or lacks a capability.
            EngineAwayError: it can't be started now.
        """
        ...

    def figures(self) -> Mapping[str, str | float]:
        """What there is to know of the session beside its answers: its address, what it costs."""
        ...

    def close(self) -> None:
        """Ends the session and its server. Does nothing where none was started."""
        ...
