"""What each check of each table found when it last looked, from Dagster's event log."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lakehouse_assets.instance.home import CONFIGURATION, configured_home, prepare_home
from lakehouse_assets.lake import Lake

if TYPE_CHECKING:
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


def last_checks(lake: Lake) -> Mapping[str, list[LastCheck]]:
    """The last result of every check, by table. Opens Dagster's instance only where there is one."""
    from lakehouse_assets.definitions import build_definitions

    keys = build_definitions(lake).resolve_asset_graph().asset_check_keys
    records = _last_records(keys) if (configured_home() / CONFIGURATION).exists() else {}
    found: dict[str, list[LastCheck]] = {}
    for key in sorted(keys, key=lambda one: one.name):
        found.setdefault("/".join(key.asset_key.path), []).append(_result(key.name, records.get(key)))
    return found


def _last_records(keys: "Iterable[dg.AssetCheckKey]") -> "dict[dg.AssetCheckKey, Any]":
    import dagster as dg

    prepare_home()
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        newest: dict[dg.AssetCheckKey, Any] = dict(storage.get_latest_asset_check_execution_by_key(list(keys)))
        for key, record in newest.items():
            if record.status.value not in _FINISHED:
                history = storage.get_asset_check_execution_history(key, limit=_RECORDS)
                newest[key] = next((one for one in history if one.status.value in _FINISHED), None)
    return newest


def _result(name: str, record: Any) -> LastCheck:
    evaluation = record.event.asset_check_evaluation if record is not None and record.event is not None else None
    if evaluation is None:
        return LastCheck(name, "never")
    wrong: Result = "warning" if evaluation.severity.value == "WARN" else "failed"
    passed = evaluation.passed and evaluation.severity.value != "WARN"
    when = dt.datetime.fromtimestamp(record.event.timestamp, dt.UTC)
    return LastCheck(name, "passed" if passed else wrong, when, evaluation.description or "")
