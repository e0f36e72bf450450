"""Schedules, and the jobs that they start: freshness is judged by the clock, also while nothing is loaded."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import dagster as dg

from asset_checks.whole_table import COMPLETE, KEYS
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation.ticks import EVERY_QUARTER, running
from lakehouse_assets.lake import Lake
from lakehouse_assets.published_checks import FRESHNESS, published_check_keys
from lakehouse_assets.upkeep import upkeep_job
from lakehouse_assets.whole_table_checks import WHOLE_TABLES

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

EVERY_SUNDAY = "30 4 * * 0"
"""After the day before is complete in gold."""


def freshness_schedule(lake: Lake) -> dg.ScheduleDefinition:
    """Judges every table's freshness by its SLA, every quarter of an hour."""
    return _checks_by_the_clock(
        lake,
        "freshness_every_quarter_of_an_hour",
        EVERY_QUARTER,
        FRESHNESS,
        [dg.AssetCheckKey(asset_key(table), FRESHNESS) for table in lake.contracts],
        "Judges the freshness of every table by its SLA, also while nothing is loaded.",
    )


def whole_table_schedule(lake: Lake) -> dg.ScheduleDefinition:
    """Checks whole silver tables once a week, when the fewest people wait for an answer."""
    return _checks_by_the_clock(
        lake,
        "whole_tables_every_sunday",
        EVERY_SUNDAY,
        WHOLE_TABLES,
        [key for key in published_check_keys(lake.contracts, lake.contracts) if key.name in {KEYS, COMPLETE}],
        "Checks whole silver tables: keys that stand twice, and rows that got lost on the way from bronze.",
    )


def upkeep_schedule(lake: Lake) -> dg.ScheduleDefinition:
    """Removes files that no readable version of a table needs, once a week."""
    job = upkeep_job()
    return _by_the_clock(lake, "upkeep_every_sunday", EVERY_SUNDAY, job, job.description or "")


def _checks_by_the_clock(  # noqa: PLR0913, PLR0917
    lake: Lake, name: str, cron: str, job: str, checks: Iterable[dg.AssetCheckKey], description: str
) -> dg.ScheduleDefinition:
    """A schedule of a job that evaluates checks of published tables, and loads nothing."""
    selected = dg.define_asset_job(job, selection=dg.AssetSelection.checks(*checks), description=description)
    return _by_the_clock(lake, name, cron, selected, description)


def _by_the_clock(
    lake: Lake, name: str, cron: str, job: "dg.JobDefinition | UnresolvedAssetJobDefinition", description: str
) -> dg.ScheduleDefinition:
    """A schedule in UTC that runs unless the settings turn automation off."""
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=running(lake.settings, dg.DefaultScheduleStatus),
        description=description,
    )
