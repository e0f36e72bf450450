"""Reads a column's type: its logicalType, the Spark DDL spelling of its physicalType, and the parts of arrays, maps and structs."""

import re
from collections.abc import Mapping
from typing import Any

from contracts.problems import Problems
from contracts.types import arrow_type

_ONE_SPELLING = {"string": "string", "boolean": "boolean", "date": "date", "timestamp": "timestamp"}
"""The logical types that one column type stands for; numbers say which by physicalType."""
_LOGICAL = {
    **{physical: logical for logical, physical in _ONE_SPELLING.items()},
    "int": "integer",
    "bigint": "integer",
    "double": "number",
    "decimal": "number",
    "array": "array",
    "map": "map",
    "struct": "object",
}


def column_type(entry: Mapping[str, Any], place: Problems) -> str | None:
    """The type in Spark's DDL spelling without blanks, of a property, an array's items or a map's key or value.

    It is told by physicalType, by the parts (`items`, `map`, `properties`), or by a logicalType that has one spelling;
    where by several, they agree. None, reported, where it can't be told.
    """
    logical = entry.get("logicalType")
    if logical is None:
        place.add("logicalType is missing")
        return None
    of_parts = _type_of_parts(entry, place)
    if any(part in entry for part in ("items", "map", "properties")) and of_parts is None:
        return None
    told = entry.get("physicalType", of_parts or _ONE_SPELLING.get(logical))
    if told is None:
        place.add(f"physicalType is missing: logicalType {logical} has several")
        return None
    return _agreeing(str(told).replace(" ", ""), logical, of_parts, place)


def _agreeing(physical: str, logical: str, of_parts: str | None, place: Problems) -> str | None:
    try:
        arrow_type(physical)
    except ValueError as error:
        place.at("physicalType").add(str(error))
        return None
    meant = _LOGICAL[re.split(r"[(<]", physical)[0]]
    if logical != meant:
        place.at("physicalType").add(f"{physical} is of logicalType {meant}, not {logical}")
        return None
    if of_parts not in (None, physical):
        place.at("physicalType").add(f"{physical} is not what its parts are, {of_parts}")
        return None
    return physical


def _type_of_parts(entry: Mapping[str, Any], place: Problems) -> str | None:
    """The type that the parts of an array, a map or a struct make; None where it has none or one can't be told."""
    kind: str | None = None
    if "items" in entry:
        element = column_type(entry["items"], place.at("items"))
        kind = element and f"array<{element}>"
    elif "map" in entry:
        key = column_type(entry["map"]["key"], place.at("map", "key"))
        value = column_type(entry["map"]["value"], place.at("map", "value"))
        kind = key and value and f"map<{key},{value}>"
    elif "properties" in entry:
        fields = [
            (field["name"], column_type(field, place.at("properties", index)))
            for index, field in enumerate(entry["properties"])
        ]
        known = [f"{name}:{of_field}" for name, of_field in fields if of_field is not None]
        kind = f"struct<{','.join(known)}>" if known and len(known) == len(fields) else None
    return kind
