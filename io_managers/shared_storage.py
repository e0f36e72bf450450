"""Whether an engine writes where tables are published from: its idea of an address may be another machine's folder."""

import uuid
from typing import TYPE_CHECKING

from contracts.errors import PermanentError
from io_managers.log import commit_versions
from io_managers.storage import Storage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROBE = ".probe-"
"""What names of folders below the lake's root begin with that engines write to show where they do."""


class StorageNotSharedError(PermanentError):
    """What the engine writes does not arrive where the lake is."""


def require_shared_storage(session: "SparkSession", storage: Storage, engine: str) -> None:
    """Has the engine write a table of one row below the lake's root, looks whether it is there, and removes it.

    Raises:
        StorageNotSharedError: it could not be written, or is not there.
    """
    from pyspark.errors import PySparkException

    uri = f"{storage.root}/{PROBE}{uuid.uuid4().hex}"
    remedy = "An engine elsewhere needs a LAKEHOUSE_ROOT that it reaches under the same address, as s3:// is, and the right to write there."
    try:
        session.range(1).write.format("delta").mode("error").save(storage.engine_path(uri))
        if not commit_versions(storage, uri):
            raise StorageNotSharedError(
                f"engine '{engine}' wrote {storage.engine_path(uri)}, and nothing arrived at {uri}: it writes to a storage of its own. {remedy}"
            )
    except PySparkException as error:
        raise StorageNotSharedError(
            f"engine '{engine}' can't write {storage.engine_path(uri)}: {str(error).splitlines()[0]}. {remedy}"
        ) from error
    finally:
        storage.delete_folder(uri)
