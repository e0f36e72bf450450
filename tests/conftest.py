"""Fixtures that many tests share: the embedded engine's session, the contracts, an empty lake, and rows of a table made by hand."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from contracts.model import Contract
from tests.support import MakeFrame, Row, exact

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from io_managers.storage import Storage
    from tests.lake_processes import LakeProcesses

collect_ignore = ["ui", "jvm"]
"""Tests in a browser need chromium, and others Java. They run where their folder is named, as `make test-ui` and `make test-jvm` do."""


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """One session of the embedded engine for all tests of a worker."""
    from resources.engine.sail import SailEngine

    engine = SailEngine()
    yield engine.session()
    engine.close()


@pytest.fixture(scope="session")
def contracts() -> Mapping[str, Contract]:
    from contracts.parse import load_contracts

    return load_contracts()


@pytest.fixture(scope="session")
def processes() -> "Iterator[LakeProcesses]":
    """Runs `lakehouse` commands in processes of their own."""
    from tests.lake_processes import lake_processes

    with lake_processes() as started:
        yield started


@pytest.fixture
def root(tmp_path: Path) -> str:
    """The folder of an empty lake."""
    return str(tmp_path / "lake")


@pytest.fixture
def storage(root: str) -> "Storage":
    """An empty lake in a folder."""
    from io_managers.storage import Storage

    return Storage(root)


@pytest.fixture
def rows_of(spark: "SparkSession", contracts: Mapping[str, Contract]) -> MakeFrame:
    """Makes a DataFrame of a table's contract from rows that name the columns that matter; the others are null."""

    def make(table: str, *rows: Row) -> "DataFrame":
        schema = pa.schema(field.with_nullable(True) for field in contracts[table].arrow_schema)
        unknown = {name for row in rows for name in row} - set(schema.names)
        assert not unknown, f"{table} has no {unknown}"
        # The session can't make an empty DataFrame of an Arrow table.
        made = spark.createDataFrame(pa.Table.from_pylist([exact(row, schema) for row in rows] or [{}], schema=schema))
        return made if rows else made.where("false")

    return make
