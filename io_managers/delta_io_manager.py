"""The Dagster IO manager of Delta tables: publishes audited outputs, and loads inputs at versions pinned for the run."""

import datetime as dt
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from deltalake import DeltaTable

from contracts.errors import PermanentError
from contracts.model import Contract, Read
from io_managers.failures import only_what_may_pass_is_retried
from io_managers.publish import Publication, Published
from io_managers.quarantine import publish_with_quarantine
from io_managers.reads import read_frame, read_predicate
from io_managers.snapshot import Snapshot, open_snapshot
from io_managers.storage import Storage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

READER = "reader"
"""The key of an input's metadata that names the table whose contract says what is read."""


@dataclass(frozen=True)
class AuditedTable:
    """What an asset hands over: rows that passed their audit, and those to be set aside with them."""

    publication: Publication
    broken: "DataFrame | None"
    """Rows for quarantine: `_window`, `_broken_rules`, `_raw`."""
    rebuild: bool = False


class DeltaIOManager(dg.IOManager):
    """One run's view of the lake: each table is opened once, so that the whole run reads one state of it.

    Inputs arrive as the parameter's annotation asks: a Spark DataFrame (also without annotation), `pyarrow.Table`,
    `pyarrow.RecordBatchReader`, `polars.DataFrame` or `pandas.DataFrame`; always cut down to what the reading table's
    contract says, or to the run's own days for an asset without one.
    """

    def __init__(
        self, storage: Storage, contracts: Mapping[str, Contract], session: "Callable[[], SparkSession]"
    ) -> None:
        self._storage = storage
        self._contracts = contracts
        self._session = session
        self._snapshots: dict[str, Snapshot] = {}

    def snapshot(self, table: str, *, rebuild: bool = False) -> Snapshot:
        """The table as this run sees it: as it was when first asked for, or as the run itself published it.

        A run that is about to rebuild it takes its schema as it is, whatever the contract says by now.
        """
        if table not in self._snapshots:
            self._snapshots[table] = open_snapshot(self._storage, self._contracts[table], rebuild=rebuild)
        return self._snapshots[table]

    def input_versions(self, reader: Contract) -> dict[str, int]:
        """The versions that this run reads of what a table is made from."""
        return {read.table: self.snapshot(read.table).version for read in reader.reads}

    def read(self, table: str, predicate: str | None = None) -> "DataFrame":
        """The rows of the run's version of a table that meet a predicate, or all of them."""
        path = self._storage.engine_path(self._storage.table_uri(table))
        return read_frame(self._session(), path, self.snapshot(table).version, self._contracts[table], predicate)

    def load_input(self, context: dg.InputContext) -> Any:
        """The input's rows for the run's days, in the type that the parameter is annotated with.

        Raises:
            dagster.Failure: without retries: a table can't be loaded as the annotation asks, or not by its contract.
        """
        table = context.asset_key.to_user_string()
        reader = (context.definition_metadata or {}).get(READER)
        read = self._contracts[reader].read(table) if reader else Read(table, "days")
        window = context.asset_partitions_time_window
        first, last = window.start.date(), (window.end - dt.timedelta(days=1)).date()
        with only_what_may_pass_is_retried():
            frame = self.read(table, read_predicate(self._contracts[table], read, first, last))
            return as_annotated(frame, context.dagster_type.typing_type, table)

    def handle_output(self, context: dg.OutputContext, obj: AuditedTable) -> None:
        """Makes an audited table visible in one commit, and lets the rest of the run read it.

        Raises:
            dagster.Failure: without retries: the output didn't come through an audit, or isn't what its contract says.
            RetryableError: another run published first, or whether this one did can't be told. Another try opens the table anew.
        """
        table = context.asset_key.to_user_string()
        with only_what_may_pass_is_retried():
            published = self._publish(table, obj)
        # The version that was published, whatever another run has published since.
        delta = DeltaTable(self._storage.table_uri(table), version=published.version)
        self._snapshots[table] = Snapshot(self._storage, table, delta)
        context.add_output_metadata(
            {"visible_version": published.version, "dagster/row_count": self.snapshot(table).row_count()}
        )

    def _publish(self, table: str, obj: object) -> Published:
        if not isinstance(obj, AuditedTable):
            raise PermanentError(
                f"{table}: the asset returned {type(obj).__name__}, which no contract was checked on. "
                "Only an audited table becomes visible: write a contract, and let the table's asset be built from it."
            )
        snapshot = self._snapshots.pop(table)
        broken = obj.broken.toArrow() if obj.broken else None
        return publish_with_quarantine(self._storage, snapshot, obj.publication, broken, whole_table=obj.rebuild)


def as_annotated(frame: "DataFrame", annotation: Any, table: str) -> Any:
    """The rows of a Spark DataFrame as the annotated type; a Spark DataFrame itself where nothing else is asked for.

    Raises:
        PermanentError: the annotation is no type that a table can be loaded as.
    """
    if annotation is Any:
        return frame
    name = f"{annotation.__module__.split('.')[0]}.{annotation.__name__}" if inspect.isclass(annotation) else annotation
    match name:
        case "pyspark.DataFrame":
            return frame
        case "pyarrow.Table":
            return frame.toArrow()
        case "pyarrow.RecordBatchReader":
            return frame.toArrow().to_reader()
        case "pandas.DataFrame":
            return frame.toPandas()
        case "polars.DataFrame":
            import polars as pl

            return pl.from_arrow(frame.toArrow())
        case _:
            raise PermanentError(
                f"{table} can't be loaded as {name}: annotate the parameter with pyspark.sql.DataFrame, pyarrow.Table, "
                "pyarrow.RecordBatchReader, polars.DataFrame or pandas.DataFrame."
            )
