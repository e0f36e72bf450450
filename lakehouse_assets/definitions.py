"""The code location: every table of the contracts as an asset, with its checks and resources. Nothing is opened here."""

from functools import partial
from importlib import import_module

import dagster as dg

from contracts.model import Contract
from io_managers.delta_io_manager import DeltaIOManager
from lakehouse_assets.automation.conditions import News, safety_net
from lakehouse_assets.automation.definitions import schedules, sensors
from lakehouse_assets.lake import Lake
from lakehouse_assets.partitions import daily
from lakehouse_assets.published_checks import freshness_check, identity_checks
from lakehouse_assets.settings import load_settings
from lakehouse_assets.table import IO_MANAGER, LAKE, TableFunction, table_asset, work_of
from lakehouse_assets.whole_table_checks import whole_table_checks


def table_function(contract: Contract) -> TableFunction | None:
    """The pure function of a silver or gold table: the one in `<layer>/<table>.py` that bears the table's name."""
    if contract.layer == "bronze":
        return None
    module = import_module(f"lakehouse_assets.{contract.layer}.{contract.name}")
    function: TableFunction = getattr(module, contract.name)
    return function


def build_definitions(lake: Lake) -> dg.Definitions:
    """The definitions over a lake: contracts say which tables there are."""
    return dg.Definitions.merge(
        build_loads(lake),
        dg.Definitions(
            asset_checks=whole_table_checks(lake.contracts, table_function),
            sensors=sensors(lake),
            schedules=schedules(lake),
        ),
    )


def build_loads(lake: Lake) -> dg.Definitions:
    """Those of them that a process needs which only loads tables: these and the checks that belong to a load."""
    partitions = daily(lake.settings)
    net = safety_net(News(lake))
    assets = [
        table_asset(
            contract,
            table_function(contract),
            partitions,
            lake.storage.table_uri(contract.table),
            None if contract.layer == "bronze" else net,
        )
        for contract in lake.contracts.values()
    ]
    return dg.Definitions(
        assets=assets,
        asset_checks=[
            *(freshness_check(contract) for contract in lake.contracts.values()),
            *identity_checks(lake.contracts),
        ],
        resources={
            LAKE: dg.ResourceDefinition.hardcoded_resource(lake),
            IO_MANAGER: dg.IOManagerDefinition(
                resource_fn=lambda context: DeltaIOManager(
                    lake.storage, lake.contracts, partial(lake.loading_session, work_of(context.dagster_run, lake))
                )
            ),
        },
        executor=dg.in_process_executor,
    )


defs = build_definitions(Lake(load_settings()))
