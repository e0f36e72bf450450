"""Reads of a table of which only the files are there that are needed, and their plans."""

import contextlib
import datetime as dt
import io
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deltalake import DeltaTable

from contracts.model import Read
from io_managers.reads import read_frame, read_predicate
from io_managers.storage import Storage
from tests.io_managers.publish_support import (
    DAY,
    KEY,
    TABLE,
    VALUE,
    arrow,
    make_contract,
    new_run,
    publish_staged,
    stage_arrow,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DATED = make_contract(replace(DAY, type="date"), KEY, VALUE)
DAYS = [dt.date(2026, 9, 25) + dt.timedelta(days=number) for number in range(20)]


def plan_of(frame: "DataFrame") -> str:
    """The physical plan."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        frame.explain()
    return printed.getvalue()


def days_found(frame: "DataFrame", storage: Storage, kept: Collection[dt.date]) -> list[dt.date]:
    """The days of the rows that are found when the files of all days are gone but for those kept: to open one fails."""
    for path in DeltaTable(storage.table_uri(TABLE)).file_uris():
        if not any(f"/day={day}/" in path for day in kept):
            Path(path).unlink()
    return sorted(row["day"] for row in frame.collect())


def read_of_a_day(
    session: "SparkSession", storage: Storage, read: Read, day: dt.date, *, broadcast: bool = False
) -> "DataFrame":
    """What a day reads of a table with a file for each of DAYS, which its contract may know to be small."""
    staged = stage_arrow(storage, arrow([(day, "k", 1) for day in DAYS], DATED), new_run())
    published = publish_staged(storage, DATED, [staged], set(map(str, DAYS)))
    path = storage.engine_path(storage.table_uri(TABLE))
    contract = replace(DATED, broadcast=broadcast)
    return read_frame(session, path, published.version, contract, read_predicate(contract, read, day, day))


READS = [
    (Read(TABLE, "days"), dt.date(2026, 10, 5), [dt.date(2026, 10, 5)]),
    (Read(TABLE, "days", -6, 0), dt.date(2026, 10, 5), DAYS[4:11]),
    (Read(TABLE, "month"), dt.date(2026, 10, 5), DAYS[6:]),
    (Read(TABLE, "all"), dt.date(2026, 9, 27), DAYS[:3]),
]
"""A read, the day that reads, and the days of files that it needs."""
