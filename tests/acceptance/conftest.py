"""Lakes of acceptance tests: made on demand, all with the session's engine and one home of Dagster's."""

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from lake_support import OwnLake
from oracle_comparison import greatest_by_hash
from oracle_silver import Greatest
from pyspark.sql import SparkSession

from contracts.model import Contract
from tests.support import SharedEngine

MakeLake = Callable[[Path, dt.date], OwnLake]


@pytest.fixture(scope="session")
def make_lake(
    spark: SparkSession, contracts: Mapping[str, Contract], tmp_path_factory: pytest.TempPathFactory
) -> MakeLake:
    """Makes an empty lake in a folder, which starts on a day. What is loaded and stale is in the lake, not in Dagster's home."""
    home = tmp_path_factory.mktemp("dagster_home")
    engine = SharedEngine(spark)
    return lambda folder, start: OwnLake(folder, home, engine, start, contracts)


@pytest.fixture(scope="session")
def greatest(spark: SparkSession, contracts: Mapping[str, Contract]) -> Greatest:
    """Decides between versions of one key and time, for the oracle."""
    return greatest_by_hash(spark, contracts)
