"""`lakehouse doctor`: what is found wrong, and runs that a killed process left behind."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import EngineEventData

from contracts.model import Contract
from lakehouse_assets.command import diagnosis
from lakehouse_assets.command.diagnosis import Finding
from lakehouse_assets.instance.home import prepare_home
from lakehouse_assets.instance.left_behind import HOST_TAG, end, is_alive, runs_under_way
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings
from resources.engine.interface import NO_WORK, Work
from tests.lake_processes import KillPoint, LakeProcesses, demo_environment

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(autouse=True)
def own_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("LAKEHOUSE_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def lake(contracts: Mapping[str, Contract], tmp_path: Path, **more: Any) -> Lake:
    return Lake(Settings(_env_file=None, **{"root": str(tmp_path / "lake"), **more}), contracts)


def wrong(findings: Iterator[Finding]) -> list[str]:
    return [finding.message for finding in findings if finding.level == "wrong"]


# One lake in good order, as a process


def test_a_demo_lake_is_in_order_and_looking_makes_nothing(processes: LakeProcesses, tmp_path: Path) -> None:
    ended = processes.run("doctor", "--json", environment=demo_environment(tmp_path, 1))
    assert ended.status == 0, ended.output
    told = json.loads(ended.output)
    assert told["ok"] is True
    by_area = {one["area"]: one["message"] for one in told["findings"]}
    assert "LAKEHOUSE_DEMO_SCALE=0.05" in by_area["settings"]
    assert "LAKEHOUSE_DEMO_SEED" not in by_area["settings"]
    assert by_area["engine"].startswith("sail, Spark ")
    assert by_area["home"].endswith("is made by the first run")
    assert not (tmp_path / "lake").exists()
    assert not (tmp_path / "home").exists()


def test_a_killed_run_is_named_and_ended(processes: LakeProcesses, tmp_path: Path) -> None:
    environment = demo_environment(tmp_path, 1)
    kill = KillPoint("io_managers.quarantine:publish", "before", 1)
    assert processes.run("run", environment=environment, kill=kill).status < 0
    found = processes.run("doctor", environment=environment)
    assert found.status == 1
    assert "STARTED since" in found.output
    assert "its process is gone" in " ".join(found.output.split())
    assert "1 thing is wrong." in found.output
    released = processes.run("doctor", "--release", environment=environment)
    assert released.status == 0, released.output
    assert "ended, since its process is gone" in " ".join(released.output.split())
    assert "STARTED" not in processes.run("doctor", environment=environment).output


# Settings and what they name


def test_secrets_are_told_as_set_and_never_shown(
    contracts: Mapping[str, Contract], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lake(contracts, tmp_path, snowflake="files", files_root=tmp_path)
    assert "LAKEHOUSE_MASK_SALT is not set" in " ".join(wrong(diagnosis.settings(real)))
    monkeypatch.setenv("LAKEHOUSE_MASK_SALT", "do not show")
    found = list(diagnosis.settings(lake(contracts, tmp_path, snowflake="files", files_root=tmp_path)))
    assert [one.level for one in found] == ["ok", "ok"]
    assert "LAKEHOUSE_MASK_SALT set" in found[1].message
    assert "do not show" not in str(found)


def test_credentials_within_a_setting_are_hidden() -> None:
    shown = diagnosis.shown_setting("engine", "sc://user:pass@host:15002/;token=abc;user_id=me")
    assert shown == "LAKEHOUSE_ENGINE=sc://***@host:15002/;token=***;user_id=me"


def test_folders_of_files_are_looked_at_one_by_one(contracts: Mapping[str, Contract], tmp_path: Path) -> None:
    for name in ("orders", "customers"):
        (tmp_path / "files" / "snowflake" / name).mkdir(parents=True)
    (tmp_path / "files" / "snowflake" / "orders" / "a.csv").write_text("order_id\n")
    found = list(diagnosis.sources(lake(contracts, tmp_path, snowflake="files", files_root=tmp_path / "files")))
    levels = {one.message.split(" ")[0]: (one.level, one.message) for one in found}
    assert levels["snowflake/orders:"] == ("ok", "snowflake/orders: 1 file")
    assert levels["snowflake/customers:"] == ("note", "snowflake/customers: 0 files")
    level, message = levels["snowflake/products:"]
    assert level == "wrong"
    assert str(tmp_path / "files" / "snowflake" / "products") in message
    assert levels["fx:"][1] == "fx: demo"


def test_a_root_that_cannot_be_written_is_wrong(contracts: Mapping[str, Contract], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (message,) = wrong(diagnosis.root(lake(contracts, tmp_path, root=str(tmp_path / "file" / "lake"))))
    assert "can't be written" in message
    (tmp_path / "there").mkdir()
    (found,) = diagnosis.root(lake(contracts, tmp_path, root=str(tmp_path / "there")))
    assert found.level == "ok"
    assert list((tmp_path / "there").iterdir()) == []


def test_an_engine_that_does_not_start_is_wrong(contracts: Mapping[str, Contract], tmp_path: Path) -> None:
    class Broken:
        name = "broken"
        s3_scheme = "s3://"

        def session(self, work: Work = NO_WORK) -> Any:
            raise OSError("no port is free")

        def figures(self) -> Mapping[str, str]:
            return {}

        def close(self) -> None: ...

    broken = Lake(Settings(_env_file=None, root=str(tmp_path)), contracts, Broken())
    assert wrong(diagnosis.engine(broken)) == ["broken can't be started: no port is free"]


def test_little_space_is_told(
    contracts: Mapping[str, Contract], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 2_000_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    (found,) = diagnosis.disk(lake(contracts, tmp_path))
    assert (found.level, found.message) == ("note", f"2.0 GB free at {tmp_path}")


def test_a_package_of_another_version_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong(diagnosis.packages()) == []
    monkeypatch.setattr(
        diagnosis.metadata, "requires", lambda _: ["dagster==0.1", "nothing-like-it", 'x; extra == "dev"']
    )
    assert [message.split(":")[0].split()[0] for message in wrong(diagnosis.packages())] == [
        "dagster",
        "nothing-like-it",
    ]


# Dagster's home


def test_a_home_that_no_variable_names_is_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    note, ok = diagnosis.home()
    assert (note.level, ok.level) == ("note", "ok")
    assert f"DAGSTER_HOME={tmp_path}/.dagster" in note.remedy
    monkeypatch.setenv("DAGSTER_HOME", "relative")
    assert "relative, which `dagster` commands refuse" in next(diagnosis.home()).message


def test_a_storage_that_cannot_be_opened_is_wrong(tmp_path: Path) -> None:
    prepare_home()
    (tmp_path / "home" / "history" / "runs" / "index.db").write_text("no database" * 100)
    (message,) = wrong(diagnosis.home())
    assert message.startswith("Dagster's storage can't be opened: ")


# Runs


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    prepare_home()
    with dg.DagsterInstance.get() as opened:
        yield opened


def a_run(instance: dg.DagsterInstance, *, pid: int | None, status: str = "STARTED", **tags: str) -> str:
    """A run that says that it is under way, in a process."""

    @dg.job
    def nothing() -> None: ...

    run = instance.create_run_for_job(nothing, status=DagsterRunStatus(status), tags=tags)
    if pid is not None:
        instance.report_engine_event(
            "Executing steps in process", run, EngineEventData(metadata={"pid": dg.MetadataValue.text(str(pid))})
        )
    return run.run_id


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_is_judged_by_its_process(instance: dg.DagsterInstance) -> None:
    gone = ended_process()
    expected = {
        a_run(instance, pid=os.getpid()): "running",
        a_run(instance, pid=gone): "gone",
        a_run(instance, pid=gone, status="CANCELING"): "gone",
        a_run(instance, pid=gone, **{HOST_TAG: "elsewhere"}): "elsewhere",
        a_run(instance, pid=None, status="STARTING"): "starting",
    }
    a_run(instance, pid=gone, status="SUCCESS")
    a_run(instance, pid=None, status="NOT_STARTED")
    assert {one.run.run_id: one.state for one in runs_under_way(instance, NOW)} == expected
    later = {one.run.run_id: one.state for one in runs_under_way(instance, NOW + dt.timedelta(hours=1))}
    assert later == {run: "gone" if state == "starting" else state for run, state in expected.items()}


def test_a_run_that_is_left_behind_fails_or_is_cancelled(instance: dg.DagsterInstance) -> None:
    gone = ended_process()
    failed, cancelled = a_run(instance, pid=gone), a_run(instance, pid=gone, status="CANCELING")
    running = a_run(instance, pid=os.getpid())
    for one in runs_under_way(instance, NOW):
        if one.state == "gone":
            end(instance, one)
    statuses = [instance.get_run_by_id(run).status for run in (failed, cancelled, running)]  # type: ignore[union-attr]
    assert statuses == [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED, DagsterRunStatus.STARTED]


def test_a_process_id_that_another_process_got_later_is_not_the_runs() -> None:
    now = dt.datetime.now(dt.UTC)
    assert is_alive(os.getpid(), now)
    assert not is_alive(os.getpid(), now - dt.timedelta(days=1000))
    unnoticed = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert unnoticed.stdout is not None
    unnoticed.stdout.read()
    os.waitid(os.P_PID, unnoticed.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(unnoticed.pid, now)
    unnoticed.wait()
