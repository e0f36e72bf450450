"""Dagster's SQLite event log, with the events of a batch written in one transaction a database. Nothing else belongs here.

Dagster sends the planned and partitioned events of a range run to its event log in batches, but its SQLite event log
stores them one by one, and for each opens two databases (the run's own and the index of all runs) and commits twice:
28 to 43 ms a table and partition on a busy machine, 18 ms on an idle one, of which 4 to 6 ms remain here. For thirty
tables and thirty days that is half a minute of bookkeeping.

Events that come alone still open and close their databases. Whoever closes a database last also moves its write-ahead
log into it and removes the log, which the next event then makes anew; so the two databases that a run writes stay open
beside.

The class repeats none of Dagster's logic: each event of a batch goes through Dagster's own `store_event`, which only
finds its databases open already. The rows are therefore Dagster's own, in the same order, and a batch that fails leaves
both databases as they were.

Dagster has no public interface to an event log, so this module is the one place that imports private parts of it:
`SqliteEventLogStorage` with its methods `_connect` and `store_event` and its lock `_db_lock`. It was checked against
Dagster 1.13.27, and the tests hold it to the version that is pinned. A version that no longer calls `_connect` would
store events one by one again: slower, and still right.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from dagster import StringSource
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage

if TYPE_CHECKING:
    from dagster._config.config_schema import UserConfigSchema
    from dagster._core.events.log import EventLogEntry
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
BATCH_SIZE = "1000"


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log, in which a batch of events costs one transaction a database.

    In dagster.yaml its one setting is `home`, the folder of the instance; the databases are those of Dagster's own event
    log in the same folder, so that either class can open what the other has written.
    """

    def __init__(self, base_dir: str, inst_data: "ConfigurableClassData | None" = None) -> None:
        self._batch = threading.local()
        self._kept_open: dict[str, sqlite3.Connection] = {}
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

    def store_event(self, event: "EventLogEntry") -> None:
        """Stores an event as Dagster does, and keeps the databases that it went to open."""
        super().store_event(event)
        self._keep_open(event.run_id)

    def store_event_batch(self, events: "Sequence[EventLogEntry]") -> None:
        """Stores the events in their order: all of them, or none when one fails.

        The index commits last, as Dagster's own does for an event.
        """
        with ExitStack() as transactions:
            self._batch.connections = {INDEX_SHARD_NAME: transactions.enter_context(super()._connect(INDEX_SHARD_NAME))}
            self._batch.transactions = transactions
            try:
                for event in events:
                    self.store_event(event)
            finally:
                del self._batch.connections, self._batch.transactions

    @contextmanager
    def _connect(self, shard: str) -> "Iterator[Connection]":
        connections = getattr(self._batch, "connections", None)
        if connections is None:
            with super()._connect(shard) as connection:
                yield connection
            return
        if shard not in connections:
            connections[shard] = self._batch.transactions.enter_context(super()._connect(shard))
        yield connections[shard]

    def _keep_open(self, run_id: str) -> None:
        """Holds a connection to the index, and one to a run's own database until another run stores an event."""
        with self._db_lock:
            if run_id in self._kept_open:
                return
            self._close_kept()
            for shard in (INDEX_SHARD_NAME, run_id):
                connection = sqlite3.connect(self.path_for_shard(shard), check_same_thread=False)
                # A connection counts as one only from its first read on.
                connection.execute("select count(*) from sqlite_master").fetchall()
                self._kept_open[shard] = connection

    def _close_kept(self) -> None:
        while self._kept_open:
            self._kept_open.popitem()[1].close()

    def dispose(self) -> None:
        """Closes what was kept open."""
        with self._db_lock:
            self._close_kept()
        super().dispose()
