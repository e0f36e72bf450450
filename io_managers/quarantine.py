"""The rows that broke a rule, in a Delta table beside the published one.

The two can't share a commit, so the published table's decides: rows are appended under the attempt that is about to be
published, and count only once the table's transaction for their window has that attempt as its version.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from contracts.errors import PermanentError, RetryableError
from contracts.model import BROKEN_RULES, RAW, WINDOW, Contract, PartitionGrain
from io_managers.direct_reads import query, text_literal
from io_managers.publish import Publication, Published, attempt_id, publish, rebuild
from io_managers.snapshot import (
    Snapshot,
    added_files,
    find_snapshot,
    open_or_create,
    recorded,
    table_configuration,
    wait_for_others,
)
from io_managers.storage import Storage
from io_managers.upkeep import NO_HOOKS, checkpoint_if_due

logger = structlog.get_logger(__name__)

WindowTransaction = Literal["p:", "w:"]
"""Which of the table's transactions decides about a window's broken rows: its storage partition's, or the arrival window's."""

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field(
            "_window",
            pa.string(),
            nullable=False,
            metadata={"comment": "Day of the Dagster partition that the row was loaded by, YYYY-MM-DD."},
        ),
        pa.field(
            "_attempt",
            pa.int64(),
            nullable=False,
            metadata={
                "comment": "The attempt that put it here; it counts if the table's transaction has this version."
            },
        ),
        pa.field("_run_id", pa.string(), nullable=False, metadata={"comment": "The run that put it here."}),
        pa.field(
            "_broken_rules", pa.list_(pa.string()), metadata={"comment": "Names of the rules that the row broke."}
        ),
        pa.field("_raw", pa.string(), metadata={"comment": "The row as JSON text."}),
    ]
)
_GIVEN = (WINDOW, BROKEN_RULES, RAW)
_TRIES = 20


class QuarantineRejected(PermanentError):  # noqa: N818
    """Rows for quarantine are of no window that is being published, so that they would never count."""


class QuarantineBusyError(RetryableError):
    """The table was published again each time its quarantine was read."""


def window_transaction(contract: Contract) -> WindowTransaction:
    """Which transaction a contract's runs record for each of their days: the storage partition's where it is the day itself."""
    return "p:" if contract.mode == "partitions" and contract.partition_grain is PartitionGrain.DAY else "w:"


def publish_with_quarantine(  # noqa: PLR0913
    storage: Storage,
    snapshot: Snapshot,
    publication: Publication,
    quarantined: pa.Table | pa.RecordBatchReader | None = None,
    *,
    attempt: int | None = None,
    transaction: WindowTransaction | None = None,
    whole_table: bool = False,
) -> Published:
    """Publishes, and makes the given rows the quarantine of the published windows: those of `p:` partitions or `w:` windows, by default as the contract has it.

    Rows have columns _window, _broken_rules and _raw. `whole_table` rebuilds.

    Raises:
        QuarantineRejected: a row is of a window that is not published.
        ValueError, StagedFilesRejected, PublishConflict, PublishOutcomeUnknown: as `publish` and `rebuild` do. Rows that were
            appended don't count, and a later attempt removes them.
    """
    contract = publication.contract
    attempt = attempt or attempt_id(snapshot)
    windows = publication.replaced if (transaction or window_transaction(contract)) == "p:" else publication.windows
    if quarantined is not None:
        append_quarantined(storage, contract, quarantined, windows, attempt, publication.run_id)
    published = (rebuild if whole_table else publish)(storage, snapshot, publication, attempt)
    remove_superseded(storage, contract, None if whole_table else windows, attempt)
    return published


def append_quarantined(  # noqa: PLR0913, PLR0917
    storage: Storage,
    contract: Contract,
    rows: pa.Table | pa.RecordBatchReader,
    windows: frozenset[str],
    attempt: int,
    run_id: str,
) -> None:
    """Puts broken rows aside under an attempt that isn't published yet.

    Raises:
        QuarantineRejected: a row is of none of the windows.
        DeltaError, OSError: the storage can't be reached.
    """
    batches = _complete(rows.to_batches() if isinstance(rows, pa.Table) else rows, contract, windows, attempt, run_id)
    first = next(batches, None)
    if first is None:
        return
    uri = storage.quarantine_uri(contract.table)
    description = f"Rows that broke a rule of {contract.table}"
    table = open_or_create(
        uri, QUARANTINE_SCHEMA, "_window", f"{contract.table}__quarantine", description, table_configuration(contract)
    )
    before = table.version()
    write_deltalake(
        table,
        pa.RecordBatchReader.from_batches(QUARANTINE_SCHEMA, _chain(first, batches)),
        mode="append",
        post_commithook_properties=NO_HOOKS,
    )
    checkpoint_if_due(storage, uri, before, table.version())


def remove_superseded(storage: Storage, contract: Contract, windows: Collection[str] | None, attempt: int) -> None:
    """Removes what lower attempts left in the given windows (None: in all), once an attempt is published.

    Never a higher attempt: that may be a run under way. Whatever fails is logged and left to a later attempt, since these rows
    don't count any more and the publish has landed.
    """
    uri = storage.quarantine_uri(contract.table)
    try:
        table = DeltaTable(uri)
        superseded = sorted(
            window
            for window, lowest in _lowest_attempts(table).items()
            if lowest < attempt and (windows is None or window in windows)
        )
        if not superseded:
            return
        before = table.version()
        table.delete(f"{_of_windows(superseded)} and _attempt < {attempt}", post_commithook_properties=NO_HOOKS)
        checkpoint_if_due(storage, uri, before, table.version())
    except TableNotFoundError:
        return
    except (DeltaError, OSError) as error:
        logger.warning("superseded quarantine left", table=contract.table, attempt=attempt, error=str(error))


def read_quarantine(
    storage: Storage,
    contract: Contract,
    windows: Collection[str] | None = None,
    *,
    transaction: WindowTransaction | None = None,
) -> pa.Table:
    """The rows that belong to the published state of the given windows (None: of all), in QUARANTINE_SCHEMA, ordered by window.

    Whatever interrupted runs left beside them is not among them.

    Raises:
        QuarantineBusyError: the table was published again during each of several readings.
        DeltaError, OSError: the storage can't be reached.
    """
    prefix = transaction or window_transaction(contract)
    for turn in range(_TRIES):
        before = _published_attempts(storage, contract, prefix)
        rows = _rows_of(storage, contract, before, windows)
        if _published_attempts(storage, contract, prefix) == before:
            return rows
        wait_for_others(turn)
    raise QuarantineBusyError(
        f"{contract.table}: its quarantine could not be read: other runs published the table {_TRIES} times meanwhile. Read it again."
    )


def _published_attempts(storage: Storage, contract: Contract, prefix: WindowTransaction) -> Mapping[str, int]:
    snapshot = find_snapshot(storage, contract.table)
    return recorded(snapshot.transactions, prefix) if snapshot else {}


def _rows_of(
    storage: Storage, contract: Contract, attempts: Mapping[str, int], windows: Collection[str] | None
) -> pa.Table:
    try:
        table = DeltaTable(storage.quarantine_uri(contract.table))
    except TableNotFoundError:
        return QUARANTINE_SCHEMA.empty_table()
    wanted = [window for window in sorted(attempts) if windows is None or window in windows]
    if not wanted:
        return QUARANTINE_SCHEMA.empty_table()
    columns = ", ".join(QUARANTINE_SCHEMA.names)
    rows = query(table, f"select {columns} from rows where {_of_windows(wanted)}", QUARANTINE_SCHEMA)  # noqa: S608
    counting = pa.array([attempts[window] for window in rows["_window"].to_pylist()], pa.int64())
    return rows.filter(pc.equal(rows["_attempt"], counting)).sort_by("_window")


def _of_windows(windows: Iterable[str]) -> str:
    """The condition that a row belongs to one of some windows, of which there is at least one."""
    return f"{WINDOW} in ({', '.join(map(text_literal, windows))})"


def _lowest_attempts(table: DeltaTable) -> Mapping[str, int]:
    """The lowest attempt that a window's files hold."""
    lowest: dict[str, int] = {}
    files = added_files(table)
    for window, attempt in zip(files["partition._window"].to_pylist(), files["min._attempt"].to_pylist(), strict=True):
        lowest[window] = min(attempt, lowest.get(window, attempt))
    return lowest


def _complete(
    batches: Iterable[pa.RecordBatch], contract: Contract, windows: frozenset[str], attempt: int, run_id: str
) -> Iterator[pa.RecordBatch]:
    """Batches in QUARANTINE_SCHEMA, empty ones left out."""
    for batch in batches:
        if not batch.num_rows:
            continue
        given = {name: batch.column(name).cast(QUARANTINE_SCHEMA.field(name).type) for name in _GIVEN}
        strange = set(given["_window"].unique().to_pylist()) - windows
        if strange:
            raise QuarantineRejected(
                f"{contract.table}: run {run_id} puts rows of windows {sorted(map(str, strange))} into quarantine, and publishes {sorted(windows)}: they would never count."
            )
        given["_attempt"] = pa.array([attempt] * batch.num_rows, pa.int64())
        given["_run_id"] = pa.array([run_id] * batch.num_rows, pa.string())
        yield pa.RecordBatch.from_arrays([given[name] for name in QUARANTINE_SCHEMA.names], schema=QUARANTINE_SCHEMA)


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest
