"""The sensor of late data: asks which closed days of silver and gold are missing or stale, and for a run of exactly those.

It asks the tables' logs, not Dagster's events: a crash after a commit, a backfill and a command at a prompt make days stale
that no event tells of. Days that lie before a table's restatement window are reported on the asset, with the command that
loads them.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from contracts.days import day_range, ranges
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation.news import beyond_restatement, digest, late_news
from lakehouse_assets.automation.requests import decide
from lakehouse_assets.automation.ticks import as_result, made_from_tables, moment_of, running
from lakehouse_assets.lake import Lake
from lakehouse_assets.repairs import backfill_commands

SECONDS_BETWEEN_LOOKS = 10


def stale_sensor(lake: Lake) -> dg.SensorDefinition:
    """The one sensor of late data."""

    @dg.sensor(
        name="stale_partitions",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=running(lake.settings, dg.DefaultSensorStatus),
        target=made_from_tables(lake),
        description="Loads closed days of silver and gold that late data, a correction or a crash made stale; reports those that are too old.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return tick(lake, context.instance, context.cursor)

    return look


def tick(lake: Lake, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    """One look. The cursor holds which days too old to be loaded have been reported, a short text a table."""
    moment = moment_of(lake)
    decision = decide(instance, moment, lambda held: late_news(moment, held))
    beyond = beyond_restatement(moment)
    reported: dict[str, str] = json.loads(cursor) if cursor else {}
    digests = {table: digest(days) for table, days in beyond.items()}
    new = {table: days for table, days in beyond.items() if digests[table] != reported.get(table)}
    return as_result(decision, asset_events=list(_reports(new)), cursor=json.dumps(digests) if digests else "")


def _reports(beyond: Mapping[str, Sequence[dt.date]]) -> Iterator[dg.AssetObservation]:
    for table, days in beyond.items():
        yield dg.AssetObservation(
            asset_key(table),
            description=f"{len(days)} days before the restatement window are stale; a backfill of them repairs them.",
            metadata={
                "stale_days": ", ".join(day_range(*span) for span in ranges(days)),
                "repaired_by": dg.MetadataValue.md(
                    "\n".join(f"    {command}" for command in backfill_commands(table, days))
                ),
            },
        )
