"""Loading a table for a range of days, up to the point where it could be published: build, stage, audit. Knows no Dagster.

What comes out is a `Prepared` load: the audit's report, and the publication that makes it visible. Nothing is visible
before somebody publishes it.
"""

import datetime as dt
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from asset_checks.audit import audit, measures
from asset_checks.figures import Figure
from asset_checks.report import AuditReport, RunCounts
from asset_checks.rules import with_broken_rules
from contracts.days import start_of_month
from contracts.errors import PermanentError
from contracts.masks import mask_expression
from contracts.model import BROKEN_RULES, OK, RAW, WINDOW, Contract, PartitionGrain, Read
from contracts.partitions import chunks
from contracts.row_rules import quoted
from io_managers.delta_io_manager import AuditedTable
from io_managers.publish import Publication
from io_managers.reads import read_predicate
from io_managers.snapshot import Snapshot, recorded
from io_managers.staging import Staged, read_staged, stage, stage_in_chunks
from io_managers.storage import Storage
from lakehouse_assets.gold.as_of import as_of

CHUNK_DAYS = 122
"""Days in a staged write, each of which is a partition with a file of its own that the engine holds open.

Some months at once take no more memory than one, and fewer queries; rows are limited as well.
"""

Build = Callable[[Sequence[dt.date]], DataFrame]
"""Makes the rows of some days."""


@dataclass(frozen=True)
class Load:
    """One table's part of a run."""

    contract: Contract
    storage: Storage
    session: SparkSession
    snapshot: Snapshot
    days: Sequence[dt.date]
    run_id: str
    clock: dt.datetime
    values_at_once: int
    """More values than this (rows times columns) are staged in several writes, and published in one commit."""
    inputs: Mapping[str, int] = field(default_factory=dict)
    """The versions of the tables that are read."""
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Tells the staged files of one try from those of another."""
    rebuild: bool = False
    """Whether the whole table is made anew."""
    parts: dict[str, float] = field(default_factory=dict)
    """The seconds that each part of the load took, in the order in which they began."""

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds what happens within to the seconds of a part."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.parts[part] = self.parts.get(part, 0.0) + time.monotonic() - started

    @property
    def rows_at_once(self) -> int:
        """How many rows are staged in one write."""
        return self.values_at_once // len(self.contract.columns)

    def stage_in_chunks(self, frames: Iterable[DataFrame], step: str, partition_by: Sequence[str]) -> Staged:
        """Writes one frame after the other where no reader looks."""
        table = self.contract.table
        return stage_in_chunks(frames, self.storage, table, self.run_id, step, self.attempt, partition_by)

    def stage(self, frame: DataFrame, step: str, partition_by: Sequence[str]) -> Staged:
        """Writes rows where no reader looks."""
        return stage(frame, self.storage, self.contract.table, self.run_id, step, self.attempt, partition_by)

    def read(self, staged: Staged) -> DataFrame:
        """Reads staged rows back."""
        return read_staged(self.session, self.storage, staged)


@dataclass(frozen=True)
class Prepared:
    """An audited load. The table may be published if its report passed."""

    report: AuditReport
    table: AuditedTable


def prepare_partitions(
    load: Load, build: Build, expected: RunCounts | None, rows: Mapping[str, int] | None = None
) -> Prepared:
    """Makes the rows that become the whole content of the storage partitions of the run's days.

    Args:
        load: what is loaded.
        build: makes the rows of some of the days.
        expected: what the source or the upstream table says there must be.
        rows: about how many rows each day is made from, by which staging is cut into chunks; by default what must be there.
    """
    contract = load.contract
    column = contract.partition_column
    if load.rebuild:
        require_every_loaded_day(load)
    rows = rows or (expected and expected.read) or {}
    parts = chunks(load.days, rows, load.rows_at_once, contract.partition_of, most=CHUNK_DAYS)
    marked = (with_broken_rules(build(days), contract) for days in parts)
    with load.timed("stage"):
        staged = load.stage_in_chunks(marked, "rows", [column, OK])
        frame = load.read(staged)
    with load.timed("audit"):
        report = audit(contract, frame, with_staged(expected or RunCounts(staged={}), staged, column))
    hashes = report.content_hashes
    by_month = contract.partition_grain is PartitionGrain.MONTH
    first_days = {contract.partition_of(day): start_of_month(day) if by_month else day for day in load.days}
    touched = frozenset(
        day for name, day in first_days.items() if stored_hash(load.snapshot, name) != hashes.get(name, 0)
    )
    publication = Publication(
        contract=contract, run_id=load.run_id, step=contract.name, staged=(staged,), replaced=frozenset(first_days),
        windows=days_of_months(load) if by_month else frozenset(), touched=touched,
        counts=totals(report), inputs=load.inputs, content_hashes=hashes, clock=load.clock,
    )  # fmt: skip
    window = f"'{load.days[0]}'" if by_month else quoted(column)
    return Prepared(report, AuditedTable(publication, broken_rows(frame, staged, window, load.days[0]), load.rebuild))


def days_of_months(load: Load) -> frozenset[str]:
    """The run's days, and all that are loaded of their months: each is now as the run makes the month."""
    months = {f"{day:%Y-%m}" for day in load.days}
    loaded = (day for day in recorded(load.snapshot.transactions, "w:") if day[:7] in months)
    return frozenset((*loaded, *(day.isoformat() for day in load.days)))


def require_every_loaded_day(load: Load) -> None:
    """A rebuild leaves nothing of the table but the run's days.

    Raises:
        PermanentError: a loaded day is not among them.
    """
    loaded = recorded(load.snapshot.transactions, "p:").keys()
    if lost := sorted(loaded - {load.contract.partition_of(day) for day in load.days}):
        raise PermanentError(
            f"{load.contract.table}: a rebuild of {load.days[0]} to {load.days[-1]} would lose {len(lost)} loaded partitions, the first "
            f"{lost[0]}, the last {lost[-1]}. Run it for a range that covers them all."
        )


def stored_hash(snapshot: Snapshot, partition: str) -> int | None:
    """The hash of what a partition holds: 0 also for one that was never published, null where it isn't known."""
    return snapshot.content_hash(partition) if f"p:{partition}" in snapshot.transactions else 0


def rows_of_days(load: Load, upstreams: Iterable[tuple[Contract, Snapshot]]) -> Mapping[str, int]:
    """How many rows of the tables that are read by day each of the run's days has, by the logs' statistics."""
    found: Counter[str] = Counter()
    for upstream, snapshot in upstreams:
        if load.contract.read(upstream.table).kind != "as_of" and upstream.partition_grain is PartitionGrain.DAY:
            found.update(snapshot.rows_by_partition())
    return {day.isoformat(): found[day.isoformat()] for day in load.days}


def narrow(load: Load, upstream: Contract, frame: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """Of the rows that were read of an upstream table for the run's days, those that some of the days read."""
    return frame.where(read_predicate(upstream, load.contract.read(upstream.table), days[0], days[-1]))


def upstream_name(read: Read) -> str:
    """The name of a function's parameter for a table that it reads."""
    return read.table.split("/")[1]


def with_staged(expected: RunCounts, staged: Staged, column: str) -> RunCounts:
    """Adds what the staged files' statistics say: rows that may be published and rows that may not, by a partition column."""
    counts: dict[str | None, tuple[int, int]] = {}
    for file in staged.files:
        window = file.partition_values[column]
        good, bad = counts.get(window, (0, 0))
        counts[window] = (good + file.rows, bad) if file.ok else (good, bad + file.rows)
    return replace(expected, staged=counts)


def broken_rows(frame: DataFrame, staged: Staged, window: str, fallback: dt.date) -> DataFrame | None:
    """The staged rows that go to quarantine, if any, under a window given by Spark SQL; those without are shown under the fallback."""
    if not staged.rows(ok=False):
        return None
    return frame.where(f"not {OK}").selectExpr(
        f"coalesce(cast({window} as string), '{fallback}') as {WINDOW}", BROKEN_RULES, RAW
    )


def totals(report: AuditReport) -> dict[str, int]:
    """A run's counts, as its commit records them."""
    return {
        "incoming": sum(one.incoming for one in report.windows),
        "published": sum(one.published for one in report.windows),
        "superseded": sum(one.superseded for one in report.windows),
        "quarantined": sum(one.quarantined for one in report.windows),
        "retained": sum(one.retained for one in report.windows),
    }


def conserved(contract: Contract, upstream: Contract, frame: DataFrame, days: Sequence[dt.date]) -> RunCounts:
    """What the contract says must be conserved, counted on the rows that are read of the upstream table."""
    conserves = contract.conserves
    if conserves is None:
        return RunCounts(staged={})
    if contract.read(upstream.table).kind == "as_of":
        undeleted = frame.where(f"not ({upstream.delete_condition})") if upstream.delete_condition else frame
        frame, day = as_of(undeleted, days), "day"
    else:
        day = upstream.touched_column
        if contract.read(upstream.table).kind == "days":
            frame = frame.where(F.col(day).between(days[0], days[-1]))
    if contract.partition_grain is PartitionGrain.MONTH:
        frame, day = frame.withColumn("_month", F.date_format(day, "yyyy-MM")), "_month"
    if conserves.measure is None:
        rows: dict[str, int] = {str(row[0]): row[1] for row in frame.groupBy(day).count().collect()}
        return RunCounts(staged={}, read=rows)
    sums: dict[str, Figure] = measures(frame, day, conserves.expression or "")
    return RunCounts(staged={}, measures=sums)


def masked(frame: DataFrame, contract: Contract, salt: Callable[[], str]) -> DataFrame:
    """Replaces the columns for which a gold contract states a mask; a table without any asks for no salt.

    The salt comes as data of a one-row frame: an expression would show it in plans and logs.
    """
    masks = {column.name: column.mask for column in contract.columns if column.mask is not None}
    if not masks:
        return frame
    # An equality join with one row: a cross join is a nested loop, which took 57 s instead of 1 for a million rows.
    salts = frame.sparkSession.createDataFrame([(0, salt())], "_one int, _salt string")
    salted = frame.withColumn("_one", F.lit(0)).join(F.broadcast(salts), "_one")
    return salted.selectExpr(
        *(
            f"{mask_expression(masks[name], name, '_salt')} as `{name}`" if name in masks else f"`{name}`"
            for name in frame.columns
        )
    )
