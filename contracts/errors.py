"""The failures of the lakehouse, retryable ones apart from permanent ones.

Every error names what failed, where (asset, partition, source, file, row), why, and what to do. Errors of a layer
derive from one of the two classes here, so that whoever runs a table can tell whether trying again can help.
"""

import re

_SESSION_LOST = re.compile(
    r"INVALID_HANDLE\.SESSION|SESSION_(NOT_FOUND|CLOSED|CHANGED)|RETRIES_EXCEEDED"
    r"|StatusCode\.(UNAVAILABLE|UNAUTHENTICATED|CANCELLED)"
)

_UNREADABLE = "Exception deserializing response!"
"""What gRPC says of an answer whose bytes are no message."""

_INTERRUPTED = re.compile(r"operation not found: [0-9a-f-]{36}")
"""What Sail says of a query that was interrupted, which only the guard of its memory does."""


def tells_of_a_lost_session(error: Exception) -> bool:
    """Whether an error of PySpark says that the engine, or its session, is away: that, and not what was asked for, is wrong."""
    said = f"{type(error).__name__} {error} {error.__cause__}"
    return _SESSION_LOST.search(said) is not None or tells_of_an_unreadable_answer(error)


def tells_of_an_unreadable_answer(error: BaseException) -> bool:
    """Whether the engine's answer arrived, and was garbled: asked again, it may be read."""
    return _UNREADABLE in str(error)


def tells_of_too_little_memory(error: Exception) -> bool:
    """Whether an error of PySpark says that the embedded engine was stopped, since memory came to its end."""
    return _INTERRUPTED.search(str(error)) is not None


class LakehouseError(Exception):
    """Base of every failure that the lakehouse reports on purpose."""


class PermanentError(LakehouseError):
    """Trying again gives the same failure: data, a contract, the code or the configuration has to change first."""


class RetryableError(LakehouseError):
    """Trying again may succeed: another run won a race, or a service was away."""


class ContractError(PermanentError):
    """A contract file is not valid, named by file, table and field."""


class ConfigurationError(PermanentError):
    """A setting is missing, malformed or contradicts another, named by its variable."""
