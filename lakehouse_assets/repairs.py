"""The commands that repair what nothing else does: days that are stale, and too old to be loaded by themselves."""

import datetime as dt
from collections.abc import Iterable

from contracts.days import ranges


def backfill_commands(table: str, days: Iterable[dt.date]) -> list[str]:
    """What loads days of a table at a prompt, whatever it holds of them: a command for each contiguous range."""
    return [f"lakehouse run {table} --from {first} --to {last}" for first, last in ranges(days)]
