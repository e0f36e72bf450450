"""What each check found when it last looked, as Dagster's event log has it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

Result = Literal["passed", "warning", "failed", "never"]
_FINISHED = frozenset({"SUCCEEDED", "FAILED"})
"""Of a check's records; the others are of runs that plan to look, or were ended before they did."""
_RECORDS = 20
"""How far back a result is looked for behind records of runs that were ended before they looked."""


@dataclass(frozen=True, slots=True)
class LastCheck:
    """A check's last result: `warning` is something to look at, `never` that it hasn't looked yet."""

    check: str
    result: Result
    when: dt.datetime | None = None
    message: str = ""


def last_results(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]) -> dict[dg.AssetCheckKey, LastCheck]:
    """The last result of each check."""
    storage = instance.event_log_storage
    wanted = list(keys)
    newest: dict[dg.AssetCheckKey, Any] = dict(storage.get_latest_asset_check_execution_by_key(wanted))
    for key, record in newest.items():
        if record.status.value not in _FINISHED:
            history = storage.get_asset_check_execution_history(key, limit=_RECORDS)
            newest[key] = next((one for one in history if one.status.value in _FINISHED), None)
    return {key: _result(key.name, newest.get(key)) for key in wanted}


def _result(name: str, record: Any) -> LastCheck:
    evaluation = record.event.asset_check_evaluation if record is not None and record.event is not None else None
    if evaluation is None:
        return LastCheck(name, "never")
    wrong: Result = "warning" if evaluation.severity.value == "WARN" else "failed"
    passed = evaluation.passed and evaluation.severity.value != "WARN"
    when = dt.datetime.fromtimestamp(record.event.timestamp, dt.UTC)
    return LastCheck(name, "passed" if passed else wrong, when, evaluation.description or "")
