"""All sensors and schedules of the lakehouse, as `definitions.py` registers them."""

import dagster as dg

from lakehouse_assets.automation.alert_sensor import alert_sensor
from lakehouse_assets.automation.conditions import condition_sensor
from lakehouse_assets.automation.left_behind_sensor import left_behind_sensor
from lakehouse_assets.automation.schedules import freshness_schedule, upkeep_schedule, whole_table_schedule
from lakehouse_assets.automation.source_sensors import source_sensors
from lakehouse_assets.automation.stale_sensor import stale_sensor
from lakehouse_assets.lake import Lake


def sensors(lake: Lake) -> list[dg.SensorDefinition]:
    """What looks every few seconds."""
    return [
        *source_sensors(lake),
        stale_sensor(lake),
        condition_sensor(lake),
        left_behind_sensor(lake),
        alert_sensor(lake),
    ]


def schedules(lake: Lake) -> list[dg.ScheduleDefinition]:
    """What the clock starts."""
    return [freshness_schedule(lake), whole_table_schedule(lake), upkeep_schedule(lake)]
