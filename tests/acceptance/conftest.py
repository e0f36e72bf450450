"""Lakes of acceptance tests: made on demand, all with the session's engine and one home of Dagster's."""

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from lake_support import OwnLake
from oracle_comparison import greatest_by_hash
from oracle_silver import Greatest
from pyspark.sql import SparkSession

from contracts.model import Contract
from lakehouse_assets.lake import made_from
from tests.support import SharedEngine


class MakeLake(Protocol):
    """Makes an empty lake in a folder, which starts on a day, of all tables or of some and what they are made from."""

    def __call__(self, folder: Path, start: dt.date, tables: Iterable[str] = ...) -> OwnLake: ...


@pytest.fixture(scope="session")
def make_lake(
    spark: SparkSession, contracts: Mapping[str, Contract], tmp_path_factory: pytest.TempPathFactory
) -> MakeLake:
    """What is loaded and stale is in a lake, not in Dagster's home."""
    home = tmp_path_factory.mktemp("dagster_home")
    engine = SharedEngine(spark)

    def make(folder: Path, start: dt.date, tables: Iterable[str] = tuple(contracts)) -> OwnLake:
        needed = {name for table in tables for name in made_from(contracts, table)}
        return OwnLake(folder, home, engine, start, {table: contracts[table] for table in contracts if table in needed})

    return make


@pytest.fixture(scope="session")
def greatest(spark: SparkSession, contracts: Mapping[str, Contract]) -> Greatest:
    """Decides between versions of one key and time, for the oracle."""
    return greatest_by_hash(spark, contracts)
