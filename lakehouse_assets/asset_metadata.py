"""What Dagster shows of a table, derived from its contract: columns with constraints, lineage, owner, tags, kinds and group."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from asset_checks.runbooks import FOLDER
from contracts.model import Column, ColumnSource, Contract, UniqueRule


def asset_key(table: str) -> dg.AssetKey:
    """`silver/orders` as an asset key."""
    return dg.AssetKey(table.split("/"))


def step_key(table: str) -> str:
    """The key of the step that loads a table."""
    return table.replace("/", "__")


def definition_metadata(contract: Contract, uri: str) -> dict[str, Any]:
    """Metadata of the asset's definition."""
    return {
        "dagster/column_schema": column_schema(contract),
        "dagster/table_name": contract.table.replace("/", "."),
        "dagster/uri": uri,
        "contract": f"contracts/{contract.table}.odcs.yaml",
        "dagster/code_references": code_references(contract),
        "contract_version": contract.version,
        "grain": contract.grain,
        "available_by": f"{contract.available_by:%H:%M} UTC",
        "retention_days": contract.retention_days,
        **({"dagster/column_lineage": lineage} if (lineage := column_lineage(contract)) else {}),
    }


def code_references(contract: Contract) -> dg.CodeReferencesMetadataValue:
    """The files that say what the table is, how it is made and what to do when it is not, for an editor to open."""
    project = Path(__file__).parents[1]
    made_in = "resources/sources/interface" if contract.layer == "bronze" else f"lakehouse_assets/{contract.table}"
    files = {
        "Contract": f"contracts/{contract.table}.odcs.yaml",
        "How its rows are made": f"{made_in}.py",
        "Runbooks": f"{FOLDER}/README.md",
    }
    return dg.CodeReferencesMetadataValue(
        code_references=[
            dg.LocalFileCodeReference(file_path=str(project / file), line_number=1, label=label)
            for label, file in files.items()
        ]
    )


def column_schema(contract: Contract) -> dg.TableSchema:
    """Every column with its meaning and limits; the table's own rules as table constraints."""
    rules: dict[str, list[str]] = {}
    # Bronze keeps repeats of a key, history its versions.
    one_row_a_key = contract.layer != "bronze" and contract.history != "scd2"
    for rule in contract.row_rules:
        if rule.column is not None and not rule.name.endswith("_required"):
            rules.setdefault(rule.column, []).append(rule.description)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=_column_description(contract, column),
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required,
                    unique=column.unique or (one_row_a_key and contract.key == (column.name,)),
                    other=rules.get(column.name, []),
                ),
                tags={"classification": column.classification} if column.classification else {},
            )
            for column in contract.columns
        ],
        constraints=dg.TableConstraints(
            other=[
                *(rule.description for rule in contract.row_rules if rule.column is None),
                *(
                    _unique(contract, rule) if isinstance(rule, UniqueRule) else rule.description
                    for rule in contract.table_rules
                ),
            ]
        ),
    )


def _unique(contract: Contract, rule: UniqueRule) -> str:
    """The rule holds within a partition, hence the partition's column is one of what tells rows apart."""
    return f"unique: {', '.join(dict.fromkeys((*rule.columns, contract.partition_column)))}"


def _column_description(contract: Contract, column: Column) -> str:
    """What a column means and what it is made from, with links to the tables there, as Markdown.

    Lineage of columns is followed here: Dagster's own UI doesn't show `dagster/column_lineage`, which other tools read.
    """
    origins = ", ".join(_origin(contract, source) for source in column.sources)
    made = [f"From {origins}"] if origins else []
    if column.logic:
        made.append(f"`{column.logic}`")
    return "\n\n".join([column.description, *([": ".join(made)] if made else [])])


def _origin(contract: Contract, source: ColumnSource) -> str:
    name = f"`{source.table}.{source.column}`"
    # What bronze comes from are tables of a source, which are no assets.
    return name if contract.layer == "bronze" else f"[{name}](/assets/{source.table})"


def column_lineage(contract: Contract) -> dg.TableColumnLineage | None:
    """From which columns of which assets each column is made; none for bronze, whose sources are no assets."""
    if contract.layer == "bronze":
        return None
    return dg.TableColumnLineage(
        {
            column.name: [dg.TableColumnDep(asset_key(source.table), source.column) for source in column.sources]
            for column in contract.columns
            if column.sources
        }
    )


def tags(contract: Contract) -> Mapping[str, str]:
    """Dagster's tags: the layer, how the table is written, and the contract's own."""
    return {"layer": contract.layer, "write_mode": contract.mode, **dict.fromkeys(contract.tags, "")}
