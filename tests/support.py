"""What tests say rows with: hand-made ones in, sorted tuples out."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Row = Mapping[str, Any]
MakeFrame = Callable[..., "DataFrame"]


def exact(row: Row, schema: pa.Schema) -> dict[str, Any]:
    """Lets a test write dates, timestamps and decimals as text."""

    def convert(name: str, value: Any) -> Any:
        kind = schema.field(name).type
        if not isinstance(value, str):
            return value
        if pa.types.is_date(kind):
            return dt.date.fromisoformat(value)
        if pa.types.is_timestamp(kind):
            return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
        if pa.types.is_decimal(kind):
            return Decimal(value)
        return value

    return {name: convert(name, value) for name, value in row.items()}


def collected(frame: "DataFrame", *columns: str) -> list[tuple[Any, ...]]:
    """The rows as sorted tuples of the named columns; fails where the engine's rows aren't of the types that it announced."""
    rows = frame.select(*columns).toArrow().to_pylist()
    return sorted((tuple(row.values()) for row in rows), key=repr)
