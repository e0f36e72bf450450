"""Loading the definitions opens nothing and reads no secret, and what they define is complete."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from asset_checks.identities import IDENTITIES
from contracts.model import Contract
from io_managers.delta_io_manager import DeltaIOManager
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.definitions import build_definitions
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings
from lakehouse_assets.table import BLOCKING_CHECKS, IO_MANAGER, RECONCILED
from tests.lake_processes import import_path

SECRET = "a-salt-that-nothing-may-keep"
STARTS_SOMETHING = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.mkdir",
    "os.rename",
)

OBSERVED_LOAD = """
import gc, json, os, sys

opened, events = [], set()

def observe(event, arguments):
    if event == "open":
        opened.append([os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else "", arguments[2]])
    else:
        events.add(f"{event} {arguments[0]}" if event == "subprocess.Popen" else event)

secret = os.environ.get("LAKEHOUSE_MASK_SALT")
sys.addaudithook(observe)
import lakehouse_assets.definitions
opened, loaded = list(opened), sorted(sys.modules)

def held_by(one):
    if one is globals() or one is sys.modules["__main__"]:
        return ()
    if type(one) is dict:
        return one.values()
    if type(one) in (list, tuple, set):
        return one
    try:
        return object.__getattribute__(one, "__dict__").values()
    except AttributeError:
        return ()

kept = [
    type(one).__name__ for one in gc.get_objects()
    if secret and any(value == secret for value in held_by(one) if type(value) is str)
]
print(json.dumps({"opened": opened, "events": sorted(events), "modules": loaded, "kept": kept}))
"""


def load_observed(folder: Path, **variables: str) -> dict[str, Any]:
    """Loads the definitions in a new process in a folder, and says what that opened, started, imported and kept."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "DAGSTER_", "COV"))
    }
    ended = subprocess.run(
        [sys.executable, "-B", "-c", OBSERVED_LOAD],
        cwd=folder,
        env={**clean, "PYTHONPATH": import_path(), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
    observed: dict[str, Any] = json.loads(ended.stdout)
    return observed


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("project")
    (folder / ".env").write_text(f"LAKEHOUSE_ROOT={folder}/lake\nLAKEHOUSE_MASK_SALT={SECRET}\n")
    return {
        "folder": folder,
        **load_observed(folder, LAKEHOUSE_MASK_SALT=SECRET, DAGSTER_HOME=str(folder / "home")),
    }


def test_loading_opens_no_file_of_the_lake_and_writes_none(observed: dict[str, Any]) -> None:
    folder = observed["folder"]
    own = [path for path, _ in observed["opened"] if path.startswith(str(folder))]
    assert {Path(path).name for path in own} <= {".env"}
    written = [path for path, flags in observed["opened"] if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)]
    assert not [path for path in written if path != os.devnull]
    assert [path.name for path in folder.iterdir()] == [".env"]


def test_loading_connects_to_nothing_and_starts_no_process(observed: dict[str, Any]) -> None:
    # Imported modules look whether there is IPv6, and, by the command `file`, how many bits Python has.
    harmless = {"socket.__new__", "socket.bind", "subprocess.Popen file"}
    assert not [event for event in observed["events"] if event.startswith(STARTS_SOMETHING) and event not in harmless]


def test_loading_starts_no_engine_and_imports_nothing_that_only_runs_need(observed: dict[str, Any]) -> None:
    slow = {
        "pysail", "pandas", "polars", "pyspark.sql.connect.session", "grpc", "great_expectations", "boto3", "duckdb",
        "matplotlib", "sqlglot", "requests", "tenacity",
    }  # fmt: skip
    assert slow & set(observed["modules"]) == set()


def test_a_webhook_for_alerts_is_not_connected_to(tmp_path: Path) -> None:
    observed = load_observed(tmp_path, LAKEHOUSE_ALERTS="http://127.0.0.1:1/hook")
    assert "socket.connect" not in observed["events"]
    assert "resources.alerts.webhook" not in observed["modules"]


def test_the_sensor_of_alerts_is_there(defined: dg.Definitions) -> None:
    assert [sensor.name for sensor in defined.sensors or []].count("alerts") == 1


def test_loading_keeps_no_secret(observed: dict[str, Any]) -> None:
    assert observed["kept"] == []


def test_loading_asks_for_no_secret(tmp_path: Path) -> None:
    files = {"LAKEHOUSE_SNOWFLAKE": "files", "LAKEHOUSE_FILES_ROOT": str(tmp_path / "no-such-folder")}
    load_observed(tmp_path, LAKEHOUSE_ROOT=str(tmp_path / "lake"), **files)


@pytest.fixture(scope="module")
def defined(contracts: Mapping[str, Contract], tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    settings = Settings(_env_file=None, root=str(tmp_path_factory.mktemp("defined") / "lake"))
    return build_definitions(Lake(settings, contracts))


@pytest.fixture(scope="module")
def specs(defined: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {"/".join(spec.key.path): spec for spec in defined.resolve_all_asset_specs()}


def test_every_contract_is_an_asset(specs: dict[str, dg.AssetSpec], contracts: Mapping[str, Contract]) -> None:
    assert set(specs) == set(contracts)


def test_every_asset_says_whose_it_is_what_it_is_and_what_it_means(
    specs: dict[str, dg.AssetSpec], contracts: Mapping[str, Contract]
) -> None:
    for table, spec in specs.items():
        contract = contracts[table]
        assert list(spec.owners) == [f"team:{contract.owner}"]
        assert spec.group_name == contract.layer
        assert "delta" in spec.kinds
        assert len(spec.kinds) > 1
        assert contract.description in (spec.description or "")
        assert contract.grain in (spec.description or "")


def test_every_asset_shows_its_columns_with_their_meaning(
    specs: dict[str, dg.AssetSpec], contracts: Mapping[str, Contract]
) -> None:
    for table, spec in specs.items():
        columns = spec.metadata["dagster/column_schema"].columns
        assert [(column.name, column.type) for column in columns] == [
            (column.name, column.type) for column in contracts[table].columns
        ]
        assert all(column.description for column in columns)


def test_column_lineage_leads_to_columns_that_exist(
    specs: dict[str, dg.AssetSpec], contracts: Mapping[str, Contract]
) -> None:
    for table, spec in specs.items():
        if contracts[table].layer == "bronze":
            continue
        lineage = spec.metadata["dagster/column_lineage"].deps_by_column
        assert lineage, table
        assert set(lineage) <= set(contracts[table].by_name)
        for dependency in (one for dependencies in lineage.values() for one in dependencies):
            upstream = "/".join(dependency.asset_key.path)
            assert dependency.column_name in contracts[upstream].by_name, (table, upstream)
            assert dependency.asset_key in {dep.asset_key for dep in spec.deps}, (table, upstream)


def test_every_asset_has_one_partition_a_day_and_loads_a_range_in_one_run(
    defined: dg.Definitions, specs: dict[str, dg.AssetSpec]
) -> None:
    assert len({spec.partitions_def for spec in specs.values()}) == 1
    graph = defined.resolve_asset_graph()
    for table, spec in specs.items():
        assert isinstance(spec.partitions_def, dg.DailyPartitionsDefinition)
        assert graph.get(asset_key(table)).backfill_policy == dg.BackfillPolicy.single_run()


def test_every_asset_is_written_by_the_io_manager_of_delta_tables(defined: dg.Definitions) -> None:
    for assets in defined.assets or []:
        assert isinstance(assets, dg.AssetsDefinition)
        assert {assets.get_io_manager_key_for_asset_key(key) for key in assets.keys} == {IO_MANAGER}
    resource = (defined.resources or {})[IO_MANAGER]
    assert isinstance(resource, dg.IOManagerDefinition)
    assert isinstance(resource.resource_fn(dg.build_init_resource_context()), DeltaIOManager)


def test_every_asset_has_the_same_checks(defined: dg.Definitions, contracts: Mapping[str, Contract]) -> None:
    graph = defined.resolve_asset_graph()
    checks: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault("/".join(key.asset_key.path), set()).add(key.name)
    for table, contract in contracts.items():
        assert checks[table] >= {*BLOCKING_CHECKS, "freshness"}, table
        assert (RECONCILED in checks[table]) == contract.reconcile, table
        assert ("identities" in checks[table]) == (table in {one.right.table for one in IDENTITIES}), table


def test_a_job_over_all_assets_resolves(defined: dg.Definitions, contracts: Mapping[str, Contract]) -> None:
    dg.Definitions.validate_loadable(defined)
    job = defined.resolve_implicit_global_asset_job_def()
    assert set(job.asset_layer.selected_asset_keys) == {asset_key(table) for table in contracts}
