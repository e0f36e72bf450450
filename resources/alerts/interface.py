"""What an alert says, and what is asked of whatever delivers it.

How alerts are delivered is each channel's own matter; when they are raised and cleared is decided elsewhere.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, Protocol

from contracts.errors import PermanentError, RetryableError

Severity = Literal["warning", "error"]
State = Literal["raised", "cleared"]


class AlertUnavailableError(RetryableError):
    """An alert may not have been delivered: its receiver was away, busy or too slow."""


class AlertRefusedError(PermanentError):
    """An alert was not delivered, and will not be before its receiver, its address or a permission is changed."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One word about one condition: that it began to hold, or that it no longer does."""

    subject: str
    """The table, e.g. `gold/fct_orders`; where the condition is no one table's, `run <id>` or `source <name>`."""
    condition: str
    """What is wrong, e.g. `late` or `check_failed:rows`. A subject has each condition at most once at a time."""
    severity: Severity
    state: State
    summary: str
    """One line."""
    detail: str
    runbook: str
    """Where it stands what to do: a path in the project, with its section."""
    since: dt.datetime
    """When the condition began to hold, UTC."""
    at: dt.datetime
    """When it was noticed that it holds, or no longer holds, UTC."""

    @property
    def key(self) -> tuple[str, str]:
        """What an alert is about."""
        return self.subject, self.condition

    @property
    def id(self) -> str:
        """The same for what raises and what clears one spell of a condition, and for whatever is delivered twice."""
        return f"{self.subject} {self.condition} {self.since:%Y-%m-%dT%H:%M:%SZ}"

    def as_record(self) -> dict[str, str]:
        """The alert as JSON has it."""
        return {
            "id": self.id,
            "subject": self.subject,
            "condition": self.condition,
            "severity": self.severity,
            "state": self.state,
            "summary": self.summary,
            "detail": self.detail,
            "runbook": self.runbook,
            "since": f"{self.since:%Y-%m-%dT%H:%M:%SZ}",
            "at": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
        }


class Channel(Protocol):
    """Where alerts go."""

    @property
    def name(self) -> str:
        """What people may see of the address; never a secret."""
        ...

    def send(self, alert: Alert) -> None:
        """Delivers an alert, and returns once it is delivered.

        Raises:
            AlertUnavailableError: it is not known to be delivered; sending it again may succeed.
            AlertRefusedError: it was not delivered; something has to change first.
        """
        ...
