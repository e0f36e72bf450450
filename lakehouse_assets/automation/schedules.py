"""Schedules, and the jobs that they start: freshness is judged by the clock, also while nothing is loaded."""

import dagster as dg

from asset_checks.whole_table import COMPLETE, KEYS
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation.ticks import EVERY_QUARTER, running
from lakehouse_assets.lake import Lake
from lakehouse_assets.published_checks import FRESHNESS, published_check_keys
from lakehouse_assets.whole_table_checks import WHOLE_TABLES

EVERY_SUNDAY = "30 4 * * 0"
"""After the day before is complete in gold."""


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


def whole_table_schedule(lake: Lake) -> dg.ScheduleDefinition:
    """Checks whole silver tables once a week, when the fewest people wait for an answer."""
    checks = [key for key in published_check_keys(lake.contracts, lake.contracts) if key.name in {KEYS, COMPLETE}]
    job = dg.define_asset_job(
        WHOLE_TABLES,
        selection=dg.AssetSelection.checks(*checks),
        description="Looks for keys that stand twice in a whole table, and for rows that got lost on the way from bronze; loads nothing.",
    )
    return dg.ScheduleDefinition(
        name="whole_tables_every_sunday",
        job=job,
        cron_schedule=EVERY_SUNDAY,
        execution_timezone="UTC",
        default_status=running(lake.settings, dg.DefaultScheduleStatus),
        description="Checks whole silver tables: keys that stand twice, and conservation from bronze.",
    )
