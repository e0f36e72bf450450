"""The condition of tables, from their own logs: days, rows, freshness, what is outstanding and why, commits, quarantine."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from asset_checks.freshness import FreshnessVerdict, freshness
from contracts.model import BROKEN_RULES, WINDOW, Contract
from io_managers.commits import CommitRecord, read_commits
from io_managers.quarantine import read_quarantine
from io_managers.snapshot import Snapshot, added_files, find_snapshot
from io_managers.staleness import Outstanding
from io_managers.storage import at_once
from lakehouse_assets.arrivals import ask_sources
from lakehouse_assets.lake import Lake
from lakehouse_assets.repairs import backfill_commands

if TYPE_CHECKING:
    from lakehouse_assets.instance.last_checks import LastCheck


@dataclass(frozen=True)
class Condition:
    """A table as it stands."""

    contract: Contract
    snapshot: Snapshot | None
    closed_days: int
    """How many days of the lake are over."""
    loaded: frozenset[dt.date]
    today: dt.date
    due: tuple[Outstanding, ...]
    """What the next run loads."""
    beyond: tuple[Outstanding, ...]
    """What only a backfill repairs."""
    fresh: FreshnessVerdict
    source_error: str | None
    """Of a bronze table: why its source didn't say whether it has more, if it didn't."""
    checks: "tuple[LastCheck, ...]"

    @property
    def table(self) -> str:
        return self.contract.table

    @property
    def closed_loaded(self) -> int:
        """How many of the closed days are loaded."""
        return sum(day < self.today for day in self.loaded)

    @property
    def is_well(self) -> bool:
        """Whether the table is fresh, no check failed when it last looked, and its source could be asked."""
        return self.fresh.passed and not self.source_error and all(one.result != "failed" for one in self.checks)


def conditions(lake: Lake, checks: "Mapping[str, Sequence[LastCheck]]") -> dict[str, Condition]:
    """Every table's condition, now."""
    now, start = lake.settings.clock(), lake.settings.start_date
    states = lake.states()
    arrivals = ask_sources(lake, states, now.date() - dt.timedelta(days=1))
    plan = lake.plan(states, arrivals.marks)
    snapshots = dict(zip(lake.contracts, at_once(partial(find_snapshot, lake.storage), lake.contracts), strict=True))
    found = {}
    for name, contract in lake.contracts.items():
        loaded = states[name].loaded
        due, beyond = (tuple(one for one in part if one.table == name) for part in (plan.due, plan.beyond))
        stale = plan.overdue(contract, now) & loaded
        found[name] = Condition(
            contract=contract,
            snapshot=snapshots[name],
            closed_days=max(0, (now.date() - start).days),
            loaded=loaded,
            today=now.date(),
            due=due,
            beyond=beyond,
            fresh=freshness(contract, now, loaded, stale, start),
            source_error=str(arrivals.failures[name]) if name in arrivals.failures else None,
            checks=tuple(checks.get(name, ())),
        )
    return found


@dataclass(frozen=True)
class History:
    """What a table's log and its quarantine tell beyond its condition."""

    publishes: Sequence[CommitRecord]
    """Newest first, as far as the log reaches back."""
    files: int
    size_bytes: int
    partitions: int
    quarantined_rows: int
    quarantined_days: int
    broken_rules: Sequence[tuple[str, int]]
    """Rows by rule, most first."""


def history(lake: Lake, condition: Condition) -> History:
    """A table's history; reads the whole log and quarantine."""
    rules = read_quarantine(lake.storage, condition.contract).select([WINDOW, BROKEN_RULES])
    counts = Counter(pc.list_flatten(rules[BROKEN_RULES]).to_pylist())
    snapshot = condition.snapshot
    files = added_files(snapshot.delta) if snapshot else None
    return History(
        publishes=list(read_commits(lake.storage, condition.table)),
        files=files.num_rows if files else 0,
        size_bytes=sum(files["size_bytes"].to_pylist()) if files else 0,
        partitions=len(snapshot.rows_by_partition()) if snapshot else 0,
        quarantined_rows=rules.num_rows,
        quarantined_days=len(rules[WINDOW].unique()),
        broken_rules=counts.most_common(),
    )


def by_reason(found: Iterable[Outstanding]) -> dict[tuple[str, str, str], list[dt.date]]:
    """Outstanding days by table, cause and reason."""
    grouped: dict[tuple[str, str, str], list[dt.date]] = {}
    for one in found:
        grouped.setdefault((one.table, one.cause.value, one.reason), []).append(one.day)
    return grouped


def repairs(beyond: Iterable[Outstanding]) -> list[str]:
    """The commands that load days which nothing else loads, a table after those that it reads."""
    days: dict[str, list[dt.date]] = {}
    for one in beyond:
        days.setdefault(one.table, []).append(one.day)
    return [command for table, found in days.items() for command in backfill_commands(table, found)]


def as_record(condition: Condition) -> dict[str, object]:
    """A table's condition as JSON has it; `lakehouse status --help` says what it holds."""
    verdict = condition.fresh
    return {
        "table": condition.table,
        "rows": condition.snapshot.row_count() if condition.snapshot else None,
        "version": condition.snapshot.version if condition.snapshot else None,
        "days": {
            "closed": condition.closed_days,
            "loaded": condition.closed_loaded,
            "first": min(condition.loaded, default=None),
            "newest": max(condition.loaded, default=None),
        },
        "fresh": {
            "passed": verdict.passed,
            "newest_complete": verdict.newest,
            "expected": verdict.expected,
            "late_by_seconds": int(verdict.late_by.total_seconds()),
            "message": verdict.message,
        },
        "source_error": condition.source_error,
        "due": _outstanding(condition.due),
        "beyond_restatement": _outstanding(condition.beyond),
        "repaired_by": repairs(condition.beyond),
        "checks": [asdict(one) for one in condition.checks],
    }


def _outstanding(found: Iterable[Outstanding]) -> list[dict[str, object]]:
    return [{"cause": cause, "reason": reason, "days": days} for (_, cause, reason), days in by_reason(found).items()]


def with_history(record: Mapping[str, object], condition: Condition, past: History) -> dict[str, object]:
    """The record of one table in detail."""
    return {
        **record,
        "contract_version": condition.contract.version,
        "grain": condition.contract.grain,
        "loaded_days": sorted(condition.loaded),
        "files": past.files,
        "size_bytes": past.size_bytes,
        "partitions": past.partitions,
        "publishes": [
            {
                "version": one.version,
                "committed_at": one.timestamp,
                "run_id": one.run_id,
                "contract_version": one.contract_version,
                "days": sorted(one.windows or one.partitions),
                "touched": sorted(one.touched),
                "inputs": dict(one.inputs),
                "counts": dict(one.counts),
                "rebuild": one.rebuild,
            }
            for one in past.publishes
        ],
        "quarantine": {
            "rows": past.quarantined_rows,
            "days": past.quarantined_days,
            "rules": [{"rule": rule, "rows": rows} for rule, rows in past.broken_rules],
        },
    }
