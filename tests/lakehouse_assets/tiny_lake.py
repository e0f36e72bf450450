"""A lake over a few rows in files, and single Dagster runs on it."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from deltalake import DeltaTable

from contracts.model import Contract
from io_managers.snapshot import Snapshot, find_snapshot
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.definitions import build_definitions, build_loads
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings
from tests.support import SharedEngine

FIRST, SECOND, THIRD = (dt.date(2026, 10, day) for day in (1, 2, 3))
MORNING = dt.datetime.combine(THIRD, dt.time(6), dt.UTC)
"""When the second day is the last that is closed."""
SOURCES = (
    "snowflake/orders", "snowflake/customers", "snowflake/products", "redshift/customer_behavior", "salesforce/Account",
    "salesforce/Contact", "salesforce/Opportunity", "kafka/orders_events", "fx/rates",
)  # fmt: skip
ORDER_TABLES = ("bronze/snowflake_orders", "silver/orders")
GOLD_OF_ORDERS = ("gold/fct_orders", "gold/product_perf_daily", "gold/revenue_by_geography")


def order(key: str, day: dt.date, **more: Any) -> dict[str, Any]:
    """An order placed at noon of a day."""
    return {
        "order_id": key, "customer_id": "c1", "order_date": str(day), "product_id": "p1", "quantity": 1, "amount": "10.00",
        "currency": "EUR", "status": "PAID", "last_modified_ts": f"{day}T12:00:00Z", **more,
    }  # fmt: skip


@dataclass
class TinyLake:
    folder: Path
    engine: SharedEngine
    contracts: Mapping[str, Contract]
    now: dt.datetime = MORNING
    alerts: str = "log"

    def __post_init__(self) -> None:
        for source in SOURCES:
            (self.folder / "files" / source).mkdir(parents=True, exist_ok=True)

    def deliver(self, source: str, name: str, *rows: Mapping[str, Any]) -> None:
        """A file arrives."""
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (self.folder / "files" / source / f"{name}.jsonl").write_text(lines)

    @property
    def lake(self) -> Lake:
        settings = Settings(
            _env_file=None, root=str(self.folder / "lake"), start_date=FIRST, snowflake="files", redshift="files",
            salesforce="files", kafka="files", fx="files", files_root=self.folder / "files", now=self.now,
            alerts=self.alerts,
        )  # type: ignore[call-arg]  # fmt: skip
        return Lake(settings, contracts=self.contracts, engine=self.engine)

    def materialize(
        self, tables: Iterable[str], first: dt.date, last: dt.date | None = None, lake: Lake | None = None, *, rebuild: Iterable[str] = (),
        instance: dg.DagsterInstance | None = None,
    ) -> "Run":  # fmt: skip
        """One run of tables over days; none of the checks of published tables. Only an instance that is given knows of it later."""
        built = build_loads(lake or self.lake)
        only = dg.Definitions(assets=built.assets, resources=built.resources, executor=built.executor)
        config = {"ops": {table.replace("/", "__"): {"config": {"rebuild": True}} for table in rebuild}}
        selection = [asset_key(table) for table in tables]
        with nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as used:
            return Run(
                only.resolve_implicit_global_asset_job_def().execute_in_process(
                    instance=used, asset_selection=selection, tags=range_tags(first, last), run_config=config, raise_on_error=False,
                )
            )  # fmt: skip

    def check(
        self, table: str, name: str, first: dt.date | None = None, last: dt.date | None = None, *, instance: dg.DagsterInstance | None = None,
    ) -> Any:  # fmt: skip
        """Runs one check of a published table, for some days or for all."""
        built = build_definitions(self.lake)
        selection = dg.AssetSelection.checks(dg.AssetCheckKey(asset_key(table), name))
        job = dg.define_asset_job("checks", selection)
        only = dg.Definitions(
            assets=built.assets, asset_checks=built.asset_checks, jobs=[job], resources=built.resources, executor=built.executor,
        )  # fmt: skip
        with nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as used:
            result = only.resolve_job_def("checks").execute_in_process(
                instance=used, tags=range_tags(first, last) if first else None
            )
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation

    def snapshot(self, table: str) -> Snapshot:
        snapshot = find_snapshot(self.lake.storage, table)
        assert snapshot is not None, f"{table} was never created"
        return snapshot

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        published = DeltaTable(self.lake.storage.table_uri(table)).to_pyarrow_table(columns=list(columns))
        return sorted(tuple(row[name] for name in columns) for row in published.to_pylist())


def range_tags(first: dt.date, last: dt.date | None) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last or first),
    }


@dataclass
class Run:
    """What came of a run."""

    result: dg.ExecuteInProcessResult

    @property
    def failures(self) -> dict[str, str]:
        """What each failed table says."""
        return {
            (event.step_key or "").replace("__", "/", 1): str(event.step_failure_data)
            for event in self.result.all_events
            if event.is_step_failure
        }

    @property
    def started(self) -> set[str]:
        """The tables that were begun."""
        return {(event.step_key or "").replace("__", "/", 1) for event in self.result.all_events if event.is_step_start}

    @property
    def tries_again(self) -> int:
        return sum(event.event_type_value == "STEP_RESTARTED" for event in self.result.all_events)

    def check(self, table: str, name: str) -> Any:
        (found,) = (
            one
            for one in self.result.get_asset_check_evaluations()
            if one.asset_key == asset_key(table) and one.check_name == name
        )
        return found

    def checks(self, table: str) -> dict[str, bool]:
        found = self.result.get_asset_check_evaluations()
        return {one.check_name: one.passed for one in found if one.asset_key == asset_key(table)}

    def metadata(self, table: str) -> dict[str | None, dict[str, Any]]:
        """The metadata of a table's materializations, by partition."""
        return {
            one.partition: {name: value.value for name, value in one.metadata.items()}
            for one in self.result.asset_materializations_for_node(table.replace("/", "__"))
        }


def text_of(check: Any, name: str) -> str:
    """A metadata value of a check as text."""
    return str(check.metadata[name].value)
