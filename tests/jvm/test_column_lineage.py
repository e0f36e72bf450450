"""The column lineage that contracts declare is the one that Spark observes while it makes the tables."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.model import Contract
from tests.jvm.observed_lineage import Lineage, read_steps

OVERESTIMATED = {
    # Days and months meet in one union; months have no age, so that no window counts them, which Spark can't know.
    "gold/customer_360": {"gold/customer_daily", "gold/customer_monthly", "gold/dim_customers"},
    # Touches are packed in arrays of structs, of which Spark takes the parts for one value.
    "gold/marketing_attribution": {"silver/behavior", "gold/fct_orders"},
}
"""Tables of which Spark sees more columns in a column's values than are there, and from which tables."""


@pytest.fixture(scope="module")
def lineage(loaded_by_jvm: str, lineage_events: Path) -> Lineage:
    return Lineage(read_steps(lineage_events, loaded_by_jvm))


@pytest.fixture(scope="module")
def made(contracts: Mapping[str, Contract]) -> list[Contract]:
    """Those of silver and gold."""
    return [contract for contract in contracts.values() if contract.layer != "bronze"]


def test_every_table_of_silver_and_gold_was_observed(lineage: Lineage, made: list[Contract]) -> None:
    assert [contract.table for contract in made if not lineage.last_steps(contract.table)] == []


def test_what_contracts_declare_was_observed(
    lineage: Lineage, made: list[Contract], contracts: Mapping[str, Contract]
) -> None:
    def is_counted(table: str, column: str) -> bool:
        """Whether rows are counted by it: a count of rows names no column."""
        return any(one.key for one in contracts[table].columns if one.name == column)

    unseen = {
        (contract.table, column.name): missing
        for contract in made
        for column in contract.columns
        if (
            missing := {
                (source.table, source.column)
                for source in column.sources
                if not is_counted(source.table, source.column)
            }
            - lineage.seen(contract.table, column.name)
        )
    }
    assert unseen == {}


def test_what_was_observed_in_a_columns_values_is_declared(lineage: Lineage, made: list[Contract]) -> None:
    undeclared = {}
    for contract in made:
        # Columns of the lakehouse's own are no business of a contract's lineage.
        for column in (one for one in contract.columns if not one.name.startswith("_")):
            declared = {(source.table, source.column) for source in column.sources}
            more = lineage.direct(contract.table, column.name) - declared
            if more := {place for place in more if place[0] not in OVERESTIMATED.get(contract.table, ())}:
                undeclared[contract.table, column.name] = more
    assert undeclared == {}
