"""One Spark on a JVM for all tests of this folder, with what makes small queries short."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts.model import Contract
from resources.engine import spark
from resources.engine.connect import connect
from resources.engine.spark import SparkEngine
from tests.parity.loading import load_demo
from tests.support import SharedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCALE = 0.05
INTERPRETED = {
    # To compile a query takes longer than to run it on a few rows.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture(scope="session")
def jvm_address() -> Iterator[list[str]]:
    """Where the server is, once it was started, with its token."""
    seen: list[str] = []

    def watched(address: str) -> "SparkSession":
        seen.append(address)
        return connect(address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark, "connect", watched)
        yield seen


@pytest.fixture(scope="session")
def lineage_events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Spark writes what each of its writes was made from, by OpenLineage: a JSON object a line."""
    return tmp_path_factory.mktemp("lineage") / "events.jsonl"


@pytest.fixture(scope="session")
def jvm(jvm_address: list[str], lineage_events: Path) -> "Iterator[SparkSession]":
    engine = SparkEngine(settings=INTERPRETED, lineage=lineage_events)
    yield engine.session()
    engine.close()


@pytest.fixture(scope="session")
def jvm_engine(jvm: "SparkSession") -> SharedEngine:
    return SharedEngine(jvm, "spark")


@pytest.fixture(scope="session")
def sail_engine(spark: "SparkSession") -> SharedEngine:
    return SharedEngine(spark)


@pytest.fixture(scope="session")
def loaded_by_jvm(
    jvm_engine: SharedEngine, contracts: Mapping[str, Contract], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The root of a lake of two days of the demo."""
    return load_demo(tmp_path_factory.mktemp("jvm"), jvm_engine, contracts, days=2, scale=SCALE).root


@pytest.fixture(scope="session")
def loaded_by_sail(
    sail_engine: SharedEngine, contracts: Mapping[str, Contract], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The root of a lake of the same two days."""
    return load_demo(tmp_path_factory.mktemp("sail"), sail_engine, contracts, days=2, scale=SCALE).root
