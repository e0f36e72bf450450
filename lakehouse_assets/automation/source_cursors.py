"""What the sensors of sources remember from one look to the next, and what others learn from it.

Which tables a source can't tell of, since when, and when it is asked again; and since when a table's open day lacks what its source
was seen to hold. A cursor that can't be read is as good as none.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import dagster as dg

from io_managers.staleness import Outstanding, TableState

SUFFIX = "_arrivals"
"""Of the sensors' names, after the source's."""
_GRACE = dt.timedelta(minutes=5)
"""For how long over its time a sensor may not have looked, and still counts as one that is on."""


@dataclass(frozen=True)
class Away:
    """Tables that a source can't tell of."""

    what: str
    """The tables, or the source where it tells of none."""
    tables: tuple[str, ...]
    since: dt.datetime
    failures: int
    next_look: dt.datetime
    error: str

    def __str__(self) -> str:
        since, following = (f"{one:%Y-%m-%d %H:%M:%S}" for one in (self.since, self.next_look))
        return f"{self.what} can't be asked since {since} UTC ({self.failures} looks, the next at {following}): {self.error}"


@dataclass(frozen=True)
class Behind:
    """An open day lacks something that its source holds."""

    since: dt.datetime
    """When that was first seen after the day's last load."""
    load: int
    """The version that last loaded the day; -1 where none did."""


@dataclass(frozen=True)
class SourceCursor:
    """A sensor's memory."""

    away: Away | None = None
    behind: Mapping[str, Behind] = field(default_factory=dict)

    def text(self) -> str:
        """The cursor that Dagster keeps; empty where there is nothing to remember."""
        content = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(content, default=dt.datetime.isoformat) if content else ""


def read_source_cursor(text: str | None) -> SourceCursor:
    """What a cursor says."""
    try:
        content: dict[str, Any] = json.loads(text or "{}")
        away, behind = content.get("away"), content.get("behind", {})
        return SourceCursor(
            Away(**{**away, "tables": tuple(away["tables"]), **_moments(away, "since", "next_look")}) if away else None,
            {table: Behind(**{**one, **_moments(one, "since")}) for table, one in behind.items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return SourceCursor()


def _moments(content: Mapping[str, str], *names: str) -> dict[str, dt.datetime]:
    return {name: dt.datetime.fromisoformat(content[name]) for name in names}


def still_behind(
    before: Mapping[str, Behind],
    asked: Iterable[str],
    news: Iterable[Outstanding],
    states: Mapping[str, TableState],
    now: dt.datetime,
) -> dict[str, Behind]:
    """Since when tables' open day lacks something, after a look.

    Args:
        before: as of the look before.
        asked: the tables whose source told of them; the others are as they were.
        news: what these have to load.
        states: what the tables' logs say.
        now: when it was looked.
    """
    lacking = {one.table for one in news if one.day == now.date()}
    found = {table: one for table, one in before.items() if table not in set(asked)}
    for table in lacking:
        load = states[table].loads.get(now.date())
        seen = Behind(now, load.version if load else -1)
        # While data keeps arriving there is more at each look: what counts is that a load takes it in.
        found[table] = before[table] if table in before and before[table].load == seen.load else seen
    return found


def cursors_of_sources(instance: dg.DagsterInstance) -> dict[str, SourceCursor]:
    """By source: what its sensor remembers, of those that are on and have looked of late."""
    if instance.schedule_storage is None:  # an instance of one process, in which nothing looks
        return {}
    found = {}
    for one in instance.all_instigator_state():
        data = one.sensor_instigator_data
        if data is None or not one.is_running or not one.instigator_name.endswith(SUFFIX):
            continue
        silent = dt.datetime.now(dt.UTC) - dt.datetime.fromtimestamp(data.last_tick_timestamp or 0, dt.UTC)
        if silent <= 2 * dt.timedelta(seconds=data.min_interval or 0) + _GRACE:
            found[one.instigator_name.removesuffix(SUFFIX)] = read_source_cursor(data.cursor)
    return found


def sources_away(cursors: Mapping[str, SourceCursor]) -> dict[str, str]:
    """The sources that don't answer, and since when and why."""
    return {source: str(cursor.away) for source, cursor in cursors.items() if cursor.away}


def behind_since(cursors: Mapping[str, SourceCursor]) -> dict[str, dt.datetime]:
    """The tables whose open day lacks something, and since when."""
    return {table: one.since for cursor in cursors.values() for table, one in cursor.behind.items()}
