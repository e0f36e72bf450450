"""The demo's rows as somebody's files: one Parquet file a table and day, as the files source reads them."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.days import days_between
from contracts.model import Contract
from resources.sources.interface import cursor_name, source_columns, source_table
from resources.sources.registry import make_source


def export_demo(
    contracts: Mapping[str, Contract],
    folder: Path,
    start: dt.date,
    first: dt.date,
    last: dt.date,
    *,
    scale: float,
    seed: int = 1,
) -> dict[str, int]:
    """Writes the days of every bronze table of a lake that starts on a day, and returns the rows of each."""
    source = make_source("demo", lake_start=start, seed=seed, scale=scale)
    rows = {}
    for contract in (one for one in contracts.values() if one.layer == "bronze"):
        target = folder / "/".join(source_table(contract))
        target.mkdir(parents=True, exist_ok=True)
        columns = source_columns(contract)
        schema = pa.schema((name, column.arrow) for name, column in columns.items())
        rows[contract.table] = 0
        for day in days_between(first, last):
            with pq.ParquetWriter(target / f"{day}.parquet", schema) as writer:
                for delivered in source.extract(contract, day, day).batches:
                    # Where windows overlap, a row is in the file of its own day.
                    batch = delivered if day == first else delivered.filter(_is_new(delivered, contract, day))
                    writer.write_batch(
                        pa.RecordBatch.from_arrays([batch.column(one.name) for one in columns.values()], schema=schema)
                    )
                    rows[contract.table] += batch.num_rows
    return rows


def _is_new(batch: pa.RecordBatch, contract: Contract, day: dt.date) -> pa.Array:
    if contract.window_days == 1:
        return pa.repeat(pa.scalar(True), batch.num_rows)
    return pc.equal(batch.column(cursor_name(contract)), day)
