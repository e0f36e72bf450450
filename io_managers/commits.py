"""What each publish of a table did, read back from the table's own log.

The record of a commit is one JSON text in its metadata: written by `publish`, read by whoever decides what is loaded,
stale or landed. The log is the only source: what an orchestrator remembers can be lost after a commit.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from io_managers.log import Action, commit_versions, read_commit_info
from io_managers.storage import Storage

METADATA_KEY = "lakehouse"


@dataclass(frozen=True, kw_only=True)
class CommitRecord:
    """One publish of a table."""

    version: int
    """The table's version that it made."""
    timestamp: dt.datetime
    """When it was committed, UTC, by the writer's clock."""
    run_id: str
    step: str
    attempt: int
    """The version of every `p:` and `w:` transaction that it set."""
    asset: str
    contract_version: str
    clock: dt.datetime
    """What time it was for the run, UTC: a day that was loaded before it was over has to be loaded again."""
    partitions: frozenset[str] = frozenset()
    """Storage partitions whose content it replaced."""
    windows: frozenset[str] = frozenset()
    """Arrival windows that it applied, where they aren't the storage partitions."""
    touched: frozenset[dt.date] = frozenset()
    """Business dates whose rows, technical columns aside, are different from before."""
    inputs: Mapping[str, int] = field(default_factory=dict)
    """The version of each table that it read."""
    marks: Mapping[str, frozenset[str]] | None = None
    """Of a bronze table: the marks of what was read of its source, by arrival window; none where the source gives no marks."""
    counts: Mapping[str, int] = field(default_factory=dict)
    rebuild: bool = False
    """Whether it replaced the whole table."""


def to_metadata(record: CommitRecord) -> dict[str, str]:
    """A record as the commit's custom metadata: version and timestamp aside, which the commit itself decides."""
    content = {
        "run_id": record.run_id,
        "step": record.step,
        "attempt": record.attempt,
        "asset": record.asset,
        "contract_version": record.contract_version,
        "clock": record.clock.isoformat(),
        "partitions": sorted(record.partitions),
        "windows": sorted(record.windows),
        "touched": sorted(day.isoformat() for day in record.touched),
        "inputs": dict(record.inputs),
        "counts": dict(record.counts),
        **({} if record.marks is None else {"marks": {day: sorted(marks) for day, marks in record.marks.items()}}),
        "rebuild": record.rebuild,
    }
    return {METADATA_KEY: json.dumps(content, ensure_ascii=False)}


def from_commit_info(version: int, info: Action) -> CommitRecord | None:
    """The record in a commit's own description, or None for a commit that is no publish (a table's creation, a new column, maintenance)."""
    if METADATA_KEY not in info:
        return None
    content: dict[str, Any] = json.loads(info[METADATA_KEY])
    return CommitRecord(
        version=version,
        timestamp=dt.datetime.fromtimestamp(info["timestamp"] / 1000, dt.UTC),
        run_id=content["run_id"],
        step=content["step"],
        attempt=content["attempt"],
        asset=content["asset"],
        contract_version=content["contract_version"],
        clock=dt.datetime.fromisoformat(content["clock"]),
        partitions=frozenset(content["partitions"]),
        windows=frozenset(content["windows"]),
        touched=frozenset(dt.date.fromisoformat(day) for day in content["touched"]),
        inputs=content["inputs"],
        marks={day: frozenset(marks) for day, marks in content["marks"].items()} if "marks" in content else None,
        counts=content["counts"],
        rebuild=content["rebuild"],
    )


def read_commits(
    storage: Storage, table: str, after_version: int = -1, until_version: int | None = None
) -> Iterator[CommitRecord]:
    """The publishes of a table in (after_version, until_version], newest first; all there are by default, none without a table.

    Read one at a time as they are asked for. Where old log files have expired, the oldest that is left is the last.
    """
    uri = storage.table_uri(table)
    for version in reversed(commit_versions(storage, uri)):
        if version <= after_version:
            return
        if until_version is not None and version > until_version:
            continue
        try:
            info = read_commit_info(storage, uri, version)
        except FileNotFoundError:  # expired since the log was listed, and so is everything before it
            return
        if record := from_commit_info(version, info):
            yield record
