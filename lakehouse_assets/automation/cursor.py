"""What the sensor of alerts knows from one look to the next, as the text that Dagster keeps for it."""

from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from lakehouse_assets.automation.alerting import State
from lakehouse_assets.automation.run_events import Seen


@dataclass(frozen=True, slots=True)
class Cursor:
    """Alerts that are open or wait, and what Dagster's event log said."""

    alerts: State = field(default_factory=State)
    events: Seen = field(default_factory=Seen)


@dataclass(frozen=True, slots=True)
class _Versioned:
    """A text of another version is read as an empty one: what holds is then raised again, and nothing else."""

    version: Literal[1]
    cursor: Cursor


@cache
def _adapter() -> TypeAdapter[_Versioned]:
    return TypeAdapter(_Versioned)


def read_cursor(text: str | None) -> Cursor:
    """The cursor of a text; an empty one where there is none, or it is damaged."""
    try:
        return _adapter().validate_json(text or "").cursor
    except ValidationError:
        return Cursor()


def write_cursor(cursor: Cursor) -> str:
    """The text of a cursor."""
    return _adapter().dump_json(_Versioned(1, cursor), exclude_defaults=True).decode()
