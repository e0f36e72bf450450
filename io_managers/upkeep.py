"""What keeps a published table's log quick to open, without breaking those who read older versions of it."""

import structlog
from deltalake import DeltaTable, PostCommitHookProperties
from deltalake.exceptions import DeltaError

from io_managers.log import CHECKPOINT_HINT, log_uri
from io_managers.storage import Storage

logger = structlog.get_logger(__name__)

CHECKPOINT_EVERY = 100
"""Versions between two checkpoints."""
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
"""A commit does nothing but commit: what runs after it could fail it although it landed."""


def checkpoint_if_due(storage: Storage, uri: str, before: int, after: int) -> None:
    """Writes a checkpoint of version `after` where a multiple of CHECKPOINT_EVERY lies in (before, after], and lets go of expired log files.

    Called after a commit has landed: a failure is logged, and the next hundred versions make up for it.
    """
    if before // CHECKPOINT_EVERY == after // CHECKPOINT_EVERY:
        return
    try:
        write_checkpoint(storage, uri, after)
    except (DeltaError, OSError) as error:
        logger.warning("checkpoint failed", table=uri, version=after, error=str(error))


def write_checkpoint(storage: Storage, uri: str, version: int) -> None:
    """Writes the checkpoint of a version, then removes log files beyond the table's retention.

    Raises:
        DeltaError: the version can't be read, or the checkpoint not written.
        OSError: the storage can't be reached.
    """
    table = DeltaTable(uri, version=version)
    try:
        table.create_checkpoint()
    finally:
        remove_checkpoint_hint(storage, uri)
    table.cleanup_metadata()


def remove_checkpoint_hint(storage: Storage, uri: str) -> None:
    """Lets every retained version be read: with the hint there, the embedded engine finds none older than the newest checkpoint.

    Raises:
        OSError: the storage can't be reached.
    """
    storage.delete_file(f"{log_uri(uri)}/{CHECKPOINT_HINT}")
