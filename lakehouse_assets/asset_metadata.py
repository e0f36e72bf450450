"""What Dagster shows of a table, derived from its contract: columns with constraints, lineage, owner, tags, kinds and group."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from contracts.model import Contract, UniqueRule


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
        "contract_version": contract.version,
        "grain": contract.grain,
        "available_by": f"{contract.available_by:%H:%M} UTC",
        "retention_days": contract.retention_days,
        **({"dagster/column_lineage": lineage} if (lineage := column_lineage(contract)) else {}),
    }


def column_schema(contract: Contract) -> dg.TableSchema:
    """Every column with its meaning and limits; the table's own rules as table constraints."""
    rules: dict[str, list[str]] = {}
    for rule in contract.row_rules:
        if rule.column is not None and not rule.name.endswith("_required"):
            rules.setdefault(rule.column, []).append(rule.description)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required,
                    unique=column.unique or contract.key == (column.name,),
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
                    f"unique: {', '.join(rule.columns)}" if isinstance(rule, UniqueRule) else rule.description
                    for rule in contract.table_rules
                ),
            ]
        ),
    )


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
