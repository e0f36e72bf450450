"""What tests say contracts and rows with: hand-made ones in, sorted tuples out."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from contracts.model import Column, Contract, Read

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Row = Mapping[str, Any]
MakeFrame = Callable[..., "DataFrame"]


def bare_contract(table: str, *reads: Read, **more: Any) -> Contract:
    """A contract that says as little as a contract can: what is loaded when depends on what it reads."""
    return Contract(
        table=table, version="1.0.0", title=table, description=table, grain="row", owner="team", mode="partitions",
        columns=(Column("day", "date", "day", required=True, key=True),), partition_column="day", available_by=dt.time(2),
        retention_days=365, reads=reads, **more,
    )  # fmt: skip


def exact(row: Row, schema: pa.Schema) -> dict[str, Any]:
    """Lets a test write dates, timestamps and decimals as text, also those in lists and structs."""
    return {name: _exact(value, schema.field(name).type) for name, value in row.items()}


def _exact(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, list) and pa.types.is_list(kind):
        return [_exact(item, kind.value_type) for item in value]
    if isinstance(value, Mapping) and pa.types.is_struct(kind):
        return {name: _exact(item, kind.field(name).type) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    if pa.types.is_date(kind):
        return dt.date.fromisoformat(value)
    if pa.types.is_timestamp(kind):
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
    return Decimal(value) if pa.types.is_decimal(kind) else value


def collected(frame: "DataFrame", *columns: str) -> list[tuple[Any, ...]]:
    """The rows as sorted tuples of the named columns; fails where the engine's rows aren't of the types that it announced."""
    rows = frame.select(*columns).toArrow().to_pylist()
    return sorted((tuple(row.values()) for row in rows), key=repr)
