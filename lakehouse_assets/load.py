"""Loading a table for a range of days, up to the point where it could be published: build, stage, audit. Knows no Dagster.

What comes out is a `Prepared` load: the audit's report, and the publication that makes it visible. Nothing is visible
before somebody publishes it.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from asset_checks.audit import audit, measures
from asset_checks.figures import Figure
from asset_checks.report import AuditReport, RunCounts
from asset_checks.rules import with_broken_rules
from contracts.errors import PermanentError
from contracts.masks import mask_expression
from contracts.model import BROKEN_RULES, OK, RAW, WINDOW, Contract, Read
from io_managers.delta_io_manager import AuditedTable
from io_managers.publish import Publication
from io_managers.reads import read_predicate
from io_managers.snapshot import Snapshot, recorded
from io_managers.staging import Staged, read_staged, stage, stage_in_chunks
from io_managers.storage import Storage
from lakehouse_assets.gold.as_of import as_of

CHUNK_ROWS = 2_000_000
"""An engine holds about what it stages: more rows than this are staged in several writes, and published in one commit."""

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
    inputs: Mapping[str, int] = field(default_factory=dict)
    """The versions of the tables that are read."""
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Tells the staged files of one try from those of another."""
    rebuild: bool = False
    """Whether the whole table is made anew."""

    def stage_in_chunks(
        self, frames: Iterable[DataFrame], step: str, partition_by: Sequence[str]
    ) -> tuple[Staged, ...]:
        """Writes one frame after the other where no reader looks."""
        table = self.contract.table
        return stage_in_chunks(frames, self.storage, table, self.run_id, step, self.attempt, partition_by)

    def stage(self, frame: DataFrame, step: str, partition_by: Sequence[str]) -> Staged:
        """Writes rows where no reader looks."""
        return stage(frame, self.storage, self.contract.table, self.run_id, step, self.attempt, partition_by)

    def read(self, staged: Sequence[Staged]) -> DataFrame:
        """Reads staged rows back."""
        return read_staged(self.session, self.storage, staged)


@dataclass(frozen=True)
class Prepared:
    """An audited load. The table may be published if its report passed."""

    report: AuditReport
    table: AuditedTable


def prepare_partitions(load: Load, build: Build, expected: RunCounts | None) -> Prepared:
    """Makes the rows that become the whole content of the run's days.

    Args:
        load: what is loaded.
        build: makes the rows of some of the days.
        expected: what the source or the upstream table says there must be; by its rows staging is cut into chunks.
    """
    contract = load.contract
    column = contract.partition_column
    if load.rebuild:
        require_every_loaded_day(load)
    parts = chunks(load.days, (expected and expected.read) or {})
    staged = load.stage_in_chunks((with_broken_rules(build(days), contract) for days in parts), "rows", [column, OK])
    frame = load.read(staged)
    report = audit(contract, frame, with_staged(expected or RunCounts(staged={}), staged, column))
    hashes = report.content_hashes
    partitions = frozenset(day.isoformat() for day in load.days)
    touched = frozenset(
        dt.date.fromisoformat(partition)
        for partition in partitions
        if stored_hash(load.snapshot, partition) != hashes.get(partition, 0)
    )
    publication = Publication(
        contract=contract, run_id=load.run_id, step=contract.name, staged=staged, replaced=partitions, touched=touched,
        counts=totals(report), inputs=load.inputs, content_hashes=hashes, clock=load.clock,
    )  # fmt: skip
    return Prepared(report, AuditedTable(publication, broken_rows(frame, staged, column, load.days[0]), load.rebuild))


def require_every_loaded_day(load: Load) -> None:
    """A rebuild leaves nothing of the table but the run's days.

    Raises:
        PermanentError: a loaded day is not among them.
    """
    loaded = recorded(load.snapshot.transactions, "p:").keys()
    if lost := sorted(loaded - {day.isoformat() for day in load.days}):
        raise PermanentError(
            f"{load.contract.table}: a rebuild of {load.days[0]} to {load.days[-1]} would lose {len(lost)} loaded days, the first "
            f"{lost[0]}, the last {lost[-1]}. Run it for a range that covers them all."
        )


def stored_hash(snapshot: Snapshot, partition: str) -> int | None:
    """The hash of what a partition holds: 0 also for one that was never published, null where it isn't known."""
    return snapshot.content_hash(partition) if f"p:{partition}" in snapshot.transactions else 0


Part = TypeVar("Part", dt.date, str)


def chunks(parts: Sequence[Part], rows: Mapping[str, int]) -> Iterator[list[Part]]:
    """Cuts days or partitions into groups of about CHUNK_ROWS rows, in order; none is cut in two."""
    group: list[Part] = []
    held = 0
    for part in parts:
        more = rows.get(str(part), 0)
        if group and held + more > CHUNK_ROWS:
            yield group
            group, held = [], 0
        group.append(part)
        held += more
    if group:
        yield group


def narrow(load: Load, upstream: Contract, frame: DataFrame, days: Sequence[dt.date]) -> DataFrame:
    """Of the rows that were read of an upstream table for the run's days, those that some of the days read."""
    return frame.where(read_predicate(upstream, load.contract.read(upstream.table), days[0], days[-1]))


def upstream_name(read: Read) -> str:
    """The name of a function's parameter for a table that it reads."""
    return read.table.split("/")[1]


def with_staged(expected: RunCounts, staged: Sequence[Staged], column: str) -> RunCounts:
    """Adds what the staged files' statistics say: rows that may be published and rows that may not, by a partition column."""
    counts: dict[str | None, tuple[int, int]] = {}
    for file in (file for one in staged for file in one.files):
        window = file.partition_values[column]
        good, bad = counts.get(window, (0, 0))
        counts[window] = (good + file.rows, bad) if file.ok else (good, bad + file.rows)
    return replace(expected, staged=counts)


def broken_rows(frame: DataFrame, staged: Sequence[Staged], window: str, fallback: dt.date) -> DataFrame | None:
    """The staged rows that go to quarantine, if any; those without a window are shown under the run's first day."""
    if not any(one.rows(ok=False) for one in staged):
        return None
    return frame.where(f"not {OK}").selectExpr(
        f"coalesce(cast(`{window}` as string), '{fallback}') as {WINDOW}", BROKEN_RULES, RAW
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
    if conserves.measure is None:
        rows: dict[str, int] = {str(row[0]): row[1] for row in frame.groupBy(day).count().collect()}
        return RunCounts(staged={}, read=rows)
    sums: dict[str, Figure] = measures(frame, day, conserves.expression or "")
    return RunCounts(staged={}, measures=sums)


def masked(frame: DataFrame, contract: Contract, salt: str) -> DataFrame:
    """Replaces the columns for which a gold contract states a mask.

    The salt comes as data of a one-row frame: an expression would show it in plans and logs.
    """
    masks = {column.name: column.mask for column in contract.columns if column.mask is not None}
    if not masks:
        return frame
    # An equality join with one row: a cross join is a nested loop, which took 57 s instead of 1 for a million rows.
    salts = frame.sparkSession.createDataFrame([(0, salt)], "_one int, _salt string")
    salted = frame.withColumn("_one", F.lit(0)).join(F.broadcast(salts), "_one")
    return salted.selectExpr(
        *(
            f"{mask_expression(masks[name], name, '_salt')} as `{name}`" if name in masks else f"`{name}`"
            for name in frame.columns
        )
    )
