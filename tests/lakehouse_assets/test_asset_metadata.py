"""What Dagster shows of tables, which is what their contracts say."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from contracts.model import (
    AggregateRule,
    Bounds,
    Column,
    ColumnSource,
    Constraint,
    Contract,
    RowRule,
    Severity,
    UniqueRule,
)
from lakehouse_assets.asset_metadata import (
    asset_key,
    code_references,
    column_lineage,
    column_schema,
    definition_metadata,
    tags,
)

CONTRACT = Contract(
    table="gold/things",
    version="2.1.0",
    title="Things",
    description="Things that were sold.",
    grain="One row a thing.",
    owner="team",
    columns=(
        Column("thing_id", "string", "The thing.", required=True, key=True, sources=(ColumnSource("silver/a", "id"),)),
        Column("email", "string", "Whose it is.", classification="restricted"),
        Column(
            "amount", "decimal(18,2)", "Its price.", sources=(ColumnSource("silver/a", "x"), ColumnSource("silver/b", "y")), logic="x * y",
        ),
        Column("code", "string", "Another name of it.", unique=True),
        Column("day", "date", "When.", required=True, logic="the partition's day"),
    ),
    mode="partitions",
    partition_column="day",
    available_by=dt.time(3, 5),
    retention_days=730,
    row_rules=(
        RowRule("thing_id_required", "thing_id is not null", Severity.ERROR, "completeness", "thing_id is given", "thing_id", Constraint("required")),
        RowRule("amount_minimum", "amount >= 0", Severity.ERROR, "conformity", "amount is at least 0", "amount"),
        RowRule("paid", "amount > 0 or email is null", Severity.WARNING, "consistency", "What is somebody's was paid."),
    ),
    table_rules=(
        UniqueRule("key", ("thing_id", "day"), Severity.ERROR, "uniqueness", "One row a thing and day."),
        AggregateRule("some", "count(*)", Bounds(above=0), Severity.WARNING, "coverage", "There are things."),
    ),
    tags=("sales", "things"),
)  # fmt: skip


def test_a_table_is_shown_under_its_layer_and_name() -> None:
    assert asset_key("gold/things") == dg.AssetKey(["gold", "things"])


def test_columns_are_shown_with_meaning_and_limits() -> None:
    columns = {column.name: column for column in column_schema(CONTRACT).columns}
    assert list(columns) == ["thing_id", "email", "amount", "code", "day"]
    assert (columns["code"].type, columns["code"].description) == ("string", "Another name of it.")
    assert {name: column.constraints.nullable for name, column in columns.items()} == {
        "thing_id": False, "email": True, "amount": True, "code": True, "day": False,
    }  # fmt: skip
    assert [name for name, column in columns.items() if column.constraints.unique] == ["thing_id", "code"]
    # That a column is required is said by `nullable` alone.
    assert {name: column.constraints.other for name, column in columns.items() if column.constraints.other} == {
        "amount": ["amount is at least 0"]
    }
    assert {name: column.tags for name, column in columns.items() if column.tags} == {
        "email": {"classification": "restricted"}
    }


def test_columns_are_shown_with_what_they_are_made_from() -> None:
    descriptions = {column.name: column.description for column in column_schema(CONTRACT).columns}
    assert descriptions["thing_id"] == "The thing.\n\nFrom [`silver/a.id`](/assets/silver/a)"
    assert descriptions["amount"] == (
        "Its price.\n\nFrom [`silver/a.x`](/assets/silver/a), [`silver/b.y`](/assets/silver/b): `x * y`"
    )
    assert descriptions["day"] == "When.\n\n`the partition's day`"


def test_what_bronze_comes_from_is_named_without_a_link() -> None:
    column = Column("id", "string", "The thing.", sources=(ColumnSource("shop/things", "id"),))
    shown = column_schema(replace(CONTRACT, table="bronze/things", columns=(column,))).columns
    assert [column.description for column in shown] == ["The thing.\n\nFrom `shop/things.id`"]


def test_a_column_is_not_unique_where_it_is_a_part_of_the_key() -> None:
    columns = tuple(replace(column, key=column.name in {"thing_id", "day"}) for column in CONTRACT.columns)
    assert unique_columns(replace(CONTRACT, columns=columns)) == ["code"]


def test_a_key_is_not_unique_where_repeats_or_versions_of_it_are_kept() -> None:
    assert unique_columns(replace(CONTRACT, table="bronze/things")) == ["code"]
    assert unique_columns(replace(CONTRACT, table="silver/things", mode="changes", history="scd2")) == ["code"]
    assert unique_columns(replace(CONTRACT, table="silver/things", mode="changes", history="scd1")) == [
        "thing_id",
        "code",
    ]


def unique_columns(contract: Contract) -> list[str]:
    return [column.name for column in column_schema(contract).columns if column.constraints.unique]


def test_what_is_unique_in_a_partition_is_shown_with_the_partitions_column() -> None:
    rule = UniqueRule("key", ("thing_id",), Severity.ERROR, "uniqueness", "One row a thing and day.")
    constraints = column_schema(replace(CONTRACT, table_rules=(rule,))).constraints
    assert constraints is not None
    assert "unique: thing_id, day" in constraints.other


def test_rules_of_whole_rows_and_of_the_table_are_shown_with_the_table() -> None:
    constraints = column_schema(CONTRACT).constraints
    assert constraints is not None
    assert constraints.other == ["What is somebody's was paid.", "unique: thing_id, day", "There are things."]


def test_lineage_names_every_column_that_a_column_is_made_from() -> None:
    lineage = column_lineage(CONTRACT)
    assert lineage is not None
    a, b = dg.AssetKey(["silver", "a"]), dg.AssetKey(["silver", "b"])
    assert lineage.deps_by_column == {
        "thing_id": [dg.TableColumnDep(a, "id")],
        "amount": [dg.TableColumnDep(a, "x"), dg.TableColumnDep(b, "y")],
    }


def test_bronze_has_no_lineage_since_its_sources_are_no_assets() -> None:
    bronze = replace(CONTRACT, table="bronze/things")
    assert column_lineage(bronze) is None
    assert "dagster/column_lineage" not in definition_metadata(bronze, "/lake/bronze/things")


def test_an_asset_tells_where_its_contract_and_files_are() -> None:
    metadata = definition_metadata(CONTRACT, "s3://bucket/gold/things")
    assert {
        "dagster/table_name": "gold.things",
        "dagster/uri": "s3://bucket/gold/things",
        "contract": "contracts/gold/things.odcs.yaml",
        "contract_version": "2.1.0",
        "grain": "One row a thing.",
        "available_by": "03:05 UTC",
        "retention_days": 730,
    }.items() <= metadata.items()
    assert metadata["dagster/column_schema"] == column_schema(CONTRACT)
    assert metadata["dagster/column_lineage"] == column_lineage(CONTRACT)


@pytest.mark.parametrize("table", ["bronze/snowflake_orders", "silver/orders", "gold/customer_360"])
def test_an_assets_files_are_there_for_an_editor_to_open(contracts: Mapping[str, Contract], table: str) -> None:
    found = code_references(contracts[table]).code_references
    assert [one.label for one in found] == ["Contract", "How its rows are made", "Runbooks"]
    assert all(isinstance(one, dg.LocalFileCodeReference) and Path(one.file_path).is_file() for one in found)


def test_tags_find_tables_by_layer_and_by_how_they_are_written() -> None:
    assert tags(CONTRACT) == {"layer": "gold", "write_mode": "partitions", "sales": "", "things": ""}


@pytest.mark.parametrize("layer", ["silver", "gold"])
def test_lineage_of_shipped_tables_leads_to_columns_that_are_there(
    contracts: Mapping[str, Contract], layer: str
) -> None:
    for contract in contracts.values():
        if contract.layer == layer:
            lineage = column_lineage(contract)
            assert lineage is not None
            for deps in lineage.deps_by_column.values():
                for dep in deps:
                    assert dep.column_name in contracts["/".join(dep.asset_key.path)].by_name
