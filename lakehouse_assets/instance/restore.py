"""What Dagster should know and doesn't: days that a table's log holds, published by runs that ended before Dagster was told.

A process that is killed between a commit and the storing of its events leaves such days. They are loaded, so nothing
loads them again; here Dagster is told afterwards.
"""

from collections.abc import Mapping

import dagster as dg

from io_managers.staleness import TableState
from lakehouse_assets.asset_metadata import asset_key


def restore_materializations(instance: dg.DagsterInstance, states: Mapping[str, TableState]) -> int:
    """Reports every loaded day that Dagster has no materialization of. Returns how many there were."""
    restored = 0
    for table, state in states.items():
        known = instance.get_materialized_partitions(asset_key(table))
        for day in sorted(state.loaded):
            if day.isoformat() not in known:
                load = state.loads.get(day)
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(
                        asset_key(table),
                        description="Published by a run that ended before Dagster was told; read back from the table's log.",
                        metadata={"visible_version": load.version} if load else {},
                        partition=day.isoformat(),
                    )
                )
                restored += 1
    return restored
