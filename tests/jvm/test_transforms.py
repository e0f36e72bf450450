"""Every silver and gold function makes the same rows on both engines, whatever it is given."""

import inspect
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.model import Contract
from contracts.parse import load_contracts
from lakehouse_assets.definitions import table_function
from lakehouse_assets.load import upstream_name
from tests.jvm.random_tables import DAYS, random_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MADE = [table for table in load_contracts() if not table.startswith("bronze/")]


@pytest.mark.parametrize("table", MADE)
@settings(max_examples=1, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=True))
def test_a_table_is_made_of_the_same_rows(
    spark: "SparkSession", jvm: "SparkSession", contracts: Mapping[str, Contract], table: str, random: Random
) -> None:
    inputs = {read.table: random_table(contracts[read.table], random) for read in contracts[table].reads}
    assert made(jvm, contracts[table], inputs) == made(spark, contracts[table], inputs)


def made(session: "SparkSession", contract: Contract, inputs: Mapping[str, pa.Table]) -> Counter[str]:
    """The rows that a table's function makes, as text; those that an engine refuses to make, as the one word that all refusals share."""
    function = table_function(contract)
    assert function is not None
    frames: dict[str, Any] = {
        upstream_name(read): session.createDataFrame(inputs[read.table]) for read in contract.reads
    }
    if "days" in inspect.signature(function).parameters:
        frames["days"] = DAYS
    rows = function(**frames).toArrow().to_pylist()
    return Counter(str(sorted((name, shown(value)) for name, value in row.items())) for row in rows)


def shown(value: Any) -> str:
    """A value as text; of doubles as many digits as do not depend on the order in which they are added."""
    return f"{value:.10g}" if isinstance(value, float) else repr(value)
