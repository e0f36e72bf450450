"""What a pipeline relies on: the exit status of Dagster's own command, and of `lakehouse status --strict` after it."""

import datetime as dt
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from conftest import MakeLake
from lake_support import ORDER_COLUMNS, order, write_rows

from lakehouse_assets.instance.home import prepare_home
from tests.lake_processes import Ended, LakeProcesses, whole_environment

START = dt.date(2026, 3, 1)
NOW = dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)


def dagster(*arguments: str, environment: Mapping[str, str]) -> Ended:
    """Runs Dagster's command in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "dagster", *arguments, "--module-name", "lakehouse_assets.definitions"],
        cwd=Path(environment["DAGSTER_HOME"]).parent,
        env=whole_environment(environment),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Ended(ended.returncode, ended.stdout)


def test_a_failed_audit_fails_the_pipeline(make_lake: MakeLake, tmp_path: Path, processes: LakeProcesses) -> None:
    own = replace(make_lake(tmp_path / "lake", START), home=tmp_path / "lake" / "home")
    rows = [order(f"{number}", f"{START}T12:00:00Z", currency="?" if number < 100 else "EUR") for number in range(1000)]
    write_rows(own.files("snowflake/orders") / "bulk.csv", ORDER_COLUMNS, rows)
    environment = own.variables(NOW)
    with own.environment():
        prepare_home()
    orders = 'key:"bronze/snowflake_orders" or key:"silver/orders"'
    loaded = dagster("asset", "materialize", "--select", orders, "--partition", str(START), environment=environment)
    assert loaded.status == 1
    assert "silver/orders: nothing was published: rows: 100 of 1,000 rows" in loaded.output
    assert processes.run("status", "silver/orders", "--strict", environment=environment).status == 1
    assert processes.run("status", "bronze/snowflake_orders", "--strict", environment=environment).status == 0
