"""Staging: an engine writes a frame as a Delta table of its own below the table's folder, where no reader looks.

The staged table's log says what was written: schema, files, partition values and statistics. Nothing here publishes.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from contracts.errors import PermanentError
from contracts.model import BROKEN_RULES, OK, RAW, WINDOW
from io_managers.log import Action, commit_versions, read_actions, write_first_commit
from io_managers.storage import Storage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STAGING_COLUMNS = frozenset({OK, BROKEN_RULES, RAW, WINDOW})
"""Columns that a staged table may have beside the contract's; publishing leaves them behind."""

_PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DDL = {"integer": "int", "long": "bigint"}


class StagingError(PermanentError):
    """A staged table is not as an engine leaves one that was written once."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One data file, as the published table will name it."""

    path: str
    """Relative to the published table's folder, as the file is really called."""
    size: int
    partition_values: Mapping[str, str | None]
    modification_time: int
    """Milliseconds since 1970."""
    stats: Mapping[str, Any]
    """Delta's file statistics: numRecords, and what there is of nullCount, minValues and maxValues."""

    @property
    def rows(self) -> int:
        count: int = self.stats["numRecords"]
        return count

    @property
    def ok(self) -> bool:
        """Whether its rows may be published: all of them, where rows were not staged by `_ok`."""
        return self.partition_values.get(OK, "true") == "true"


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """A column of a staged table: its type in the spelling of contracts."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Staged:
    """A staged table, complete and unchanging."""

    uri: str
    relative_path: str
    """Of the staged table, below the published table's folder."""
    columns: tuple[StagedColumn, ...]
    partition_by: tuple[str, ...]
    files: tuple[StagedFile, ...]

    def rows(self, *, ok: bool | None = None) -> int:
        """How many rows were staged; those that may be published, or may not, where asked."""
        return sum(file.rows for file in self.files if ok is None or file.ok == ok)


def staging_path(run_id: str, step: str, attempt: int | str) -> str:
    """Where a step of a run stages, below the table's folder.

    Raises:
        ValueError: a part is empty or has characters other than ASCII letters, digits and . _ -.
    """
    for part in (run_id, step, str(attempt)):
        if not _PLACE.fullmatch(part):
            raise ValueError(
                f"'{part}' can't be part of a staging path (run '{run_id}', step '{step}', attempt '{attempt}'): only ASCII letters, digits and . _ - can."
            )
    return f"data/{run_id}/{step}-{attempt}"


def stage(  # noqa: PLR0913, PLR0917
    frame: "DataFrame",
    storage: Storage,
    table: str,
    run_id: str,
    step: str,
    attempt: int | str,
    partition_by: Sequence[str],
) -> Staged:
    """Writes a frame by its engine, partitioned by the given columns, and reads back what was written.

    A frame without rows is staged as a schema without files. `attempt` makes the place unique among the tries of a step.

    Raises:
        ValueError: run, step or attempt can't be part of a path.
        StagingError: the place is taken.
    """
    return stage_in_chunks([frame], storage, table, run_id, step, attempt, partition_by)


def stage_in_chunks(  # noqa: PLR0913, PLR0917
    frames: Iterable["DataFrame"],
    storage: Storage,
    table: str,
    run_id: str,
    step: str,
    attempt: int | str,
    partition_by: Sequence[str],
) -> Staged:
    """Writes frames of the same columns one after the other: an engine holds about what it writes, so that chunks bound its memory.

    Each is a table of its own; the log of the whole names the files of all. An engine would read a union of many tables
    all at once, each with buffers of its own, and appending to one costs it several times the writing.

    Raises:
        ValueError: run, step or attempt can't be part of a path.
        StagingError: the place is taken, there is no frame, or the frames have different columns.
    """
    relative_path = staging_path(run_id, step, attempt)
    uri = f"{storage.table_uri(table)}/{relative_path}"
    if commit_versions(storage, uri):
        raise StagingError(
            f"{table}: run {run_id} has already staged step '{step}', attempt '{attempt}', at {uri}: a second try needs an attempt of its own."
        )
    every = list(frames)
    if len(every) == 1:
        _write(every[0], storage, uri, partition_by)
    else:
        for number, frame in enumerate(every):
            _write(frame, storage, f"{uri}/{number}", partition_by)
        _join(storage, table, uri, len(every))
    return read_staged_log(storage, table, relative_path)


def _write(frame: "DataFrame", storage: Storage, uri: str, partition_by: Sequence[str]) -> None:
    # Engines keep statistics of the first 32 columns only, and publishing needs the null counts of all.
    writer = frame.write.format("delta").mode("error").option("delta.dataSkippingNumIndexedCols", "-1")
    writer.partitionBy(*partition_by).save(storage.engine_path(uri))


def _join(storage: Storage, table: str, uri: str, chunks: int) -> None:
    """Makes a staged table of those in its folder, by a log that names their files."""
    head: list[Action] = []
    files: list[Action] = []
    for chunk in range(chunks):
        place = f"{uri}/{chunk}"
        actions = [
            action for version in commit_versions(storage, place) for action in read_actions(storage, place, version)
        ]
        described = [action for action in actions if "protocol" in action or "metaData" in action]
        head = head or described
        if _columns(described) != _columns(head):
            raise StagingError(f"{table}: the chunks staged at {uri} have different columns: 0 and {chunk}.")
        adds = [action["add"] for action in actions if "add" in action]
        files += [{"add": {**add, "path": f"{chunk}/{add['path']}"}} for add in adds]
    if head:
        write_first_commit(storage, uri, [*head, *files])


def _columns(actions: Iterable[Action]) -> Sequence[Any]:
    return [
        (action["metaData"]["schemaString"], action["metaData"]["partitionColumns"])
        for action in actions
        if "metaData" in action
    ]


def read_staged(session: "SparkSession", storage: Storage, staged: Staged) -> "DataFrame":
    """The rows of a staged table, with all columns that were staged."""
    return session.read.format("delta").load(storage.engine_path(staged.uri))


def read_staged_log(storage: Storage, table: str, relative_path: str) -> Staged:
    """What was staged at a place below a table's folder, by its log.

    Raises:
        StagingError: there is no staged table, it was changed after it was written, or it has no row counts.
    """
    uri = f"{storage.table_uri(table)}/{relative_path}"
    metadata: Mapping[str, Any] | None = None
    files: list[StagedFile] = []
    for version in commit_versions(storage, uri):
        for action in read_actions(storage, uri, version):
            metadata = action.get("metaData") or metadata
            if "remove" in action or (action.get("add") or {}).get("deletionVector"):
                raise StagingError(
                    f"{table}: the staged table at {uri} was changed by version {version}: a staged table is written once."
                )
            if add := action.get("add"):
                files.append(_staged_file(uri, relative_path, add))
    if metadata is None:
        raise StagingError(f"{table}: nothing is staged at {uri}.")
    fields = json.loads(metadata["schemaString"])["fields"]
    columns = tuple(StagedColumn(field["name"], ddl_type(field["type"]), field["nullable"]) for field in fields)
    return Staged(uri, relative_path, columns, tuple(metadata["partitionColumns"]), tuple(files))


def ddl_type(delta_type: str | Mapping[str, Any]) -> str:
    """A type of a Delta schema in the spelling of contracts (`bigint`, `array<struct<a:string>>`); nested nullability is left out."""
    if isinstance(delta_type, str):
        return _DDL.get(delta_type, delta_type)
    kind = delta_type["type"]
    if kind == "array":
        return f"array<{ddl_type(delta_type['elementType'])}>"
    if kind == "map":
        return f"map<{ddl_type(delta_type['keyType'])},{ddl_type(delta_type['valueType'])}>"
    fields = ",".join(f"{field['name']}:{ddl_type(field['type'])}" for field in delta_type["fields"])
    return f"struct<{fields}>"


def _staged_file(uri: str, relative_path: str, add: Mapping[str, Any]) -> StagedFile:
    stats = json.loads(add.get("stats") or "{}")
    if "numRecords" not in stats:
        raise StagingError(
            f"the staged table at {uri} has no row count of file {add['path']}: the engine has to collect Delta statistics."
        )
    return StagedFile(
        path=f"{relative_path}/{unquote(add['path'])}",
        size=add["size"],
        partition_values=add["partitionValues"],
        modification_time=add["modificationTime"],
        stats=stats,
    )
