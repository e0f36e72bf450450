"""How every bronze table is loaded: extract the windows, land them as they come, and audit what landed.

Rows stream from the source into one Parquet file beside the table, which any engine can read; it is removed as soon as
the rows are staged.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from asset_checks.reconciled import Reconciliation, reconcile
from asset_checks.report import RunCounts
from contracts.model import WINDOW
from io_managers.delta_io_manager import AuditedTable
from io_managers.staging import staging_path
from lakehouse_assets.load import Build, Load, Prepared, prepare_partitions
from resources.sources.interface import Extraction, Source, delivered_schema

ROWS_PER_GROUP = 65_536


def prepare_bronze(load: Load, source: Source) -> tuple[Prepared, Reconciliation, Extraction]:
    """Loads a bronze table's windows from its source, compared with the source's own count."""
    extraction = source.extract(load.contract, load.days[0], load.days[-1])
    landing = f"{load.storage.table_uri(load.contract.table)}/{staging_path(load.run_id, 'landing', load.attempt)}"
    try:
        with load.timed("extract"):
            landed = land(load, extraction, landing)
        read = {day.isoformat(): rows for day, rows in landed.items()}
        prepared = prepare_partitions(load, _build(load, landing), RunCounts(staged={}, read=read))
    finally:
        load.storage.delete_folder(landing)
    prepared = replace(prepared, table=_marked(prepared.table, extraction))
    windows = {one.window: one for one in prepared.report.windows}
    reconciliation = reconcile(
        load.contract.table,
        {str(day): rows for day, rows in extraction.rows_by_window.items()},
        published={name: one.published for name, one in windows.items()},
        quarantined={name: one.quarantined for name, one in windows.items()},
        retained={name: one.retained for name, one in windows.items()},
    )
    return prepared, reconciliation, extraction


def _marked(table: AuditedTable, extraction: Extraction) -> AuditedTable:
    """With what the source held of each window as it was read, known only when all of it was."""
    if extraction.marks is None:
        return table
    marks = {str(day): found for day, found in extraction.marks.items()}
    return replace(table, publication=replace(table.publication, marks=marks))


def land(load: Load, extraction: Extraction, uri: str) -> Counter[dt.date]:
    """Writes the extracted batches to one file and returns their rows by window."""
    rows: Counter[dt.date] = Counter(dict.fromkeys(load.days, 0))
    load.storage.create_folder(uri)
    target = load.storage.path(f"{uri}/rows.parquet")
    # The file is read once, chunk by chunk of windows: nothing else is worth a dictionary or statistics.
    with pq.ParquetWriter(
        target,
        delivered_schema(load.contract),
        filesystem=load.storage.filesystem,
        use_dictionary=[WINDOW],
        write_statistics=[WINDOW],
    ) as writer:
        for batch in _read_ahead(filled(extraction.batches, ROWS_PER_GROUP)):
            writer.write_batch(batch)
            for count in pc.value_counts(batch.column(WINDOW)).to_pylist():
                rows[count["values"]] += count["counts"]
    return rows


def filled(batches: Iterable[pa.RecordBatch], most: int) -> Iterator[pa.RecordBatch]:
    """Puts batches together up to so many rows: each that is written becomes a row group, which costs more than the rows of a quiet day."""
    gathered: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        if gathered and rows + batch.num_rows > most:
            yield pa.concat_batches(gathered)
            gathered, rows = [], 0
        gathered.append(batch)
        rows += batch.num_rows
    if gathered:
        yield pa.concat_batches(gathered)


def _read_ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Reads the next batch while one is written. Only one thread reads at a time."""
    with ThreadPoolExecutor(1, thread_name_prefix="extract") as reader:
        following = reader.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = reader.submit(next, batches, None)
            yield batch


def _build(load: Load, landing: str) -> Build:
    def build(days: Sequence[dt.date]) -> DataFrame:
        landed = load.session.read.parquet(load.storage.engine_path(landing))
        ingested_at = f"timestamp'{load.clock:%Y-%m-%d %H:%M:%S.%f}' as _ingested_at"
        return landed.where(f"`{WINDOW}` between date'{days[0]}' and date'{days[-1]}'").selectExpr("*", ingested_at)

    return build
