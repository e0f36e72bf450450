"""Column types: the Spark DDL spelling that contracts use, and the Arrow type it means."""

import re

import pyarrow as pa

_SIMPLE: dict[str, pa.DataType] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def arrow_type(ddl: str) -> pa.DataType:
    """The Arrow type of a Spark DDL type: a simple one, `decimal(p,s)`, `array<t>`, `map<k,v>` or `struct<name:t,...>`.

    Raises:
        ValueError: the spelling is none of these; the message quotes it.
    """
    text = ddl.replace(" ", "")
    if text in _SIMPLE:
        return _SIMPLE[text]
    if match := _DECIMAL.fullmatch(text):
        return pa.decimal128(int(match[1]), int(match[2]))
    match nested(text):
        case "array", [item]:
            return pa.list_(arrow_type(item))
        case "map", [key, value]:
            return pa.map_(arrow_type(key), arrow_type(value))
        case "struct", parts if all(":" in part for part in parts):
            return pa.struct([(name, arrow_type(kind)) for name, kind in (part.split(":", 1) for part in parts)])
        case _:
            pass
    raise ValueError(
        f"'{ddl}' is no column type that contracts know: {', '.join(_SIMPLE)}, decimal(p,s), array<>, map<,> or struct<name:type>"
    )


def nested(ddl: str) -> tuple[str, list[str]]:
    """A type's name (`array`, `map`, `struct`, or the whole of a simple one) and what stands between its angle brackets, part by part."""
    outer, _, rest = ddl.partition("<")
    return (outer, _split(rest[:-1])) if rest.endswith(">") else (ddl, [])


def _split(text: str) -> list[str]:
    """The parts between commas that are outside all brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
