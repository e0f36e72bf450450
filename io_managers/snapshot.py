"""A published table as one run sees it: opened once, created at the first use, and its schema brought up to its contract.

What may change in place is decided here: new nullable columns, wider numbers, columns that may be null from now on.
"""

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import structlog
from deltalake import CommitProperties, DeltaTable, Field, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError

from contracts.errors import PermanentError, RetryableError
from contracts.model import Contract
from io_managers.log import read_transactions
from io_managers.staging import ddl_type
from io_managers.storage import Storage
from io_managers.upkeep import NO_HOOKS, remove_checkpoint_hint

logger = structlog.get_logger(__name__)

EPOCH = "epoch"
"""The application transaction that every rebuild of the whole table sets."""
LOG_RETENTION_DAYS = 60
"""Twice the longest time back at which a change makes a day stale: whoever reads a table looks for changes in its log."""

_TRIES = 20
_NO_RETRIES = CommitProperties(max_commit_retries=0)
_NO_PARTITION = "0001-01-01"
"""A partition value that holds no files, as text and as a date."""


class SchemaChangeError(PermanentError):
    """A contract differs from its table in a way that can't be changed in place."""


class TableBusyError(RetryableError):
    """Other runs kept changing a table while it was opened."""


@dataclass(frozen=True)
class Snapshot:
    """One version of a published table, whatever is published after it."""

    storage: Storage
    table: str
    delta: DeltaTable
    """Opened at `version`. Commits are made for it; nothing may update it in place."""

    @cached_property
    def version(self) -> int:
        return self.delta.version()

    @property
    def uri(self) -> str:
        return self.storage.table_uri(self.table)

    @cached_property
    def transactions(self) -> Mapping[str, int]:
        """Every application transaction as of the version: `epoch`, `p:<partition>`, `w:<window>`, `h:<partition>`."""
        return read_transactions(self.storage, self.uri, self.version)

    def transaction(self, name: str) -> int | None:
        """The version of an application transaction, None where it was never set."""
        return self.transactions.get(name)

    def content_hash(self, partition: str) -> int | None:
        """The hash of a storage partition's rows as its publish stated it: 0 for an empty one, None where none is known."""
        known = self.transactions.get(f"h:{partition}")
        return None if known is None or known < 0 else known

    def meets(self, contract: Contract) -> bool:
        """Whether the table has the contract's columns and types, so that its rows can be read as the contract has them."""
        stored = {
            field["name"]: ddl_type(field["type"]) for field in json.loads(self.delta.schema().to_json())["fields"]
        }
        return stored == {column.name: column.type.replace(" ", "") for column in contract.columns}

    def rows_by_partition(self) -> Mapping[str, int]:
        """How many rows each storage partition has, by its files' statistics; partitions without files are left out."""
        column = self.delta.metadata().partition_columns[0]
        rows = added_files(self.delta).group_by(f"partition.{column}").aggregate([("num_records", "sum")]).to_pydict()
        return {
            str(value): count for value, count in zip(rows[f"partition.{column}"], rows["num_records_sum"], strict=True)
        }

    def row_count(self) -> int:
        """How many rows the table has, by its files' statistics."""
        return sum(self.rows_by_partition().values())


def added_files(table: DeltaTable) -> pa.Table:
    """A table's files, one a row, as delta-rs flattens what the log says of them."""
    # Not `pa.table`, which imports pandas to see whether it was given any: half a second.
    return pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()


def recorded(transactions: Mapping[str, int], prefix: str) -> dict[str, int]:
    """The partitions or windows that transactions of a kind (`p:`, `w:`, `h:`) stand for, each with its version."""
    return {name.removeprefix(prefix): version for name, version in transactions.items() if name.startswith(prefix)}


def find_snapshot(storage: Storage, table: str, version: int | None = None) -> Snapshot | None:
    """A table as it is, or as it was at a version; None where it was never created. Changes nothing."""
    try:
        return Snapshot(storage, table, DeltaTable(storage.table_uri(table), version=version))
    except TableNotFoundError:
        return None


def open_snapshot(storage: Storage, contract: Contract, *, rebuild: bool = False) -> Snapshot:
    """A contract's table for a run that publishes to it: created where it is missing, its schema changed in place where the contract's demands it.

    A run that rebuilds the whole table takes the schema as it is, and brings its own.

    Raises:
        SchemaChangeError: the contract can't be met by a change in place, or the partition column differs.
        TableBusyError: other runs changed the table each time.
        DeltaError, OSError: the storage can't be reached.
    """
    uri = storage.table_uri(contract.table)
    for turn in range(_TRIES):
        table = open_or_create(
            uri,
            contract.arrow_schema,
            contract.partition_column,
            contract.table,
            contract.title,
            table_configuration(contract),
        )
        _require_partition_column(table, contract)
        try:
            if rebuild or not _change(table, contract):
                remove_checkpoint_hint(storage, uri)
                return Snapshot(storage, contract.table, table)
        except DeltaError as error:  # another run changed the table first; whether the same way, the next look tells
            logger.info("table changed by another run", table=contract.table, error=str(error))
            wait_for_others(turn)
    raise TableBusyError(
        f"{contract.table}: its schema could not be brought up to contract version {contract.version}: other runs changed the table {_TRIES} times meanwhile. Run it again."
    )


def wait_for_others(turn: int) -> None:
    """Pauses before another try, longer and more randomly each time, so that runs that collided don't collide again."""
    time.sleep(random.uniform(0, min(0.5, 0.005 * 2**turn)))  # noqa: S311


def table_configuration(contract: Contract) -> dict[str, str]:
    """The Delta properties that a contract's table has."""
    return {
        # Checkpoints are written by publish, which removes the hint that breaks readers of older versions.
        "delta.checkpointInterval": "1000000000",
        "delta.logRetentionDuration": f"interval {kept_days(contract)} days",
        # As long as a version is kept, so is the word of its files: they are not taken for files that none names.
        "delta.deletedFileRetentionDuration": f"interval {kept_days(contract)} days",
    }


def kept_days(contract: Contract) -> int:
    """For how many days a table's versions can be read after they were replaced."""
    return max(LOG_RETENTION_DAYS, 2 * contract.restatement_days)


def open_or_create(  # noqa: PLR0913, PLR0917
    uri: str, schema: pa.Schema, partition_column: str, name: str, description: str, configuration: Mapping[str, str]
) -> DeltaTable:
    """A Delta table, created where it is missing.

    Of two creators, either may be told of success or of failure: what counts is the table that is there afterwards.

    Raises:
        DeltaError, OSError: the table can't be opened, or is missing and can't be created.
    """
    try:
        return DeltaTable(uri)
    except TableNotFoundError:
        pass
    failure: Exception | None = None
    try:
        DeltaTable.create(
            uri,
            schema=schema,
            partition_by=[partition_column],
            mode="error",
            name=name,
            description=description,
            configuration=configuration,
            commit_properties=_NO_RETRIES,
            post_commithook_properties=NO_HOOKS,
        )
    except (DeltaError, OSError) as error:
        failure = error
    try:
        return DeltaTable(uri)
    except TableNotFoundError as missing:
        raise failure or missing from missing


def _require_partition_column(table: DeltaTable, contract: Contract) -> None:
    columns = table.metadata().partition_columns
    if columns != [contract.partition_column]:
        raise SchemaChangeError(
            f"{contract.table}: the table is partitioned by {columns}, contract version {contract.version} says '{contract.partition_column}'. "
            "A table's partition column can't be changed, not even by a rebuild: publish under another table name."
        )


def delta_fields(table: DeltaTable) -> Sequence[Mapping[str, Any]]:
    """The fields of a table's schema, as Delta writes them."""
    fields: Sequence[Mapping[str, Any]] = json.loads(table.schema().to_json())["fields"]
    return fields


def _change(table: DeltaTable, contract: Contract) -> bool:
    """Makes one commit towards the contract's schema and configuration; False where there is nothing to do."""
    fields = delta_fields(table)
    change = schema_change(fields, contract)
    if change.added:
        wanted = {field.name: field for field in Schema.from_arrow(contract.arrow_schema).fields}
        table.alter.add_columns(
            [wanted[name] for name in change.added], commit_properties=_NO_RETRIES, post_commithook_properties=NO_HOOKS
        )
    elif change.widened:
        _rewrite_schema(table, [_widened(field, change.widened) for field in fields], contract.partition_column)
    elif change.loosened:
        table.alter.drop_column_not_null(
            change.loosened[0], commit_properties=_NO_RETRIES, post_commithook_properties=NO_HOOKS
        )
    else:
        current, wanted_configuration = table.metadata().configuration, table_configuration(contract)
        differing = {name: value for name, value in wanted_configuration.items() if current.get(name) != value}
        if not differing:
            return False
        table.alter.set_table_properties(differing, commit_properties=_NO_RETRIES, post_commithook_properties=NO_HOOKS)
    return True


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """What has to change in a table's schema to meet its contract, by column."""

    added: tuple[str, ...]
    widened: Mapping[str, str]
    """The new type of each, in the spelling of contracts."""
    loosened: tuple[str, ...]
    """Those that may be null from now on."""

    @property
    def needed(self) -> bool:
        return bool(self.added or self.widened or self.loosened)


def schema_change(fields: Sequence[Mapping[str, Any]], contract: Contract) -> SchemaChange:
    """Compares a table's Delta fields with its contract.

    A column that the contract requires from now on stays nullable in the table: older partitions may hold nulls.

    Raises:
        SchemaChangeError: names every column that can't be changed in place, and both types.
    """
    stored = {field["name"]: field for field in fields}
    problems = [
        f"column '{name}' ({ddl_type(field['type'])}) is not in the contract"
        for name, field in stored.items()
        if name not in contract.by_name
    ]
    added, widened, loosened = [], {}, []
    for column in contract.columns:
        wanted = column.type.replace(" ", "")
        field = stored.get(column.name)
        if field is None and column.required:
            problems.append(
                f"column '{column.name}' ({wanted}) is new and required, and stored rows have no value for it"
            )
        elif field is None:
            added.append(column.name)
        elif (current := ddl_type(field["type"])) != wanted:
            if widens(current, wanted) and column.name != contract.partition_column:
                widened[column.name] = wanted
            else:
                problems.append(f"column '{column.name}' is {current} in the table and {wanted} in the contract")
        elif not field["nullable"] and not column.required:
            loosened.append(column.name)
    if problems:
        raise SchemaChangeError(
            f"{contract.table}: contract version {contract.version} can't be met by a change in place: {'; '.join(problems)}. "
            "Raise the contract's major version and rebuild the table."
        )
    return SchemaChange(tuple(added), widened, tuple(loosened))


def widens(current: str, wanted: str) -> bool:
    """Whether every value of one type is exactly one of the other, and files of the first are read as the second by every engine."""
    if (current, wanted) == ("int", "bigint"):
        return True
    if not (current.startswith("decimal(") and wanted.startswith("decimal(")):
        return False
    (precision, scale), (wanted_precision, wanted_scale) = (
        tuple(int(part) for part in kind[8:-1].split(",")) for kind in (current, wanted)
    )
    return wanted_scale == scale and wanted_precision > precision


def _widened(field: Mapping[str, Any], widened: Mapping[str, str]) -> Mapping[str, Any]:
    if field["name"] not in widened:
        return field
    wanted = widened[field["name"]]
    return {**field, "type": "long" if wanted == "bigint" else wanted}


def _rewrite_schema(table: DeltaTable, fields: Sequence[Mapping[str, Any]], partition_column: str) -> None:
    """Commits a schema and nothing else: as an overwrite of a partition that holds no files, the one write for which delta-rs takes a schema as given."""
    table.create_write_transaction(
        [],
        mode="overwrite",
        schema=Schema([Field.from_json(json.dumps(field)) for field in fields]),
        partition_by=[partition_column],
        partition_filters=[(partition_column, "in", [_NO_PARTITION])],
        commit_properties=_NO_RETRIES,
        post_commithook_properties=NO_HOOKS,
    )
