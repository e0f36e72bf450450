"""The sensor that raises and clears alerts, every half minute."""

import datetime as dt
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from lakehouse_assets.automation.source_cursors import behind_since, cursors_of_sources, sources_away
from lakehouse_assets.automation.ticks import running
from lakehouse_assets.lake import Lake
from resources.alerts.registry import make_channel

if TYPE_CHECKING:
    from lakehouse_assets.automation.alerting import Delivery, State
    from resources.alerts.interface import Channel

SECONDS_BETWEEN_LOOKS = 30
SECONDS_FOR_DELIVERY = 15
"""After which no other alert is sent in the same look: Dagster ends a look that takes a minute, and what it did is forgotten."""


def alert_sensor(lake: Lake) -> dg.SensorDefinition:
    """The sensor over a lake. Its cursor is the state of all alerts."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=running(lake.settings, dg.DefaultSensorStatus),
        description="Raises an alert for each condition that begins to hold, and clears it when it no longer does.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if context.repository_def is None:
            raise dg.DagsterInvariantViolationError("without its definitions no sensor knows which checks there are")
        checks = context.repository_def.asset_graph.asset_check_keys
        channel = make_channel(lake.settings.alerts.get_secret_value())
        cursors = cursors_of_sources(context.instance)
        cursor, summary = look_and_deliver(
            lake, context.instance, checks, context.cursor, channel, sources_away(cursors), behind_since(cursors)
        )
        context.update_cursor(cursor)
        return dg.SkipReason(summary)

    return alerts


def look_and_deliver(  # noqa: PLR0913, PLR0917 - here what finds conditions and what delivers alerts come together
    lake: Lake,
    instance: dg.DagsterInstance,
    checks: Iterable[dg.AssetCheckKey],
    text: str | None,
    channel: "Channel",
    unavailable: Mapping[str, str] = {},
    behind: Mapping[str, dt.datetime] = {},
) -> tuple[str, str]:
    """One look at everything, and the delivery of what it found.

    Args:
        lake: whose tables they are.
        instance: whose runs and checks they are.
        checks: those that tables have.
        text: the cursor after the last look; none, or a damaged one, before the first.
        channel: where alerts go.
        unavailable: sources that don't answer, and what is known of it.
        behind: tables whose open day lacks what their source holds, and since when.

    Returns:
        The next look's cursor, and a line that says what came of this one.
    """
    from lakehouse_assets.automation.alert_conditions import find_conditions
    from lakehouse_assets.automation.alerting import deliver, look
    from lakehouse_assets.automation.cursor import Cursor, read_cursor, write_cursor

    now = dt.datetime.now(dt.UTC)
    cursor = read_cursor(text)
    holding, events = find_conditions(lake, instance, checks, cursor.events, now, unavailable, behind)
    end = time.monotonic() + SECONDS_FOR_DELIVERY
    state, delivery = deliver(look(cursor.alerts, holding, now), channel.send, lambda: time.monotonic() < end)
    _log_failures(delivery, channel)
    return write_cursor(Cursor(state, events)), _summary(state, delivery, channel)


def _log_failures(delivery: "Delivery", channel: "Channel") -> None:
    import structlog

    logger = structlog.get_logger(__name__)
    for alert, reason in delivery.failures:
        logger.warning("alert not delivered", alert=alert.id, state=alert.state, channel=channel.name, reason=reason)


def _summary(state: "State", delivery: "Delivery", channel: "Channel") -> str:
    raised = sum(alert.state == "raised" for alert in delivery.delivered)
    holding, waiting = len(state.open), len(state.waiting)
    reason = f" ({delivery.failures[0][1]})" if delivery.failures else ""
    return (
        f"{holding} {'condition holds' if holding == 1 else 'conditions hold'}; delivered to {channel.name}: {raised} raised, "
        f"{len(delivery.delivered) - raised} cleared; {waiting} {'waits' if waiting == 1 else 'wait'} to be delivered{reason}"
    )
