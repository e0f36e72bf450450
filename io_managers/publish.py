"""Publishing: staged files become a table's content in one commit, or nothing does.

A commit lands only on the version it was made for. Whether it may be made again for a newer version is decided here,
by what the commits in between did to the partitions that the run read or replaced: delta-rs's own retries would let
two writers of an empty partition both win, and refuse writers of different partitions.
"""

import datetime as dt
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction

from contracts.errors import PermanentError, RetryableError
from contracts.model import OK, Contract
from io_managers.commits import CommitRecord, from_commit_info, to_metadata
from io_managers.log import Action, read_actions
from io_managers.snapshot import EPOCH, Snapshot, delta_fields, recorded, schema_change, wait_for_others
from io_managers.staging import STAGING_COLUMNS, Staged, StagedFile
from io_managers.storage import Storage
from io_managers.upkeep import NO_HOOKS, checkpoint_if_due

logger = structlog.get_logger(__name__)

_COMMITS = 20
"""How often the same files are committed while other runs publish other partitions."""
_FRUITLESS = 3
"""How often in a row a commit may fail although nothing else was committed."""
_PROBLEMS_SHOWN = 10
_PARTITION, _WINDOW, _HASH = "p:", "w:", "h:"
_UNKNOWN_HASH = -1
_HASH_LIMIT = 2**63


class StagedFilesRejected(PermanentError):  # noqa: N818
    """What was staged is not what the contract says, or not what the publication says: nothing was published."""


class PublishConflict(RetryableError):  # noqa: N818
    """Another run published what this run read or replaced: nothing was published."""


class PublishOutcomeUnknown(RetryableError):  # noqa: N818
    """The commit was sent, and the log can't be read to tell whether it landed. Publishing again is safe."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What one run wants to be a table's content, and what that rests on."""

    contract: Contract
    run_id: str
    step: str
    clock: dt.datetime
    """What time it is for the run, UTC."""
    staged: tuple[Staged, ...] = ()
    replaced: frozenset[str] = frozenset()
    """Storage partitions whose content the staged files are, empty ones included. In a rebuild, those that the run knows of."""
    read: frozenset[str] = frozenset()
    """Storage partitions that the rows were computed from, whether or not they hold anything."""
    windows: frozenset[str] = frozenset()
    """Arrival windows that were applied, where they aren't the storage partitions."""
    touched: frozenset[dt.date] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    inputs: Mapping[str, int] = field(default_factory=dict)
    """The version of each table that was read."""
    marks: Mapping[str, frozenset[str]] | None = None
    """Of a bronze table: the marks of what was read of its source, by arrival window."""
    content_hashes: Mapping[str, int] | None = None
    """A hash of each replaced partition's rows, 0 <= hash < 2**63; partitions without rows may be left out."""


@dataclass(frozen=True, slots=True)
class Published:
    """A publish that has landed."""

    version: int
    attempt: int
    files: int
    rows: int


def attempt_id(snapshot: Snapshot) -> int:
    """A number above every attempt that the table has recorded, and that two racing runs don't share."""
    previous = max((value for name, value in snapshot.transactions.items() if not name.startswith(_HASH)), default=0)
    chance = random.getrandbits(10)
    return max(previous + 1 + chance, time.time_ns() // 1000 * 1024 + chance)


def publish(storage: Storage, snapshot: Snapshot, publication: Publication, attempt: int | None = None) -> Published:
    """Replaces the content of the publication's partitions by its staged files, in one commit on the snapshot or on what followed it.

    Without partitions (changes that changed nothing) only the applied windows are recorded.

    Raises:
        ValueError: neither partitions nor windows are given, content hashes don't fit the partitions, or the snapshot was not
            opened for the publication's contract.
        SchemaChangeError: the contract differs from the table in a way that takes a rebuild.
        StagedFilesRejected: the staged files are not what contract or publication say.
        PublishConflict: since the snapshot, another run published a partition that this one read or replaced, applied one of its
            windows, rebuilt the table, or changed its schema; or the table was too busy.
        PublishOutcomeUnknown: the commit may have landed.
    """
    if not publication.replaced and not publication.windows:
        raise ValueError(f"{publication.contract.table}: nothing to publish: neither a partition nor a window is given")
    if schema_change(delta_fields(snapshot.delta), publication.contract).needed:
        version = publication.contract.version
        raise ValueError(
            f"{publication.contract.table}: the snapshot's schema is not that of contract version {version}: open it by open_snapshot"
        )
    files = accepted_files(storage, publication)
    attempt = attempt or attempt_id(snapshot)
    attempts = _attempts(publication.replaced, publication.windows, attempt)
    commit = _Commit(
        storage=storage,
        snapshot=snapshot,
        record=_record(publication, attempt),
        files=files,
        transactions={**attempts, **_hashes(snapshot, publication, files, publication.replaced)},
        partition_column=publication.contract.partition_column,
    )
    return _land(commit, guards=frozenset({*attempts, *(f"{_PARTITION}{value}" for value in publication.read)}))


def rebuild(storage: Storage, snapshot: Snapshot, publication: Publication, attempt: int | None = None) -> Published:
    """Replaces the whole table by the staged files, in one commit on the snapshot and on nothing else. The table's schema becomes the contract's.

    Every partition and window that the table or the publication knows of is recorded anew.

    Raises:
        ValueError: content hashes don't fit the partitions.
        StagedFilesRejected: the staged files are not what contract or publication say.
        PublishConflict: anything at all was published since the snapshot.
        PublishOutcomeUnknown: the commit may have landed.
    """
    files = accepted_files(storage, publication)
    attempt = attempt or attempt_id(snapshot)
    partitions = publication.replaced | recorded(snapshot.transactions, _PARTITION).keys()
    windows = publication.windows | recorded(snapshot.transactions, _WINDOW).keys()
    commit = _Commit(
        storage=storage,
        snapshot=snapshot,
        record=replace(_record(publication, attempt), partitions=partitions, windows=windows, rebuild=True),
        files=files,
        transactions={
            EPOCH: attempt,
            **_attempts(partitions, windows, attempt),
            **_hashes(snapshot, publication, files, partitions),
        },
        partition_column=publication.contract.partition_column,
        whole_table=Schema.from_arrow(publication.contract.arrow_schema),
    )
    return _land(commit, guards=None)


def _attempts(partitions: frozenset[str], windows: frozenset[str], attempt: int) -> dict[str, int]:
    return {
        **{f"{_PARTITION}{value}": attempt for value in sorted(partitions)},
        **{f"{_WINDOW}{window}": attempt for window in sorted(windows)},
    }


def _hashes(
    snapshot: Snapshot, publication: Publication, files: Sequence[StagedFile], partitions: frozenset[str]
) -> dict[str, int]:
    """The hash transactions of partitions: what the publication states, 0 for empty ones, and 'unknown' where a known hash would be outdated."""
    if publication.content_hashes is None:
        return {
            name: _UNKNOWN_HASH for value in sorted(partitions) if (name := f"{_HASH}{value}") in snapshot.transactions
        }
    column = publication.contract.partition_column
    occupied = {file.partition_values[column] for file in files}
    unfit = [
        value
        for value in sorted(partitions)
        if value in occupied and not 0 <= publication.content_hashes.get(value, -1) < _HASH_LIMIT
    ]
    if unfit:
        raise ValueError(
            f"{publication.contract.table}: partitions {unfit} hold rows, and need a content hash of at least 0 and below 2**63 each"
        )
    return {
        f"{_HASH}{value}": publication.content_hashes[value] if value in occupied else 0 for value in sorted(partitions)
    }


def _record(publication: Publication, attempt: int) -> CommitRecord:
    return CommitRecord(
        version=-1,
        timestamp=dt.datetime.now(dt.UTC),
        run_id=publication.run_id,
        step=publication.step,
        attempt=attempt,
        clock=publication.clock,
        asset=publication.contract.table,
        contract_version=publication.contract.version,
        partitions=publication.replaced,
        windows=publication.windows,
        touched=publication.touched,
        inputs=publication.inputs,
        marks=publication.marks,
        counts=publication.counts,
    )


@dataclass(frozen=True, kw_only=True)
class _Commit:
    """One commit as it is sent, as often as it takes."""

    storage: Storage
    snapshot: Snapshot
    record: CommitRecord
    files: Sequence[StagedFile]
    transactions: Mapping[str, int]
    partition_column: str
    whole_table: Schema | None = None
    """The schema of a rebuild, which replaces every partition."""

    def send(self, table: DeltaTable) -> int:
        """Commits as the version after the table's, or fails. Returns that version.

        The table's own schema is passed: delta-rs rewrites the table's by whatever it is given.
        """
        replaced = None if self.whole_table else [(self.partition_column, "in", sorted(self.record.partitions))]
        table.create_write_transaction(
            [
                AddAction(file.path, file.size, file.partition_values, file.modification_time, True, _json(file.stats))
                for file in self.files
            ],
            # An overwrite with an empty filter would replace the whole table.
            mode="overwrite" if self.whole_table or self.record.partitions else "append",
            schema=self.whole_table or table.schema(),
            partition_by=[self.partition_column],
            partition_filters=replaced if self.record.partitions else None,
            commit_properties=CommitProperties(
                custom_metadata=to_metadata(self.record),
                max_commit_retries=0,
                app_transactions=[Transaction(name, version) for name, version in self.transactions.items()],
            ),
            post_commithook_properties=NO_HOOKS,
        )
        return table.version() + 1

    def is_own(self, record: CommitRecord | None) -> bool:
        return record is not None and (record.run_id, record.step, record.attempt) == (
            self.record.run_id,
            self.record.step,
            self.record.attempt,
        )

    @property
    def subject(self) -> str:
        return f"{self.record.asset}: run {self.record.run_id}, step '{self.record.step}'"


def _land(commit: _Commit, guards: frozenset[str] | None) -> Published:
    """Sends a commit until it has landed or may not land any more. Guards are the transactions that must stay as they were; None: everything must."""
    table, fruitless = commit.snapshot.delta, 0
    for turn in range(_COMMITS):
        try:
            return _finish(commit, commit.send(table))
        except Exception as error:  # whatever was raised, the commit may have landed: only the log can tell
            base = table.version()
            table, since = _since(commit, base, error)
            for version, actions in since.items():
                if commit.is_own(_record_of(version, actions)):
                    logger.info("commit had landed", table=commit.record.asset, version=version, error=str(error))
                    return _finish(commit, version)
            for version, actions in since.items():
                if reason := _obstacle(actions, guards):
                    raise PublishConflict(_conflict_message(commit, version, actions, reason)) from error
            fruitless = 0 if since else fruitless + 1
            if fruitless == _FRUITLESS or not isinstance(error, (DeltaError, OSError)):
                error.add_note(
                    f"{commit.subject}: the commit on version {base} failed and did not land: nothing was published."
                )
                raise
            wait_for_others(turn)
    raise PublishConflict(
        f"{commit.subject}: gave up after {_COMMITS} commits, each overtaken by other runs' publishes of other partitions. Nothing was published: run it again."
    )


def _finish(commit: _Commit, version: int) -> Published:
    checkpoint_if_due(commit.storage, commit.snapshot.uri, commit.snapshot.version, version)
    return Published(version, commit.record.attempt, len(commit.files), sum(file.rows for file in commit.files))


def _since(commit: _Commit, base: int, error: Exception) -> tuple[DeltaTable, Mapping[int, Sequence[Action]]]:
    """The table as it is now, and what was committed after the version that a commit was made for."""
    try:
        table = DeltaTable(commit.snapshot.uri)
        return table, {
            version: read_actions(commit.storage, commit.snapshot.uri, version)
            for version in range(base + 1, table.version() + 1)
        }
    except (DeltaError, OSError) as unreadable:
        raise PublishOutcomeUnknown(
            f"{commit.subject}: the commit on version {base} failed ({error}), and whether it landed can't be told, since the log at {commit.snapshot.uri} can't be read: "
            f"{unreadable}. The staged files are kept; run it again, which is safe either way."
        ) from error


def _record_of(version: int, actions: Sequence[Action]) -> CommitRecord | None:
    info: Action = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    return from_commit_info(version, info)


def _obstacle(actions: Sequence[Action], guards: frozenset[str] | None) -> str | None:
    """Why a commit may not be made after another, in words that follow 'it has'; None where it may."""
    names = {action["txn"]["appId"] for action in actions if "txn" in action}
    if any("metaData" in action or "protocol" in action for action in actions) and EPOCH not in names:
        return "changed the table's schema or properties"
    if EPOCH in names:
        return "rebuilt the whole table"
    if guards is None:
        return "changed the table, which a rebuild must have seen whole"
    if shared := sorted(guards & names):
        words = {_PARTITION: "partition", _WINDOW: "window"}
        return "published " + ", ".join(f"{words[name[:2]]} '{name[2:]}'" for name in shared)
    if not names and any(action.get(kind, {}).get("dataChange") for action in actions for kind in ("add", "remove")):
        return "changed rows outside of any publish"
    return None


def _conflict_message(commit: _Commit, version: int, actions: Sequence[Action], reason: str) -> str:
    other = _record_of(version, actions)
    author = f"run {other.run_id}, step '{other.step}'," if other else "a commit of no run"
    return (
        f"{commit.subject}, computed from version {commit.snapshot.version}, conflicts with version {version}: {author} has {reason}. "
        "Nothing was published: run it again, on the table as it is now."
    )


def accepted_files(storage: Storage, publication: Publication) -> tuple[StagedFile, ...]:
    """The files of a publication that are to be published, as the table's log will describe them.

    Left out are files of rows that may not be published, and statistics that the published table must not have.

    Raises:
        StagedFilesRejected: names every column, file and partition that isn't as contract or publication say.
    """
    problems: list[str] = []
    accepted: list[StagedFile] = []
    for staged in publication.staged:
        found = _column_problems(staged, publication.contract) or _file_problems(storage, staged, publication)
        problems += [f"{staged.relative_path}: {problem}" for problem in found]
        if not found:
            accepted += [_as_published(file, publication.contract) for file in staged.files if file.ok]
    twice = [path for path, times in Counter(file.path for file in accepted).items() if times > 1]
    problems += [f"file {path} is given twice" for path in twice]
    if problems:
        shown = "; ".join(problems[:_PROBLEMS_SHOWN]) + (
            f"; and {len(problems) - _PROBLEMS_SHOWN} more" if len(problems) > _PROBLEMS_SHOWN else ""
        )
        raise StagedFilesRejected(
            f"{publication.contract.table}: run {publication.run_id}, step '{publication.step}', contract version {publication.contract.version}: "
            f"what was staged can't be published: {shown}. The table's function has to deliver what its contract says."
        )
    return tuple(accepted)


def _column_problems(staged: Staged, contract: Contract) -> list[str]:
    columns = {column.name: column for column in staged.columns}
    problems = [
        f"column '{name}' is not in the contract"
        for name in columns
        if name not in contract.by_name and name not in STAGING_COLUMNS
    ]
    for column in contract.columns:
        wanted = column.type.replace(" ", "")
        if column.name not in columns:
            problems.append(f"column '{column.name}' ({wanted}) is missing")
        elif columns[column.name].type != wanted:
            problems.append(f"column '{column.name}' is {columns[column.name].type}, the contract says {wanted}")
    own = [name for name in staged.partition_by if name in contract.by_name or name not in STAGING_COLUMNS]
    if own != [contract.partition_column]:
        problems.append(f"it is partitioned by {own}, the contract says '{contract.partition_column}'")
    if OK in columns and OK not in staged.partition_by:
        problems.append(
            f"it has '{OK}' as a column within files: rows that may be published can't be told from those that may not"
        )
    return problems


def _file_problems(storage: Storage, staged: Staged, publication: Publication) -> list[str]:
    contract, problems = publication.contract, []
    nullable = {column.name: column.nullable for column in staged.columns}
    required = [
        column.name
        for column in contract.columns
        if column.required and column.name != contract.partition_column and column.name in nullable
    ]
    published = [file for file in staged.files if file.ok]
    sizes = storage.list_files(staged.uri, recursive=True) if published else {}
    for file in published:
        size = sizes.get(file.path.removeprefix(f"{staged.relative_path}/"))
        value = file.partition_values.get(contract.partition_column)
        if size != file.size:
            problems.append(
                f"file {file.path} "
                + ("does not exist" if size is None else f"has {size} bytes, its log says {file.size}")
            )
        elif not value:
            problems.append(
                f"file {file.path} holds rows without a value of the partition column '{contract.partition_column}'"
            )
        elif value not in publication.replaced:
            problems.append(f"file {file.path} is of partition '{value}', which the publication does not replace")
        else:
            counts = {name: _null_count(storage, staged, file, name, nullable=nullable[name]) for name in required}
            problems += [
                f"required column '{name}' is null in {count} rows of file {file.path}"
                for name, count in counts.items()
                if count
            ]
    return problems


def _null_count(storage: Storage, staged: Staged, file: StagedFile, column: str, *, nullable: bool) -> int:
    """How many rows of a file have no value in a column: by the statistics where they tell, by the column itself where not."""
    counted = file.stats.get("nullCount", {}).get(column)
    if isinstance(counted, int):
        return counted
    if not nullable:
        return 0
    uri = f"{staged.uri}/{file.path.removeprefix(f'{staged.relative_path}/')}"
    with storage.filesystem.open_input_file(storage.path(uri)) as opened:
        count: int = pq.ParquetFile(opened).read(columns=[column])[column].null_count
    return count


def _as_published(file: StagedFile, contract: Contract) -> StagedFile:
    stats = {
        kind: {
            name: kept
            for name, value in values.items()
            if name in contract.by_name and (kept := _kept(kind, value, contract.by_name[name].arrow)) is not None
        }
        if isinstance(values, Mapping)
        else values
        for kind, values in file.stats.items()
    }
    return replace(
        file,
        stats=stats,
        partition_values={contract.partition_column: file.partition_values[contract.partition_column]},
    )


def _kept(kind: str, value: Any, type_: pa.DataType) -> Any:
    """A column's statistic without bounds of decimals, by which the embedded engine would leave out files that do have matching rows."""
    if kind == "nullCount":
        return value
    if isinstance(value, Mapping):
        return {
            name: kept
            for name, inner in value.items()
            if (kept := _kept(kind, inner, type_.field(name).type)) is not None
        }
    return None if pa.types.is_decimal(type_) else value


def _json(stats: Mapping[str, Any]) -> str:
    return json.dumps(stats, ensure_ascii=False, separators=(",", ":"))
