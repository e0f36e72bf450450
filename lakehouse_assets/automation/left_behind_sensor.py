"""The sensor of runs that a killed process left behind: ends them, so that nothing waits for them and their days are asked for again."""

import datetime as dt

import dagster as dg

from lakehouse_assets.automation.ticks import running
from lakehouse_assets.instance.left_behind import end, runs_under_way
from lakehouse_assets.lake import Lake

SECONDS_BETWEEN_LOOKS = 30


def left_behind_sensor(lake: Lake) -> dg.SensorDefinition:
    """Looks after runs of this machine; what became of a process on another one can't be told from here."""

    @dg.sensor(
        name="left_behind_runs",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=running(lake.settings, dg.DefaultSensorStatus),
        description="Ends runs that Dagster believes to be under way although their process is gone.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        found = runs_under_way(context.instance, dt.datetime.now(dt.UTC))
        ended = [one.run.run_id for one in found if one.state == "gone" and end(context.instance, one)]
        return dg.SensorResult(
            skip_reason=f"ended, since their process is gone: {', '.join(ended)}" if ended else "nothing new"
        )

    return look
