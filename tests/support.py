"""What tests say contracts and rows with: hand-made ones in, sorted tuples out."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from contracts.model import Column, Contract, Read
from io_managers.staleness import dependency_order
from resources.engine.interface import NO_WORK, Work
from resources.engine.sail import SailEngine
from resources.engine.spark import SparkEngine

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = Mapping[str, Any]
MakeFrame = Callable[..., "DataFrame"]


class SharedEngine:
    """The tests' session as the engine of every lake: closing it does nothing, since the next lake uses it too."""

    def __init__(self, session: "SparkSession", name: str = "sail") -> None:
        self.name = name
        kind = SailEngine if name == "sail" else SparkEngine
        self.s3_scheme, self.values_at_once = kind.s3_scheme, kind.values_at_once
        self._session = session

    def session(self, work: Work = NO_WORK) -> "SparkSession":
        return self._session

    def figures(self) -> Mapping[str, str | float]:
        return {}

    def close(self) -> None: ...


@contextmanager
def active(session: "SparkSession") -> Iterator[None]:
    """Makes a session the thread's active one, which Great Expectations takes: of several, PySpark keeps the first."""
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    before = getattr(ConnectSession._active_session, "session", None)
    ConnectSession._active_session.session = session
    try:
        yield
    finally:
        ConnectSession._active_session.session = before


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


def with_what_follows(table: str, contracts: Mapping[str, Contract]) -> set[str]:
    """A table, and all that are made of it."""
    found = {table}
    for name in dependency_order(contracts):
        if any(read.table in found for read in contracts[name].reads):
            found.add(name)
    return found
