"""Schedules, and the jobs that they start: freshness is judged by the clock, also while nothing is loaded."""

import dagster as dg

from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation.ticks import EVERY_QUARTER, running
from lakehouse_assets.lake import Lake
from lakehouse_assets.published_checks import FRESHNESS


def freshness_schedule(lake: Lake) -> dg.ScheduleDefinition:
    """Judges every table's freshness by its SLA, every quarter of an hour."""
    checks = [dg.AssetCheckKey(asset_key(table), FRESHNESS) for table in lake.contracts]
    job = dg.define_asset_job(
        FRESHNESS,
        selection=dg.AssetSelection.checks(*checks),
        description="Judges the freshness of every table by its SLA; loads nothing.",
    )
    return dg.ScheduleDefinition(
        name="freshness_every_quarter_of_an_hour",
        job=job,
        cron_schedule=EVERY_QUARTER,
        execution_timezone="UTC",
        default_status=running(lake.settings, dg.DefaultScheduleStatus),
        description="Judges the freshness of every table by its SLA, also while nothing is loaded.",
    )
