"""How every silver table is loaded: audit the changes, fold them into what is stored, and say which partitions that replaces."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from asset_checks.audit import audit
from asset_checks.content_hash import content_hashes
from asset_checks.report import RunCounts
from asset_checks.rules import with_broken_rules
from contracts.model import CONFLICTING_VERSIONS, HISTORY_COLUMNS, OK, WINDOW, Contract
from contracts.partitions import chunks, in_partitions
from contracts.row_rules import quoted
from io_managers.change_application import (
    ChangesNotConservedError,
    Outcome,
    as_decisions,
    change_dates,
    conflicting_versions,
    content,
    decide,
    first_content,
    incoming_by_window,
    outcome_of,
    partitions_in_reach,
    partitions_to_read,
    superseded,
)
from io_managers.delta_io_manager import AuditedTable
from io_managers.publish import Publication
from io_managers.reads import open_version
from io_managers.snapshot import recorded
from io_managers.staging import Staged
from lakehouse_assets.load import Load, Prepared, broken_rows, totals, with_staged

DECIDED_AT_ONCE = 31
"""Days of a first load whose changes are decided and written in one step, as one query."""
COPIED_AT_ONCE = 2
"""Decided rows are only copied, which an engine needs less memory for than to compute them; and each write reads all decisions."""

ReadStored = Callable[[str], DataFrame]
"""The rows of the table that meet a predicate, at the version that the run opened."""


@dataclass(frozen=True)
class Fold:
    """What changes make of the stored rows, staged."""

    content: Staged
    outcome: Outcome
    in_reach: frozenset[str]
    """The partitions that could have held an affected row."""
    conflicts: int


def prepare_changes(load: Load, changes: DataFrame, read_stored: ReadStored) -> Prepared:
    """Folds the changes of the run's windows into the stored rows.

    Args:
        load: what is loaded.
        changes: what the table's function made of the windows' bronze rows.
        read_stored: reads what is stored.
    """
    contract = load.contract
    with load.timed("stage"):
        staged = _stage_changes(load, changes)
        frame = load.read(staged)
    with load.timed("fold"):
        fold = fold_changes(load, frame.where(OK), None if load.rebuild else read_stored)
    counts = with_outcome(with_staged(RunCounts(staged={}), staged, WINDOW), fold, load)
    published = load.read(fold.content)
    with load.timed("audit"):
        report = audit(contract, frame, counts, window_column=WINDOW, content=published)
    publication = Publication(
        contract=contract,
        run_id=load.run_id,
        step=contract.name,
        staged=(fold.content,),
        replaced=fold.outcome.replaced,
        read=fold.in_reach,
        windows=frozenset(day.isoformat() for day in load.days),
        touched=differing_dates(load, read_stored, published) if load.rebuild else fold.outcome.touched,
        counts=totals(report),
        inputs=load.inputs,
        clock=load.clock,
    )
    return Prepared(
        report, AuditedTable(publication, broken_rows(frame, staged, quoted(WINDOW), load.days[0]), load.rebuild)
    )


def delivered_columns(contract: Contract) -> list[str]:
    """The contract's columns that changes have; the others are derived by their application."""
    history = HISTORY_COLUMNS if contract.history == "scd2" else frozenset()
    return [column.name for column in contract.columns if column.name not in history]


def _stage_changes(load: Load, changes: DataFrame) -> Staged:
    delivered = delivered_columns(load.contract)
    rows = {str(window): count for window, count in incoming_by_window(changes).items()}
    windows = [day.isoformat() for day in load.days]
    frames = (
        changes.where(f"{WINDOW} between date'{part[0]}' and date'{part[-1]}'")
        for part in chunks(windows, rows, load.rows_at_once)
    )
    marked = (with_broken_rules(frame, load.contract, delivered) for frame in frames)
    return load.stage_in_chunks(marked, "changes", [WINDOW, OK])


def fold_changes(load: Load, changes: DataFrame, read_stored: ReadStored | None) -> Fold:
    """Decides what stands of each changed key, and stages the new content of the partitions that differ from before.

    Where nothing is stored that could be affected, as on a first load, what is decided is the content, and is written once.
    """
    contract, snapshot = load.contract, load.snapshot
    dates = change_dates(changes, contract)
    stored = snapshot.rows_by_partition() if read_stored else {}
    in_reach = partitions_in_reach(contract, dates, stored)
    read = partitions_to_read(contract, dates, stored)
    existing = read_stored(in_partitions(contract, read)) if read_stored and read else None
    if existing is None and len(load.days) <= DECIDED_AT_ONCE:
        staged = load.stage(first_content(changes, contract), "content", [contract.partition_column])
        outcome = outcome_of(as_decisions(load.read(staged), contract), contract)
    else:
        decided = load.stage(decide(changes, existing, contract), "decisions", [])
        decisions = load.read(decided)
        outcome = outcome_of(decisions, contract)
        staged = _stage_content(load, decisions, existing, stored, outcome, decided.rows())
    _require_conserved(contract, stored, outcome, staged)
    return Fold(
        content=staged,
        outcome=outcome,
        in_reach=in_reach,
        conflicts=conflicting_versions(changes, existing, contract),
    )


def _stage_content(  # noqa: PLR0913, PLR0917
    load: Load,
    decisions: DataFrame,
    existing: DataFrame | None,
    stored: Mapping[str, int],
    outcome: Outcome,
    decided: int,
) -> Staged:
    """Merges what was decided with what is stored beside it."""
    contract = load.contract
    share = decided // max(1, len(outcome.replaced))
    rows = {value: stored.get(value, 0) + share for value in outcome.replaced}
    most_rows = COPIED_AT_ONCE * load.rows_at_once
    parts = list(chunks(sorted(outcome.replaced), rows, most_rows)) or [[]]
    contents = (content(decisions, existing, contract, part) for part in parts)
    return load.stage_in_chunks(contents, "content", [contract.partition_column])


def _require_conserved(contract: Contract, stored: Mapping[str, int], outcome: Outcome, staged: Staged) -> None:
    """Counts what was staged against what it replaces, by statistics and not by the fold's own rows.

    Raises:
        ChangesNotConservedError: the replaced partitions would not hold the rows that they held, and one for each new key or version.
    """
    before = sum(stored.get(partition, 0) for partition in outcome.replaced)
    after = staged.rows()
    if after != before + outcome.added:
        raise ChangesNotConservedError(
            f"{contract.table}: the {len(outcome.replaced):,} partitions to replace hold {before:,} rows and get {outcome.added:,}"
            f" new ones, but {after:,} rows are staged for them. Nothing is published. Rebuild the table, and if that fails"
            " too, the code of the change application loses or repeats rows."
        )


def with_outcome(counts: RunCounts, fold: Fold, load: Load) -> RunCounts:
    """Adds what became of the rows that may be published."""
    applied = fold.outcome.applied
    incoming = {dt.date.fromisoformat(str(window)): good for window, (good, _) in counts.staged.items()}
    lost = superseded(incoming, applied, load.contract)
    return replace(
        counts,
        applied={str(window): rows for window, rows in applied.items()},
        superseded={str(window): rows for window, rows in lost.items()},
        counted={CONFLICTING_VERSIONS: fold.conflicts},
    )


def differing_dates(load: Load, read_stored: ReadStored, after: DataFrame) -> frozenset[dt.date]:
    """The business dates whose rows a rebuild makes different: all of them where the table had another schema."""
    contract = load.contract
    # Until when a version is valid, its successor says, which touches its own date.
    stated = replace(contract, columns=tuple(one for one in contract.columns if one.name not in HISTORY_COLUMNS))
    date = f"cast({quoted(contract.touched_column)} as date)"
    new = content_hashes(after, stated, by=date)
    if load.snapshot.meets(contract):
        old = content_hashes(read_stored("true"), stated, by=date)
    else:
        path = load.storage.engine_path(load.snapshot.uri)
        stored = open_version(load.session, path, load.snapshot.version)
        dates = (
            stored.selectExpr(f"cast({date} as string)").distinct()
            if contract.touched_column in stored.columns
            else None
        )
        old = {row[0]: -1 for row in dates.collect()} if dates else {}
    return frozenset(dt.date.fromisoformat(day) for day in old.keys() | new.keys() if old.get(day) != new.get(day))


def windows_of(transactions: Mapping[str, int]) -> list[dt.date]:
    """The arrival windows that a bronze table holds."""
    return sorted(dt.date.fromisoformat(day) for day in recorded(transactions, "p:"))
