"""What acceptance tests share: files of somebody's own data, a lake that is loaded from them, and what it published."""

import csv
import datetime as dt
import gzip
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from deltalake import DeltaTable

from contracts.model import Contract
from io_managers.batches import Batch, next_batches
from io_managers.commits import CommitRecord, read_commits
from io_managers.quarantine import read_quarantine
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.command.run import Again, Summary, run
from lakehouse_assets.definitions import build_loads
from lakehouse_assets.instance.event_log import BatchedSqliteEventLogStorage
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings
from tests.support import SharedEngine

Row = dict[str, Any]

SALT = "a salt for tests"
SOURCES = (
    "snowflake/orders", "snowflake/customers", "snowflake/products", "redshift/customer_behavior", "salesforce/Account",
    "salesforce/Contact", "salesforce/Opportunity", "kafka/orders_events", "fx/rates",
)  # fmt: skip
SOURCE_NAMES = {
    "Account": {
        "account_id": "Id", "name": "Name", "industry": "Industry", "billing_country": "BillingCountry",
        "annual_revenue": "AnnualRevenue", "number_of_employees": "NumberOfEmployees", "system_modstamp": "SystemModstamp",
        "is_deleted": "IsDeleted",
    },
    "Contact": {
        "contact_id": "Id", "account_id": "AccountId", "first_name": "FirstName", "last_name": "LastName", "email": "Email",
        "phone": "Phone", "title": "Title", "lead_source": "LeadSource", "system_modstamp": "SystemModstamp",
        "is_deleted": "IsDeleted",
    },
    "Opportunity": {
        "opportunity_id": "Id", "account_id": "AccountId", "name": "Name", "stage_name": "StageName", "amount": "Amount",
        "currency_iso_code": "CurrencyIsoCode", "close_date": "CloseDate", "probability": "Probability",
        "lead_source": "LeadSource", "system_modstamp": "SystemModstamp", "is_deleted": "IsDeleted",
    },
}  # fmt: skip
"""What the CRM calls the columns of its objects, by what bronze calls them."""
ORDER_TABLES = (
    "bronze/snowflake_orders",
    "silver/orders",
    "gold/fct_orders",
    "gold/product_perf_daily",
    "gold/revenue_by_geography",
)
GOLD_OF_ORDERS = ORDER_TABLES[2:]


@dataclass(frozen=True)
class OwnLake:
    """A lake over a folder of files, with a clock that each use sets."""

    folder: Path
    home: Path
    """Dagster's."""
    engine: SharedEngine
    start: dt.date
    contracts: Mapping[str, Contract]

    def __post_init__(self) -> None:
        for source in SOURCES:
            self.files(source).mkdir(parents=True, exist_ok=True)

    def files(self, source: str) -> Path:
        return self.folder / "files" / source

    def copied_to(self, folder: Path) -> "OwnLake":
        """The same lake and files at another place, to be changed at will."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)

    def at(self, day: dt.date) -> Lake:
        """The lake on the morning of a day, when the day before is the last closed one."""
        settings = Settings(
            _env_file=None,
            root=str(self.folder / "lake"),
            start_date=self.start,
            snowflake="files",
            redshift="files",
            salesforce="files",
            kafka="files",
            fx="files",
            files_root=self.folder / "files",
            now=dt.datetime.combine(day, dt.time(6), dt.UTC),
        )
        return Lake(settings, contracts=self.contracts, engine=self.engine)

    def run(self, day: dt.date, again: Batch | None = None) -> Summary:
        """`lakehouse run` on the morning of a day, for a table's days again if there are any; Dagster's events are not stored."""
        with self.environment(), events_not_stored():
            return run(self.at(day), again=Again(again) if again else None)

    def run_and_store_events(self, day: dt.date) -> Summary:
        """`lakehouse run` on the morning of a day, with all that it does."""
        with self.environment():
            return run(self.at(day))

    def load(self, day: dt.date, tables: Iterable[str], first: dt.date, last: dt.date | None = None) -> list[str]:
        """One Dagster run on the morning of a day, which loads tables for a range of days, due or not.

        Checks of published tables are left out, and Dagster's events are not stored. Returns what failed steps say.
        """
        lake = self.at(day)
        with self.environment(), events_not_stored(), dg.DagsterInstance.ephemeral() as instance:
            built = build_loads(lake)
            assets = dg.Definitions(assets=built.assets, resources=built.resources, executor=built.executor)
            result = assets.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance,
                asset_selection=[asset_key(table) for table in tables],
                tags={
                    "dagster/asset_partition_range_start": str(first),
                    "dagster/asset_partition_range_end": str(last or first),
                },
                raise_on_error=False,
            )
            return [str(event.step_failure_data) for event in result.all_events if event.is_step_failure]

    def settle(self, day: dt.date) -> None:
        """Loads whatever is missing or stale on the morning of a day, as `run` does, but without checks of published tables."""
        lake = self.at(day)
        while due := lake.plan(states := lake.states()).due:
            for batch in next_batches(due, states, self.contracts, day):
                failures = self.load(day, batch.tables, batch.first, batch.last)
                assert failures == []

    def rows(self, table: str) -> list[Row]:
        """The published rows; columns that begin with `_` are left out, as they are of no account for what a table says."""
        published = DeltaTable(f"{self.folder}/lake/{table}").to_pyarrow_table()
        return published.select([name for name in published.schema.names if not name.startswith("_")]).to_pylist()

    def rows_by_partition(self, table: str) -> dict[Any, Counter[str]]:
        """The published rows by storage partition; bronze too, whose partition is technical."""
        column = self.contracts[table].partition_column
        published = DeltaTable(f"{self.folder}/lake/{table}").to_pyarrow_table()
        names = [name for name in published.schema.names if name not in {"_ingested_at", "_source"}]
        content: dict[Any, Counter[str]] = {}
        for row in published.select(names).to_pylist():
            content.setdefault(row[column], Counter())[repr(row)] += 1
        return content

    def quarantine(self, table: str) -> list[tuple[str, list[str], Any]]:
        """The rows that count as quarantined: their window, the rules that they broke, and the row as delivered."""
        rows: pa.Table = read_quarantine(self.at(self.start).storage, self.contracts[table])
        return [(row["_window"], row["_broken_rules"], json.loads(row["_raw"])) for row in rows.to_pylist()]

    def last_commit(self, table: str) -> CommitRecord:
        return next(iter(read_commits(self.at(self.start).storage, table)))

    def last_commit_of(self, table: str, window: dt.date) -> CommitRecord:
        """The last publish that loaded a window."""
        commits = read_commits(self.at(self.start).storage, table)
        return next(commit for commit in commits if str(window) in commit.windows | commit.partitions)

    def stale(self, day: dt.date) -> set[tuple[str, dt.date]]:
        """The tables' days that have to be loaded on the morning of a day."""
        return {(one.table, one.day) for one in self.at(day).plan().due}

    @contextmanager
    def environment(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(self.home))
            patch.setenv("LAKEHOUSE_MASK_SALT", SALT)
            yield

    def variables(self, now: dt.datetime) -> dict[str, str]:
        """The variables by which a process of its own finds the lake, at a moment."""
        return {
            "DAGSTER_HOME": str(self.home),
            "LAKEHOUSE_ROOT": str(self.folder / "lake"),
            "LAKEHOUSE_START_DATE": str(self.start),
            "LAKEHOUSE_NOW": now.isoformat(),
            "LAKEHOUSE_FILES_ROOT": str(self.folder / "files"),
            "LAKEHOUSE_MASK_SALT": SALT,
            **{
                f"LAKEHOUSE_{source.upper()}": "files"
                for source in ("snowflake", "redshift", "salesforce", "kafka", "fx")
            },
        }


@contextmanager
def events_not_stored() -> Iterator[None]:
    """Lets Dagster store no event: to store thousands takes as long as to make them, and what a lake holds does not depend on them."""
    with pytest.MonkeyPatch.context() as patch:
        for storage in (InMemoryEventLogStorage, BatchedSqliteEventLogStorage):
            patch.setattr(storage, "store_event", lambda storage, event: None)
        patch.setattr(BatchedSqliteEventLogStorage, "store_event_batch", lambda storage, events: None)
        yield


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Writes a file in the format of its name: `.csv`, `.jsonl` or `.json`, also with `.gz`, or `.parquet`."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([{name: row[name] for name in columns} for row in rows]), path)
        return
    text = csv_text(columns, rows) if ".csv" in path.name else json_text(columns, rows)
    content = text.encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as CSV, in which an empty field is null."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([as_text(row[name]) for name in columns] for row in rows)
    return text.getvalue()


def json_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as JSON lines, in which a null is left out."""
    lines = ({name: as_json(row[name]) for name in columns if row[name] is not None} for row in rows)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case dt.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return str(value)


def as_json(value: Any) -> Any:
    return value if isinstance(value, bool | int) else as_text(value)


def order(order_id: str | None, modified: str, **columns: Any) -> Row:
    """A delivered version of an order, dated the day that it was modified on unless said otherwise."""
    return {
        "order_id": order_id,
        "customer_id": "C1",
        "order_date": modified[:10],
        "product_id": "P1",
        "quantity": 1,
        "amount": Decimal("10.00"),
        "currency": "EUR",
        "status": "PAID",
        "last_modified_ts": modified,
        **columns,
    }


ORDER_COLUMNS = tuple(order("", "2026-01-01T00:00:00Z"))
RATE_COLUMNS = ("rate_date", "base", "quote", "rate")
