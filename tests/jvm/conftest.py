"""One Spark on a JVM for all tests of this folder, with what makes small queries short."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from io_managers.storage import Storage
from resources.engine import spark
from resources.engine.connect import connect
from resources.engine.spark import SparkEngine
from tests.support import SharedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

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
def jvm(jvm_address: list[str]) -> "Iterator[SparkSession]":
    engine = SparkEngine(settings=INTERPRETED)
    yield engine.session()
    engine.close()


@pytest.fixture(scope="session")
def jvm_engine(jvm: "SparkSession") -> SharedEngine:
    return SharedEngine(jvm, "spark")


@pytest.fixture(scope="session")
def sail_engine(spark: "SparkSession") -> SharedEngine:
    return SharedEngine(spark)


@pytest.fixture
def storage(root: str) -> Storage:
    """An empty lake in a folder."""
    return Storage(root)
