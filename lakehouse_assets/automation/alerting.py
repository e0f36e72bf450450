"""Which alerts are due: one when a condition begins to hold, one when it no longer does, each until it is delivered.

Nothing here looks at a lake or knows how alerts are delivered. A spell of a condition is the time from the first look at
which it holds to the first at which it doesn't.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from resources.alerts.interface import Alert, AlertRefusedError, AlertUnavailableError


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that isn't known to be delivered, and how often that was tried."""

    alert: Alert
    tried: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What has to be known from one look to the next."""

    open: tuple[Alert, ...] = ()
    """The alert that raised each spell that goes on, delivered or not; without detail, which clearing it doesn't need."""
    waiting: tuple[Waiting, ...] = ()
    """Those of one subject and condition in the order in which they came to be."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of delivering."""

    delivered: tuple[Alert, ...]
    failures: tuple[tuple[Alert, str], ...]
    """Each alert that was tried in vain, and why."""


def look(state: State, holding: Iterable[Alert], now: dt.datetime) -> State:
    """The state after a look at all conditions: an alert waits for each that began to hold, and for each that ended.

    Args:
        state: after the last look.
        holding: an alert for each condition that holds; of two about the same, the first counts.
        now: when it was looked.
    """
    held: dict[tuple[str, str], Alert] = {}
    for alert in holding:
        held.setdefault(alert.key, alert)
    known = {alert.key for alert in state.open}
    raised = [alert for key, alert in held.items() if key not in known]
    cleared = [replace(alert, state="cleared", at=now) for alert in state.open if alert.key not in held]
    return State(
        open=(
            *(alert for alert in state.open if alert.key in held),
            *(replace(alert, detail="") for alert in raised),
        ),
        waiting=(*state.waiting, *map(Waiting, (*cleared, *raised))),
    )


def deliver(
    state: State, send: Callable[[Alert], None], has_time: Callable[[], bool] = lambda: True
) -> tuple[State, Delivery]:
    """Sends what waits, and keeps what isn't known to be delivered.

    Alerts of one subject and condition go in their order, so that none is cleared that was never raised; those that were
    tried least go first, so that one that nobody takes holds up no other. When the receiver is away, or the time is over,
    the rest waits for the next time.

    Args:
        state: after a look.
        send: delivers one alert, or raises what a channel raises.
        has_time: says before each alert whether there is time for it.
    """
    queues: dict[tuple[str, str], list[Waiting]] = {}
    for one in state.waiting:
        queues.setdefault(one.alert.key, []).append(one)
    delivered: list[Alert] = []
    failures: list[tuple[Alert, str]] = []
    away = False
    for queue in sorted(queues.values(), key=lambda queue: queue[0].tried):
        while queue and not away and has_time():
            first = queue[0]
            try:
                send(first.alert)
            except (AlertRefusedError, AlertUnavailableError) as error:
                failures.append((first.alert, str(error)))
                queue[0] = replace(first, tried=first.tried + 1)
                away = isinstance(error, AlertUnavailableError)
                break
            delivered.append(first.alert)
            del queue[0]
    waiting = tuple(one for queue in queues.values() for one in queue)
    return replace(state, waiting=waiting), Delivery(tuple(delivered), tuple(failures))
