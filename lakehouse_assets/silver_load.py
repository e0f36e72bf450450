"""How every silver table is loaded: audit the changes, fold them into what is stored, and state which partitions that replaces."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from asset_checks.audit import audit
from asset_checks.report import RunCounts
from asset_checks.rules import OK, with_broken_rules
from contracts.model import VALID_FROM, WINDOW, Contract
from io_managers.delta_io_manager import AuditedTable, DeltaIOManager
from io_managers.interim_changes import content, decide, partitions_to_read
from io_managers.publish import Publication
from io_managers.reads import read_frame
from lakehouse_assets.load import Load, Prepared, broken_rows, totals, with_staged

def prepare_changes(load: Load, function, inputs, tables: DeltaIOManager, *, rebuild: bool) -> Prepared:
    contract = load.contract
    column = contract.partition_column
    derived = {"valid_from", "valid_to", "is_current", "valid_to_month"} if contract.history == "scd2" else set()
    delivered = [c.name for c in contract.columns if c.name not in derived]
    marked = with_broken_rules(function(**inputs), contract, delivered)
    staged = [load.stage(marked, "changes", [WINDOW, OK])]
    frame = load.read(staged)
    good = frame.where(OK)
    seq = contract.sequence if contract.history == "scd2" else contract.touched_column
    low, high = good.agg(F.min(F.col(seq)).cast("date"), F.max(F.col(seq)).cast("date")).collect()[0]
    known = [] if rebuild else sorted(n[2:] for n in load.snapshot.transactions if n.startswith("p:"))
    read = partitions_to_read(contract, low, high, known) if low else []
    existing = tables.read(contract.table, f"`{column}` in ({', '.join(map(repr, read))})" if read else "false")
    decisions = load.stage(decide(existing, good, contract), "decisions", [])
    d = load.read([decisions])
    summary = d.where("_differs").select(F.col(column).cast("string").alias("p"), "_old_partition").distinct().collect()
    replaced = sorted({v for r in summary for v in r if v is not None})
    applied = {str(w): n for w, n in d.where("_applied").groupBy("_w").count().collect()}
    t = contract.touched_column
    touched = {v for r in d.where("_changed").select(F.col(t).cast("date"), "_old_date").distinct().collect() for v in r if v is not None}
    out = [load.stage(content(d, existing, contract, replaced) if replaced else d.select(*[c.name for c in contract.columns]).where("false"), "content", [column])]
    counts = with_staged(RunCounts(staged={}), staged, WINDOW)
    superseded = {w: g - applied.get(w, 0) for w, (g, _) in counts.staged.items()}
    counts = RunCounts(staged=counts.staged, applied=applied, superseded=superseded)
    report = audit(contract, frame, counts, window_column=WINDOW, content=load.read(out))
    publication = Publication(contract=contract, run_id=load.run_id, step=contract.name, staged=tuple(out), replaced=frozenset(replaced), read=frozenset(read),
        windows=frozenset(d.isoformat() for d in load.days), touched=frozenset(touched), counts=totals(report), inputs=load.inputs, clock=load.clock)
    return Prepared(report, AuditedTable(publication, broken_rows(frame, staged, WINDOW, load.days[0]), rebuild))
