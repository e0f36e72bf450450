"""The custom properties of a contract: what the lakehouse needs to know and the standard has no field for.

Each has one reader, which turns the value as written into what the contract model holds and says what it may be.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.code_lists import CODE_LISTS
from contracts.model import ENGINE_PROFILES, Conservation, Mask, Read
from contracts.problems import Problems

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_LAST_OFFSET = 3660
Reader = Callable[[Any], Any]


def _choice(*values: str) -> Reader:
    def read(value: Any) -> str:
        if value not in values:
            raise ValueError(f"{value!r} is none of {', '.join(values)}")
        return str(value)

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not text")
    return value.strip()


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")  # noqa: TRY004 (all readers raise ValueError)
    return value


def _count(least: int) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{value!r} is not a whole number of {least} or more")
        return value

    return read


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is not a share from 0 to 1")
    return float(value)


def _duration(value: Any) -> dt.timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError(f"{value!r} is not an ISO 8601 duration of days, hours, minutes and seconds, such as PT1H")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _reads(value: Any) -> tuple[Read, ...]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"it maps each table that is read to {_WHAT_IS_READ}")
    return tuple(_read(table, what) for table, what in value.items())


_WHAT_IS_READ = "`[first, last]` (days relative to the partition's), all, as_of, month, {since_month_of: first} or {before_month_of: first}"


def _read(table: str, what: Any) -> Read:
    if what in ("all", "as_of", "month"):
        return Read(table, what)
    if isinstance(what, dict) and len(what) == 1:
        kind, first = next(iter(what.items()))
        if kind in ("since_month_of", "before_month_of") and type(first) is int and -_LAST_OFFSET <= first <= 0:
            return Read(table, kind, first)
    if isinstance(what, list) and len(what) == 2 and all(type(day) is int and abs(day) <= _LAST_OFFSET for day in what):  # noqa: PLR2004
        first, last = what
        if first <= last <= 0:
            return Read(table, "days", first, last)
        raise ValueError(f"'{table}': {what} must ascend and end at 0 or before: later days are not there yet")
    raise ValueError(f"'{table}': {what!r} is none of {_WHAT_IS_READ}")


def _conserves(value: Any) -> Conservation:
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        if value.keys() == {"source"}:
            return Conservation(value["source"])
        if value.keys() == {"source", "measure", "expression"}:
            return Conservation(value["source"], value["measure"], value["expression"])
    raise ValueError("it has `source`, and `measure` with `expression` where a sum is conserved, not rows")


def _mask(value: Any) -> Mask:
    return Mask(_choice("hash", "initial", "last_two_digits", "hide")(value))


TABLE_PROPERTIES: Mapping[str, Reader] = {
    "writeMode": _choice("partitions", "changes"),
    "history": _choice("scd1", "scd2"),
    "sequence": _text,
    "businessDate": _text,
    "partitionDrift": _count(0),
    "deleteCondition": _text,
    "restatement": _count(0),
    "reads": _reads,
    "conserves": _conserves,
    "reconcile": _flag,
    "cursor": _text,
    "cursorFallback": _text,
    "openToPast": _flag,
    "windowDays": _count(1),
    "maxQuarantinedShare": _share,
    "allowedLateness": _duration,
    "live": _flag,
    "broadcast": _flag,
    "engineProfile": _choice(*ENGINE_PROFILES),
}
COLUMN_PROPERTIES: Mapping[str, Reader] = {
    "mask": _mask,
    "derived": _flag,
    "codeList": _choice(*CODE_LISTS),
}


def read_properties(
    items: Sequence[Mapping[str, Any]], readers: Mapping[str, Reader], problems: Problems
) -> dict[str, Any]:
    """The values by name; what is unknown, given twice or unreadable becomes a problem at its place."""
    values: dict[str, Any] = {}
    for index, item in enumerate(items):
        name, here = item["property"], problems.at("customProperties", index)
        if name not in readers:
            here.at("property").add(
                f"the lakehouse knows no such custom property here; it knows {', '.join(sorted(readers))}"
            )
        elif name in values:
            here.at("property").add("given twice")
        else:
            try:
                values[name] = readers[name](item["value"])
            except ValueError as error:
                here.at("value").add(str(error))
    return values
