"""The home of Dagster's instance, and what the first use of a clone sets up."""

import datetime as dt
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dotenv import dotenv_values

from contracts.errors import ConfigurationError
from lakehouse_assets.instance.event_log import BATCH_SIZE_VARIABLE, BatchedSqliteEventLogStorage
from lakehouse_assets.instance.first_use import create_environment, filled_in, main
from lakehouse_assets.instance.home import HOME_VARIABLE, TEMPLATE, configured_home, prepare_home
from lakehouse_assets.settings import PREFIX, Secrets, Settings

PROJECT = Path(__file__).parents[2]
TODAY = dt.date(2026, 11, 1)


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in an empty folder, without the variables that are under test."""
    for variable in (HOME_VARIABLE, BATCH_SIZE_VARIABLE):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


START_TOGETHER = """
import sys
import dagster as dg
from lakehouse_assets.instance.home import prepare_home

@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"), backfill_policy=dg.BackfillPolicy.single_run())
def loaded() -> None: ...

print("ready", flush=True)
sys.stdin.readline()
prepare_home()
days = {"dagster/asset_partition_range_start": "2026-10-01", "dagster/asset_partition_range_end": "2026-10-05"}
with dg.DagsterInstance.get() as instance:
    assert dg.materialize([loaded], instance=instance, tags=days).success
"""


def test_processes_that_start_together_on_a_new_home_all_work(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", START_TOGETHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        assert len(instance.get_runs()) == 4
        assert instance.get_materialized_partitions(dg.AssetKey("loaded")) == {f"2026-10-0{day}" for day in range(1, 6)}
    for database in (tmp_path / ".dagster").rglob("*.db"):
        with closing(sqlite3.connect(database)) as connection:
            assert len(connection.execute("select version_num from alembic_version").fetchall()) == 1, database


def test_a_home_that_is_prepared_has_the_event_log_in_batches_and_a_pool_per_run(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "dagster home")
    assert os.environ[HOME_VARIABLE] == str(home)
    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is BatchedSqliteEventLogStorage
        concurrency = instance.get_concurrency_config()
        assert concurrency.pool_config.pool_granularity is not None
        assert concurrency.pool_config.pool_granularity.value == "run"
        assert concurrency.pool_config.default_pool_limit == 1
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
    assert (home / "history" / "runs" / "index.db").exists()


def test_a_configuration_of_ones_own_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    prepare_home(home)
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_preparing_again_changes_nothing() -> None:
    home = prepare_home()
    before = {path: path.read_bytes() for path in home.rglob("*.db")}
    assert prepare_home() == home
    assert {path: path.read_bytes() for path in home.rglob("*.db")} == before
    assert (home / "dagster.yaml").read_text() == TEMPLATE.read_text()


def test_the_home_is_the_environments_then_that_of_the_env_file_then_a_folder_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configured_home() == tmp_path / ".dagster"
    (tmp_path / ".env").write_text("DAGSTER_HOME=/from/the/file\n")
    assert configured_home() == Path("/from/the/file")
    monkeypatch.setenv(HOME_VARIABLE, "relative")
    assert configured_home() == tmp_path / "relative"


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"DAGSTER_HOME: .*/file/home can't be used"):
        prepare_home(tmp_path / "file" / "home")


def test_the_first_environment_is_the_example_with_a_start_a_salt_and_a_home(tmp_path: Path) -> None:
    project = tmp_path / "a project"
    project.mkdir()
    (project / ".env.example").write_text((PROJECT / ".env.example").read_text())
    assert create_environment(project, TODAY)
    values = dotenv_values(project / ".env")
    assert values["LAKEHOUSE_START_DATE"] == "2026-10-02"
    assert values["DAGSTER_HOME"] == str(project / ".dagster")
    assert re.fullmatch(r"[0-9a-f]{64}", values["LAKEHOUSE_MASK_SALT"] or "")
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600


def test_an_environment_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text((PROJECT / ".env.example").read_text())
    (tmp_path / ".env").write_text("LAKEHOUSE_MASK_SALT=kept\n")
    assert not create_environment(tmp_path, TODAY)
    assert (tmp_path / ".env").read_text() == "LAKEHOUSE_MASK_SALT=kept\n"


def test_two_clones_have_different_salts(tmp_path: Path) -> None:
    salts = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".env.example").write_text((PROJECT / ".env.example").read_text())
        create_environment(tmp_path / name, TODAY)
        salts.add(dotenv_values(tmp_path / name / ".env")["LAKEHOUSE_MASK_SALT"])
    assert len(salts) == 2


def test_a_missing_example_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\.env\.example is missing"):
        create_environment(tmp_path, TODAY)


def test_an_example_without_a_line_to_fill_in_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no line 'LAKEHOUSE_MASK_SALT='"):
        filled_in("LAKEHOUSE_START_DATE=\n", {"LAKEHOUSE_MASK_SALT": "a"})


def test_first_use_makes_an_environment_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env.example").write_text((PROJECT / ".env.example").read_text())
    main()
    assert "Made .env" in capsys.readouterr().out
    main()
    assert capsys.readouterr().out == ""


def test_the_example_names_every_setting_and_shows_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    example = (PROJECT / ".env.example").read_text()
    shown = dict(re.findall(rf"^#?{PREFIX}(\w+)=(.*)$", example, flags=re.MULTILINE))
    assert sorted(shown) == sorted(name.upper() for name in (*Settings.model_fields, *Secrets.model_fields))
    defaults = Settings()
    Path(".env").write_text("\n".join(f"{PREFIX}{name}={value}" for name, value in shown.items() if value))
    assert Settings() == defaults


def test_the_template_is_yaml_that_says_no_path_of_a_machine() -> None:
    assert yaml.safe_load(TEMPLATE.read_text())["event_log_storage"]["config"] == {"home": {"env": "DAGSTER_HOME"}}
