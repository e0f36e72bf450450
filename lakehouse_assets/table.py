"""What makes a Dagster asset of a contract and a pure function: inputs, load, checks, publication, and metadata.

Everything that all tables share is here, once. A table's own module holds its function and nothing else.
"""

import datetime as dt
import inspect
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from asset_checks.dagster_results import audit_results, reconciliation_result
from asset_checks.expectations import expectation_rules, start_import
from asset_checks.report import broken_errors
from contracts.days import days_between
from contracts.errors import PermanentError
from contracts.model import Contract
from io_managers.delta_io_manager import READER, DeltaIOManager
from io_managers.failures import RETRIES, only_what_may_pass_is_retried
from lakehouse_assets.asset_metadata import asset_key, definition_metadata, tags
from lakehouse_assets.bronze.extraction import prepare_bronze
from lakehouse_assets.lake import Lake, TableLoaded
from lakehouse_assets.load import (
    Load,
    Prepared,
    conserved,
    masked,
    narrow,
    prepare_partitions,
    rows_of_days,
    totals,
    upstream_name,
)
from lakehouse_assets.silver_load import prepare_changes, windows_of
from resources.engine.interface import NO_WORK, Work
from resources.engine.profiles import largest
from resources.sources.interface import Extraction, source_table

TableFunction = Callable[..., DataFrame]

LAKE = "lake"
IO_MANAGER = "delta"
BLOCKING_CHECKS = {
    "schema": "The staged columns are the contract's.",
    "rows": "Rows that break an error rule are set aside, and are no more than the contract's share.",
    "table": "The rows taken together meet the contract's table rules.",
    "conserved": "Nothing is lost: what was read is published, superseded or quarantined.",
}
RECONCILED = "reconciled"
LAST_IN_LINE = {"dagster/priority": "-1"}
"""Of tables that need Great Expectations: while it is imported, a run goes on with the others."""
RUN_CONFIG = {
    "rebuild": dg.Field(
        bool,
        default_value=False,
        description="Make the whole table anew: silver from all of bronze, others from the run's days, which must be all.",
    )
}


def table_asset(
    contract: Contract,
    function: TableFunction | None,
    partitions: dg.PartitionsDefinition,
    uri: str,
    condition: dg.AutomationCondition[Any] | None = None,
) -> dg.AssetsDefinition:
    """The asset of a table. Bronze has no function: its rows come from the source that its columns name."""
    with warnings.catch_warnings():
        # The pinned Dagster warns of each single-run backfill policy that it is beta; the project is built on it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        decorate = dg.asset(
            key=asset_key(contract.table),
            ins=_inputs(contract, function),
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            io_manager_key=IO_MANAGER,
            required_resource_keys={LAKE, IO_MANAGER},
            check_specs=list(check_specs(contract)),
            config_schema=RUN_CONFIG,
            description=_description(contract),
            metadata=definition_metadata(contract, uri),
            group_name=contract.layer,
            owners=[f"team:{contract.owner}"],
            kinds={"delta", _origin(contract)},
            tags=tags(contract),
            retry_policy=RETRIES,
            pool=pool(contract),
            automation_condition=condition,
            freshness_policy=freshness_policy(contract.available_by) if contract.layer == "gold" else None,
            code_version=contract.version,
            op_tags=LAST_IN_LINE if expectation_rules(contract) else None,
        )

    def compute(context: dg.AssetExecutionContext, **inputs: Any) -> Iterator[Any]:
        yield from _load_table(context, contract, function, inputs)

    return decorate(compute)


def pool(contract: Contract) -> str:
    """What a load has to itself: its source in bronze, which bounds the load on that too, else its table.

    One writer a table wastes no work; that two can't both win is publish's matter.
    """
    return source_table(contract)[0] if contract.layer == "bronze" else contract.table.replace("/", "_")


@cache  # Dagster goes through a thousand ticks of a schedule before it takes it, for each of a dozen tables with the same one.
def freshness_policy(by: dt.time) -> dg.FreshnessPolicy:
    """A dead-man's switch, beside the check of freshness: by the SLA's time of day, something was loaded within a day.

    It looks at when anything was last loaded, so that a backfill of old days satisfies it, and the check alone says
    whether the data is fresh.
    """
    return dg.FreshnessPolicy.cron(f"{by.minute} {by.hour} * * *", lower_bound_delta=dt.timedelta(days=1))


def _load_table(
    context: dg.AssetExecutionContext, contract: Contract, function: TableFunction | None, inputs: Mapping[str, Any]
) -> Iterator[Any]:
    started = time.monotonic()
    lake: Lake = context.resources.lake
    tables: DeltaIOManager = context.resources.delta
    days = _days(context)
    with only_what_may_pass_is_retried():
        rebuild: bool = context.op_execution_context.op_config["rebuild"]
        load = Load(
            contract=contract,
            storage=lake.storage,
            session=lake.loading_session(work_of(context.run, lake)),
            snapshot=tables.snapshot(contract.table, rebuild=rebuild),
            days=days,
            run_id=context.run.run_id,
            clock=lake.settings.clock(),
            inputs=tables.input_versions(contract),
            values_at_once=lake.engine.values_at_once,
            rebuild=rebuild,
        )
        # After the session was opened, which imports some of the same packages: two threads must not do so at once.
        start_import(contracts_of_run(context.run, lake))
        metadata: dict[str, Any] = {}
        if function is None:
            prepared, reconciliation, extraction = prepare_bronze(load, lake.source(source_table(contract)[0]))
            metadata = _said_by_source(extraction, context)
            yield reconciliation_result(contract.table, reconciliation)
        elif contract.mode == "changes":
            prepared = _prepare_silver(load, function, inputs, tables)
        else:
            prepared = _prepare_gold(load, function, inputs, lake, tables)
    yield from audit_results(prepared.report)
    _stop_on_blocking_failures(prepared)
    partitions = {day.isoformat() for day in days}
    for window in prepared.report.windows:
        if window.window in partitions:
            context.add_asset_metadata(
                {"dagster/partition_row_count": window.published, "quarantined": window.quarantined},
                partition_key=window.window,
            )
    if rebuild:
        windows = prepared.table.publication.windows or prepared.table.publication.replaced
        metadata["rebuilt_windows"] = f"{min(windows)} to {max(windows)}"
    with load.timed("publish"):
        yield dg.Output(prepared.table, metadata=metadata | _engine_figures(lake))
    counts = totals(prepared.report)
    lake.announce(
        TableLoaded(
            contract.table,
            days[0],
            days[-1],
            counts["incoming"],
            counts["published"],
            counts["quarantined"],
            time.monotonic() - started,
            counts["superseded"],
            broken_errors(prepared.report),
            load.parts,
        )
    )


def _engine_figures(lake: Lake) -> dict[str, Any]:
    """What the engine says of its session, with a link where it is an address."""
    return {
        name: dg.MetadataValue.url(value) if isinstance(value, str) and "://" in value else value
        for name, value in lake.engine.figures().items()
    }


def contracts_of_run(run: dg.DagsterRun, lake: Lake) -> list[Contract]:
    """The contracts of all tables that a run loads."""
    selected = run.asset_selection
    return [one for one in lake.contracts.values() if selected is None or asset_key(one.table) in selected]


def work_of(run: dg.DagsterRun | None, lake: Lake) -> Work:
    """What a run needs an engine for; outside of a run, to read."""
    if run is None:
        return NO_WORK
    contracts = contracts_of_run(run, lake)
    return Work(run.run_id, contracts[0].table if contracts else "", largest(one.engine_profile for one in contracts))


def _said_by_source(extraction: Extraction, context: dg.AssetExecutionContext) -> dict[str, Any]:
    """What a source noticed while it was read; columns that no contract knows are worth a warning."""
    for file, columns in extraction.unknown_columns.items():
        context.log.warning("%s: the contract doesn't know %s; left out", file, ", ".join(columns))
    return {
        "rows_without_cursor": extraction.rows_without_cursor,
        "files_read": len(extraction.files_read),
        "unknown_columns": {file: list(columns) for file, columns in extraction.unknown_columns.items()},
    }


def _prepare_silver(load: Load, function: TableFunction, inputs: Mapping[str, Any], tables: DeltaIOManager) -> Prepared:
    def read_stored(predicate: str) -> DataFrame:
        return tables.read(load.contract.table, predicate)

    if not load.rebuild:
        return prepare_changes(load, function(**inputs), read_stored)
    everything = {upstream_name(read): tables.read(read.table) for read in load.contract.reads}
    windows = {day for read in load.contract.reads for day in windows_of(tables.snapshot(read.table).transactions)}
    if not windows:
        upstreams = " and ".join(everything)
        raise PermanentError(f"{load.contract.table}: can't be rebuilt, since {upstreams} has no day. Load it first.")
    return prepare_changes(replace(load, days=sorted(windows)), function(**everything), read_stored)


def _prepare_gold(
    load: Load, function: TableFunction, inputs: Mapping[str, Any], lake: Lake, tables: DeltaIOManager
) -> Prepared:
    contract = load.contract
    upstreams = {upstream_name(read): lake.contracts[read.table] for read in contract.reads}
    wants_days = "days" in inspect.signature(function).parameters

    def build(days: Sequence[dt.date]) -> DataFrame:
        narrowed = (
            inputs
            if days == load.days
            else {name: narrow(load, upstreams[name], frame, days) for name, frame in inputs.items()}
        )
        return masked(function(**narrowed, **({"days": days} if wants_days else {})), contract, lake.mask_salt)

    expected = None
    if contract.conserves is not None:
        upstream = lake.contracts[contract.conserves.source]
        with load.timed("audit"):
            expected = conserved(contract, upstream, inputs[upstream.name], load.days)
    rows = rows_of_days(load, ((one, tables.snapshot(one.table)) for one in upstreams.values()))
    counted = (expected and expected.read) or {}
    return prepare_partitions(load, build, expected, {day: max(rows[day], counted.get(day, 0)) for day in rows})


def _inputs(contract: Contract, function: TableFunction | None) -> dict[str, dg.AssetIn]:
    """An input a table that the contract reads, under the table's name and in the type that the function asks for."""
    annotations = inspect.get_annotations(function) if function else {}
    return {
        upstream_name(read): dg.AssetIn(
            key=asset_key(read.table), metadata={READER: contract.table}, dagster_type=annotations[upstream_name(read)]
        )
        for read in contract.reads
    }


def check_specs(contract: Contract) -> Iterator[dg.AssetCheckSpec]:
    """The checks that a table's own load evaluates."""
    key = asset_key(contract.table)
    for name, description in BLOCKING_CHECKS.items():
        yield dg.AssetCheckSpec(name, asset=key, blocking=True, description=description)
    if contract.reconcile:
        yield dg.AssetCheckSpec(RECONCILED, asset=key, description="The source's own count is what arrived.")


def _description(contract: Contract) -> str:
    return f"{contract.description}\n\nGrain: {contract.grain}"


def _origin(contract: Contract) -> str:
    return source_table(contract)[0] if contract.layer == "bronze" else "spark"


def _days(context: dg.AssetExecutionContext) -> list[dt.date]:
    window = context.partition_time_window
    return days_between(window.start.date(), window.end.date() - dt.timedelta(days=1))


def _stop_on_blocking_failures(prepared: Prepared) -> None:
    blocking = [outcome for outcome in prepared.report.outcomes if outcome.blocks]
    if blocking:
        raise dg.Failure(
            f"{prepared.report.table}: nothing was published: "
            + "; ".join(f"{one.name}: {one.message}" for one in blocking),
            allow_retries=False,
        )
