"""Values as JSON text that every engine spells alike, and that loses nothing."""

from collections.abc import Iterable

from contracts.row_rules import literal
from contracts.types import nested

JSON_OPTIONS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
"""What `to_json` is given. Without it, Spark on a JVM cuts instants off after milliseconds."""


def json_of_row(columns: Iterable[tuple[str, str, str]]) -> str:
    """The Spark SQL expression of a row as a JSON object; what is null is left out.

    Args:
        columns: of each its name in the object, the expression of its value, and its type.
    """
    return json_expression(
        f"named_struct({', '.join(f'{literal(name)}, {exact(value, kind)}' for name, value, kind in columns)})"
    )


def json_expression(value: str) -> str:
    """The Spark SQL expression of a struct, array or map as JSON; what is null in a struct is left out."""
    options = ", ".join(f"'{name}', \"{option}\"" for name, option in JSON_OPTIONS.items())
    return f"to_json({value}, map({options}))"


def exact(value: str, kind: str, depth: int = 0) -> str:
    """The expression of a value with each decimal in it as text: as numbers, the embedded engine would write them by way of a double.

    Args:
        value: the expression of the value.
        kind: its type, as Spark spells it.
        depth: how many names of nested values are taken.
    """
    if "decimal" not in kind:
        return value
    one = f"_value_{depth}"
    match nested(kind.replace(" ", "")):
        case "array", [item]:
            return f"transform({value}, {one} -> {exact(one, item, depth + 1)})"
        case "map", [_, item]:
            values = exact(f"map_values({value})", f"array<{item}>", depth)
            return f"map_from_arrays(map_keys({value}), {values})"
        case "struct", parts:
            fields = (part.split(":", 1) for part in parts)
            row = ", ".join(f"{literal(name)}, {exact(f'{value}.`{name}`', item, depth)}" for name, item in fields)
            return f"case when {value} is not null then named_struct({row}) end"
        case _:
            return f"cast({value} as string)"
