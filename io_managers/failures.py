"""Which failures of a step Dagster tries again: those that may pass, and no others."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from deltalake.exceptions import DeltaError
from pyspark.errors import PySparkException

from contracts.errors import (
    LakehouseError,
    PermanentError,
    RetryableError,
    tells_of_a_lost_session,
    tells_of_too_little_memory,
)

RETRIES = dg.RetryPolicy(max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""How often, and after which pauses, a step is tried again."""

_MAY_PASS = (RetryableError, OSError, DeltaError)
"""Lost races, and storage or a source that is away."""


class EngineLostError(RetryableError):
    """The engine's session ended while it worked. Nothing of what it did is visible; another try starts a session of its own."""


class EngineMemoryError(PermanentError):
    """The embedded engine was stopped, since memory came to its end. Nothing of what it did is visible."""


def engine_failure(error: Exception) -> LakehouseError | None:
    """What an error of PySpark means, where it is the engine and not what it was asked for that failed."""
    if not isinstance(error, PySparkException):
        return None
    first = str(error).splitlines()[0]
    if tells_of_a_lost_session(error):
        return EngineLostError(f"the engine's session was lost: {first}")
    if tells_of_too_little_memory(error):
        return EngineMemoryError(
            "engine 'sail' has not enough memory for this, and was stopped before the system would have ended the process. Choose "
            "LAKEHOUSE_ENGINE=spark, which spills to disk, or emr-serverless, or load fewer days at once, or let it have more "
            "(LAKEHOUSE_ENGINE_MEMORY, or a larger machine). Nothing of this try is visible."
        )
    return None


@contextmanager
def only_what_may_pass_is_retried() -> Iterator[None]:
    """Makes every other failure final, so that a broken contract or a bug isn't run three times over.

    Raises:
        dagster.Failure: in place of a failure that would come again.
    """
    try:
        yield
    except (*_MAY_PASS, dg.Failure):
        raise
    except LakehouseError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except Exception as error:
        known = engine_failure(error)
        if isinstance(known, RetryableError):
            raise known from error
        raise dg.Failure(str(known or f"{type(error).__name__}: {error}"), allow_retries=False) from error
