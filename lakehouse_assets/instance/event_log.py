"""Dagster's SQLite event log, with the events of a batch written in one transaction a database. Nothing else belongs here.

Dagster sends the planned and partitioned events of a range run to its event log in batches, but its SQLite event log
stores them one by one, and for each opens two databases (the run's own and the index of all runs) and commits twice: 11 ms
an event, of which 0.5 to 0.7 ms remain here. For thirty tables and thirty days, with two events each, that is twenty
seconds of bookkeeping.

Dagster also makes an engine of SQLAlchemy, with its cache of compiled statements, for each single event, and opens and
closes a database for it. Whoever closes a database last moves its write-ahead log into it and removes the log, which the
next event then makes anew. Here the index, and the database of the run that was used last, stay open, and statements are
compiled once: half the cost of an event that comes alone. Nor is the disk waited for at each event, twice: SQLite's write-ahead log
keeps a database whole without that, and what a machine loses that loses its power are the last events of runs that ended
with it. What is loaded is in the tables' own logs, and what Dagster lacks of it is restored from there.

Each event goes through Dagster's own `store_event`, which finds its databases open already. What that would do for each
event once more is done once: it asks whether a table and a column are there, which they stay; of each partition's planned
check it makes the same text of the whole event; and it keeps up the row of an asset, and writes tags, which is due once a
batch. The rows are Dagster's own, in the same order, and a batch that fails leaves both databases as they were.

Dagster has no public interface to an event log, so this module is the one place that imports private parts of it:
`SqliteEventLogStorage` with those of its methods that begin with `_` here, the set `_initialized_dbs` and the lock
`_db_lock`. It was checked against Dagster 1.13.27, and the tests hold it to the version that is pinned, and its rows to
those of Dagster's own event log.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from dagster import StringSource
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import serialize_value
from sqlalchemy import create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import LRUCache

if TYPE_CHECKING:
    import sqlite3

    from dagster import AssetKey
    from dagster._config.config_schema import UserConfigSchema
    from dagster._core.events.log import EventLogEntry
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection, Engine

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
BATCH_SIZE = "1000"
STATEMENTS_KEPT = 500


@dataclass(frozen=True)
class _Batch:
    """What is open while a batch is stored, and what is written at its end."""

    transactions: ExitStack
    connections: "dict[str, Connection]"
    tagged: "list[tuple[EventLogEntry, int]]" = field(default_factory=list)
    latest: "dict[AssetKey, dict[str, tuple[EventLogEntry, int]]]" = field(default_factory=dict)
    """By asset, the last event of each kind with its id, in their order: each overwrites in the asset's row what its kind tells."""

    def keep_latest(self, event: "EventLogEntry", event_id: int) -> None:
        told = event.get_dagster_event()
        if told.asset_key is not None:
            kinds = self.latest.setdefault(told.asset_key, {})
            kinds.pop(told.event_type_value, None)
            kinds[told.event_type_value] = (event, event_id)


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log, in which a batch of events costs one transaction a database.

    In dagster.yaml its one setting is `home`, the folder of the instance; the databases are those of Dagster's own event
    log in the same folder, so that either class can open what the other has written.
    """

    def __init__(self, base_dir: str, inst_data: "ConfigurableClassData | None" = None) -> None:
        self._local = threading.local()
        self._found: set[str] = set()
        self._engines: dict[str, Engine] = {}
        self._compiled = LRUCache[Any, Any](STATEMENTS_KEPT)
        super().__init__(base_dir, inst_data)
        # A batch holds several databases open at once, and Dagster takes this lock for each of them.
        self._db_lock = cast("Any", threading.RLock())

    @classmethod
    def config_type(cls) -> "UserConfigSchema":
        """The settings that dagster.yaml may give."""
        return {"home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: "ConfigurableClassData | None", config_value: Mapping[str, Any]) -> Self:
        """Opens the event log of an instance, and turns batches on for this process and those that it starts.

        Dagster reads the size of a batch from the environment at every event. Set here, it holds in each process that
        uses this event log, whichever command started it; a value that is set already stands, and 0 turns batches off.
        """
        os.environ.setdefault(BATCH_SIZE_VARIABLE, BATCH_SIZE)
        return cls(str(Path(config_value["home"]).expanduser() / "history" / "runs"), inst_data)

    def store_event_batch(self, events: "Sequence[EventLogEntry]") -> None:
        """Stores the events in their order: all of them, or none when one fails.

        The index commits last, as Dagster's own does for an event.
        """
        with ExitStack() as transactions:
            index = transactions.enter_context(self._open(INDEX_SHARD_NAME))
            batch = _Batch(transactions, {INDEX_SHARD_NAME: index})
            self._local.batch = batch
            try:
                for event in events:
                    self.store_event(event)
            finally:
                del self._local.batch
            if batch.tagged:
                super()._store_asset_event_tags(index, *zip(*batch.tagged, strict=True))
            for latest in batch.latest.values():
                for event, event_id in latest.values():
                    super()._store_asset_event(index, event, event_id)

    def _store_asset_event_tags(
        self, conn: "Connection", events: "Sequence[EventLogEntry]", event_ids: Sequence[int]
    ) -> None:
        if self._batch is None:
            super()._store_asset_event_tags(conn, events, event_ids)
        else:
            self._batch.tagged.extend(zip(events, event_ids, strict=True))

    def _store_asset_event(self, conn: "Connection", event: "EventLogEntry", event_id: int) -> None:
        if self._batch is None:
            super()._store_asset_event(conn, event, event_id)
        else:
            self._batch.keep_latest(event, event_id)

    def _store_asset_check_evaluation_planned(self, event: "EventLogEntry", event_id: int | None) -> None:
        planned: Any = event.get_dagster_event().event_specific_data
        days = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "evaluation_event_storage_id": event_id,
        }
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), [{**row, "partition": day} for day in days])

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table. None is ever removed, so that one which was found is not looked for again."""
        if table_name not in self._found and super().has_table(table_name):
            self._found.add(table_name)
        return table_name in self._found

    def _has_asset_key_col_on_connection(self, conn: "Connection", column_name: str) -> bool:
        column = f"{AssetKeyTable.name}.{column_name}"
        if column not in self._found and super()._has_asset_key_col_on_connection(conn, column_name):
            self._found.add(column)
        return column in self._found

    @property
    def supports_asset_checks(self) -> bool:
        """Dagster's own asks the database at every event of a check. The pinned version makes the table with the others."""
        return True

    @contextmanager
    def _connect(self, shard: str) -> "Iterator[Connection]":
        if self._batch is None:
            with self._open(shard) as connection:
                yield connection
            return
        connections = self._batch.connections
        if shard not in connections:
            connections[shard] = self._batch.transactions.enter_context(self._open(shard))
        yield connections[shard]

    @property
    def _batch(self) -> "_Batch | None":
        """The batch that this thread stores."""
        return getattr(self._local, "batch", None)

    @contextmanager
    def _open(self, shard: str) -> "Iterator[Connection]":
        """A transaction on the index, or on a run's own database."""
        with self._db_lock:
            if shard not in self._engines:
                for other in self._engines.keys() - {INDEX_SHARD_NAME}:
                    self._engines.pop(other).dispose()
                self._engines[shard] = self._make_engine(shard)
            with self._engines[shard].begin() as connection:
                yield connection

    def _make_engine(self, shard: str) -> "Engine":
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            pool_size=1,
            # The lock lets one thread at a time use a connection, whichever opened it.
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            execution_options={"compiled_cache": self._compiled},
        )
        listen(engine, "connect", _without_waiting_for_the_disk)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
            # A connection from before it was made doesn't know that the database has a write-ahead log.
            engine.dispose()
        return engine

    def wipe(self) -> None:
        """Removes all events, and with them the databases."""
        self._close_databases()
        super().wipe()

    def dispose(self) -> None:
        """Closes what was kept open."""
        self._close_databases()
        super().dispose()

    def _close_databases(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _without_waiting_for_the_disk(connection: "sqlite3.Connection", _: object) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        connection.execute("PRAGMA synchronous=NORMAL")
