"""What the automation's sensors and schedules have in common: when they run, what they know, and the one line that a tick says."""

from collections.abc import Iterable
from typing import TypeVar

import dagster as dg

from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation.news import Moment
from lakehouse_assets.automation.requests import Decision, Verdict
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings

EVERY_QUARTER = "*/15 * * * *"
"""When freshness is judged, and gold that isn't live follows: each quarter of an hour."""
_TABLES_NAMED = 3

Status = TypeVar("Status", dg.DefaultSensorStatus, dg.DefaultScheduleStatus)


def running(settings: Settings, status: type[Status]) -> Status:
    """Sensors and schedules run unless the settings say otherwise; the UI overrules both."""
    return status.RUNNING if settings.automation == "on" else status.STOPPED


def moment_of(lake: Lake) -> Moment:
    """What the tables' logs say now; sources are not asked."""
    return Moment(lake.contracts, lake.states(), lake.settings.start_date, lake.settings.clock())


def made_from_tables(lake: Lake) -> dg.AssetSelection:
    """Silver and gold."""
    return dg.AssetSelection.assets(
        *(asset_key(table) for table, contract in lake.contracts.items() if contract.layer != "bronze")
    )


def as_result(decision: Decision, told: Iterable[str] = (), **more: object) -> dg.SensorResult:
    """The run that a decision asks for, or why there is none, after what else is told."""
    if decision.request is not None:
        return dg.SensorResult(run_requests=[decision.request], **more)  # type: ignore[arg-type]
    return dg.SensorResult(skip_reason="; ".join([*told, reason(decision)]), **more)  # type: ignore[arg-type]


def reason(decision: Decision) -> str:
    """Why a decision asks for nothing."""
    held = {verdict: sorted(table for table, one in decision.held.items() if one is verdict) for verdict in Verdict}
    parts = [f"{verdict}: {_named(tables)}" for verdict, tables in held.items() if tables]
    return "; ".join(parts) or "nothing new"


def _named(tables: list[str]) -> str:
    shown = ", ".join(tables[:_TABLES_NAMED])
    return shown if len(tables) <= _TABLES_NAMED else f"{shown} and {len(tables) - _TABLES_NAMED} more"
