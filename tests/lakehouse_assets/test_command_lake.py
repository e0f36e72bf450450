"""`lakehouse run`, `status`, `sql` and `quarantine` on one small demo lake, as a person and a machine see them."""

import datetime as dt
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.model import Contract
from io_managers.snapshot import find_snapshot
from io_managers.staleness import Cause, Outstanding, Plan, dependency_order
from io_managers.storage import Storage
from lakehouse_assets.command import app
from lakehouse_assets.command.output import WIDTH, console
from lakehouse_assets.command.quarantine import shown
from lakehouse_assets.command.requests import RequestError
from lakehouse_assets.command.rows import to_json
from lakehouse_assets.command.summary import CheckFinding, Summary, TableFailed, as_record, print_summary
from lakehouse_assets.instance.last_checks import LastCheck
from lakehouse_assets.instance.steps import step_of
from lakehouse_assets.lake import Lake, TableLoaded
from lakehouse_assets.settings import Settings
from tests.lake_processes import START, Ended, LakeProcesses, demo_environment

DAYS = 2

Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def first_run(processes: LakeProcesses, folder: Path) -> Ended:
    return processes.run("run", environment=demo_environment(folder, DAYS))


@pytest.fixture
def invoke(first_run: Ended, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """A command on the loaded lake, on the morning when so many days are closed."""

    def call(*arguments: str, days: int = DAYS) -> Result:
        for name, value in demo_environment(folder, days).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)
        # Test workers have a $COLUMNS of their own.
        monkeypatch.setattr(console, "width", WIDTH)
        return CliRunner().invoke(app, arguments, catch_exceptions=False)

    return call


def versions(folder: Path, contracts: Mapping[str, Contract]) -> dict[str, int]:
    snapshots = {table: find_snapshot(Storage(str(folder / "lake")), table) for table in contracts}
    return {table: snapshot.version for table, snapshot in snapshots.items() if snapshot}


def built_on(table: str, contracts: Mapping[str, Contract]) -> set[str]:
    """The tables that read a table, or read what reads it."""
    found = {table}
    for name in dependency_order(contracts):
        if any(read.table in found for read in contracts[name].reads):
            found.add(name)
    return found - {table}


def line_of(output: str, start: str) -> list[str]:
    """The words of the first line that begins with a text."""
    return next(line.split() for line in output.splitlines() if line.startswith(f"{start} "))


def test_a_run_loads_every_table_and_accounts_for_every_row(
    first_run: Ended, contracts: Mapping[str, Contract]
) -> None:
    assert first_run.status == 0, first_run.output
    for table in (*contracts, "bronze", "silver", "gold"):
        _, days, *figures, checks, seconds = line_of(first_run.output, table)
        incoming, published, superseded, quarantined = (int(figure.replace(",", "")) for figure in figures)
        assert int(days) == DAYS
        assert incoming == published + superseded + quarantined
        passed, all_checks = checks.split("/")
        assert passed == all_checks != "0"
        assert float(seconds) > 0
    assert "All tables are up to date" in first_run.output


def test_a_run_ends_with_the_rules_that_were_broken_the_best_customers_and_what_to_try(first_run: Ended) -> None:
    assert re.search(r"\n[\d,]+ rows set aside, by the rules that they broke\n", first_run.output)
    assert re.search(r"\nTime: engine .*, bronze .*, silver .*, gold .*", first_run.output)
    assert line_of(first_run.output, "customer_id")[1:3] == ["country", "industry"]
    for command in ("make ui", "lakehouse sql", "lakehouse quarantine", "lakehouse status"):
        assert f"\n  {command} " in first_run.output


def test_output_that_no_one_watches_has_a_line_a_run_and_no_terminal_codes(
    first_run: Ended, contracts: Mapping[str, Contract]
) -> None:
    days = f"{START} to {START + dt.timedelta(days=DAYS - 1)}"
    assert first_run.output.startswith(f"{days}: loading {len(contracts)} tables\n")
    assert not re.search("[\x1b\r]", first_run.output)
    assert "DEBUG" not in first_run.output
    assert "Warning" not in first_run.output


def test_a_second_run_has_nothing_to_do_and_changes_no_table(
    first_run: Ended, invoke: Invoke, folder: Path, contracts: Mapping[str, Contract]
) -> None:
    before = versions(folder, contracts)
    assert len(before) == len(contracts)
    again = invoke("run")
    assert again.exit_code == 0
    assert "Nothing to do" in again.output
    assert versions(folder, contracts) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bronze/snowflake_orders"], "lakehouse run TABLE --from"),
        (["--from", str(START)], "lakehouse run TABLE --from"),
        (["--to", str(START)], "lakehouse run TABLE --from"),
        (["bronze/snowflake_order", "--from", str(START)], "did you mean bronze/snowflake_orders"),
        (["silver.orders", "--from", str(START + dt.timedelta(days=DAYS))], f"closed days are {START} to"),
        (["silver.orders", "--from", str(START - dt.timedelta(days=1))], f"closed days are {START} to"),
        (["silver.orders", "--from", str(START + dt.timedelta(days=1)), "--to", str(START)], "can't be loaded"),
    ],
)
def test_only_closed_days_of_a_table_are_loaded_again(
    invoke: Invoke, arguments: list[str], told: str, folder: Path, contracts: Mapping[str, Contract]
) -> None:
    before = versions(folder, contracts)
    with pytest.raises(RequestError, match=told):
        invoke("run", *arguments)
    assert versions(folder, contracts) == before


def test_a_loaded_day_is_loaded_again_if_it_is_asked_for(
    processes: LakeProcesses, first_run: Ended, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    again = processes.run(
        "run", "bronze/fx_rates", "--from", str(START), environment=demo_environment(tmp_path / "copy", DAYS)
    )
    assert again.status == 0, again.output
    assert f"{START}: loading 1 table" in again.output
    assert "All tables are up to date: 1 run" in again.output, "rows that are as before make nothing stale"


def test_quarantine_ends_with_how_its_days_are_loaded_again(invoke: Invoke) -> None:
    told = invoke("quarantine", "silver/orders").output
    command = re.search(r"lakehouse (run .*)", told)
    assert command is not None
    assert re.fullmatch(r"run bronze/snowflake_orders --from 2026-\d\d-\d\d", command[1].strip())


def test_a_source_that_fails_is_explained_and_holds_back_only_what_needs_it(
    processes: LakeProcesses, tmp_path: Path, contracts: Mapping[str, Contract]
) -> None:
    for name in ("customers", "products"):
        (tmp_path / "files" / "snowflake" / name).mkdir(parents=True)
    environment = {
        **demo_environment(tmp_path, 1),
        "LAKEHOUSE_SNOWFLAKE": "files",
        "LAKEHOUSE_FILES_ROOT": str(tmp_path / "files"),
        "LAKEHOUSE_MASK_SALT": "a-salt",
    }
    ended = processes.run("run", environment=environment)
    assert ended.status == 1
    assert "failed bronze/snowflake_orders" in ended.output
    assert f"{tmp_path}/files/snowflake/orders is missing" in ended.output
    assert "Traceback" not in ended.output
    assert "a-salt" not in ended.output
    built_on_orders = built_on("bronze/snowflake_orders", contracts)
    assert f"outstanding {', '.join(sorted(built_on_orders))}: they need what failed." in ended.output
    for table in contracts:
        assert (f"\n{table} " in ended.output) == (table not in {"bronze/snowflake_orders", *built_on_orders}), table
    (tmp_path / "files" / "snowflake" / "orders").mkdir()
    repaired = processes.run("run", environment=environment)
    assert repaired.status == 0, repaired.output
    assert sum(map(int, re.findall(r": loading (\d+) tables", repaired.output))) == len(built_on_orders) + 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LAKEHOUSE_START_DATE", "yesterday"),
        ("LAKEHOUSE_DEMO_SCALE", "-1"),
        ("LAKEHOUSE_ROOT", "ftp://lake"),
        ("LAKEHOUSE_FILES_ROOT", ""),
        ("LAKEHOUSE_MASK_SALT", ""),
    ],
)
@pytest.mark.parametrize("subcommand", ["run", "status"])
def test_bad_configuration_is_named_without_a_traceback(
    processes: LakeProcesses, tmp_path: Path, variable: str, value: str, subcommand: str
) -> None:
    environment = {**demo_environment(tmp_path, 1), variable: value}
    if variable == "LAKEHOUSE_MASK_SALT":
        environment |= {"LAKEHOUSE_SNOWFLAKE": "files", "LAKEHOUSE_FILES_ROOT": str(tmp_path)}
    if variable == "LAKEHOUSE_FILES_ROOT":
        environment["LAKEHOUSE_SNOWFLAKE"] = "files"
        del environment[variable]
    ended = processes.run(subcommand, environment=environment)
    if variable == "LAKEHOUSE_MASK_SALT" and subcommand == "status":
        assert ended.status == 0, "whoever only looks needs no secret"
        return
    assert ended.status == 1
    assert (
        f"ConfigurationError: {variable}" in ended.output
        or f"ConfigurationError: settings: Value error, {variable}" in ended.output
    )
    assert "Traceback" not in ended.output
    assert not (tmp_path / "lake").exists()


def test_status_shows_rows_days_and_freshness(invoke: Invoke, contracts: Mapping[str, Contract], folder: Path) -> None:
    status = invoke("status")
    assert status.exit_code == 0
    for table in contracts:
        snapshot = find_snapshot(Storage(str(folder / "lake")), table)
        assert snapshot is not None
        newest = str(START + dt.timedelta(days=DAYS - 1))
        *figures, checks = line_of(status.output, table)
        assert figures == [table, f"{snapshot.row_count():,}", f"{DAYS}/{DAYS}", str(START), newest, "yes"]
        passed, all_checks = checks.split("/")
        assert passed == all_checks != "0"
    assert "Nothing to do" in status.output


def test_status_of_one_table_tells_days_checks_commits_and_quarantine(invoke: Invoke) -> None:
    status = invoke("status", "silver.customers")
    assert status.exit_code == 0
    assert " ".join(line_of(status.output, "days")) == "days 2 of 2 closed days: 2026-10-01 to 2026-10-02"
    assert line_of(status.output, "conserved")[1] == "passed"
    assert "The newest 1 of 1 publish in the log" in status.output
    assert line_of(status.output, "country_known")[1].isdigit()


def test_status_is_told_to_machines(invoke: Invoke, contracts: Mapping[str, Contract]) -> None:
    told = json.loads(invoke("status", "--json", days=DAYS + 1).output)
    missing = str(START + dt.timedelta(days=DAYS))
    assert {one["table"] for one in told["tables"]} == set(contracts)
    orders = next(one for one in told["tables"] if one["table"] == "silver/orders")
    assert orders["days"] == {"closed": DAYS + 1, "loaded": DAYS, "first": "2026-10-01", "newest": "2026-10-02"}
    assert orders["due"] == [{"cause": "missing", "reason": "never loaded", "days": [missing]}]
    asked_weekly = {one["check"] for one in orders["checks"] if one["result"] == "never"}
    assert asked_weekly <= {"keys", "complete"}
    assert {one["result"] for one in orders["checks"] if one["check"] not in asked_weekly} <= {"passed", "warning"}
    one = json.loads(invoke("status", "silver/orders", "--json").output)
    assert one["loaded_days"] == ["2026-10-01", "2026-10-02"]
    assert one["publishes"][0]["counts"]["incoming"] > one["quarantine"]["rows"] > 0


def test_a_pipeline_is_told_by_the_exit_status_whether_tables_are_well(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke("status", "--strict").exit_code == 0
    assert invoke("status", "--strict", days=DAYS + 1).exit_code == 1
    assert invoke("status", days=DAYS + 1).exit_code == 0
    monkeypatch.setattr(
        "lakehouse_assets.command.status.last_checks", lambda _: {"gold/fct_orders": [LastCheck("table", "failed")]}
    )
    assert invoke("status", "--strict").exit_code == 1
    assert invoke("status", "gold/fct_orders", "--strict", "--json").exit_code == 1
    assert invoke("status", "silver/orders", "--strict", "--json").exit_code == 0


def test_checks_of_what_is_published_are_asked_and_told_to_machines(
    processes: LakeProcesses, first_run: Ended, folder: Path
) -> None:
    asked = processes.run("check", "silver.fx_rates", "--json", environment=demo_environment(folder, DAYS))
    assert asked.status == 0, asked.output
    found = {one["check"]: one for one in json.loads(asked.output)}
    assert found.keys() == {"complete", "freshness", "keys"}
    assert {(one["table"], one["passed"], one["warning"]) for one in found.values()} == {
        ("silver/fx_rates", True, False)
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["silver/orders", "--rebuild", "--from", str(START)], "or all of a table, lakehouse run TABLE --rebuild"),
        (["--rebuild"], "or all of a table, lakehouse run TABLE --rebuild"),
    ],
)
def test_a_rebuild_is_of_a_whole_table(invoke: Invoke, arguments: list[str], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        invoke("run", *arguments)


def test_a_check_that_no_run_evaluated_never_looked(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse_assets.command.checks.configured_home", lambda: tmp_path / "none")
    told = json.loads(invoke("status", "silver/orders", "--json").output)
    assert {one["result"] for one in told["checks"]} == {"never"}
    assert not (tmp_path / "none").exists()


def test_status_says_what_is_late_and_missing(invoke: Invoke) -> None:
    status = invoke("status", days=DAYS + 1)
    due = START + dt.timedelta(days=DAYS + 1)
    assert due.isoformat() == "2026-10-04"
    assert line_of(status.output, "bronze/fx_rates")[-3:-1] == ["h", "late"]
    missing = START + dt.timedelta(days=DAYS)
    reasons = status.output.split("The next run loads")[1]
    assert line_of(reasons, "silver/orders") == [
        "silver/orders",
        "1",
        str(missing),
        str(missing),
        "missing:",
        "never",
        "loaded",
    ]


def test_status_says_what_is_stale_and_why_and_what_no_run_repairs(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = [
        Outstanding(table, START, Cause.STALE, "silver/orders changed in version 7")
        for table in ("gold/fct_orders", "gold/product_perf_daily")
    ]
    monkeypatch.setattr(Lake, "plan", lambda *_: Plan(due=(stale[0],), beyond=(stale[1],)))
    status = invoke("status").output
    next_run, backfill = status.split("The next run loads: 1 day of 1 table")[1].split(
        "Older than the restatement window"
    )
    why = [str(START), str(START), "stale:", "silver/orders", "changed", "in", "version", "7"]
    assert line_of(next_run, "gold/fct_orders") == ["gold/fct_orders", "1", *why]
    assert line_of(backfill, "gold/product_perf_daily") == ["gold/product_perf_daily", "1", *why]
    command = f"lakehouse run gold/product_perf_daily --from {START} --to {START}"
    assert command in backfill
    assert "Nothing to do" not in status
    assert command in invoke("status", "gold/product_perf_daily").output
    [told] = [one for one in json.loads(invoke("status", "--json").output)["tables"] if one["beyond_restatement"]]
    assert (told["table"], told["repaired_by"]) == ("gold/product_perf_daily", [command])


def test_status_lists_tables_as_they_are_built(invoke: Invoke) -> None:
    names = [
        line.split("/")[0] for line in invoke("status").output.splitlines() if re.match("(bronze|silver|gold)/", line)
    ]
    assert names == sorted(names, key=["bronze", "silver", "gold"].index)


def test_quarantine_shows_broken_rules_and_hides_personal_values(invoke: Invoke) -> None:
    masked = invoke("quarantine", "silver/customers")
    assert masked.exit_code == 0
    assert line_of(masked.output, "country_known")[1].isdigit()
    assert '"email": "***"' in " ".join(masked.output.split())
    assert "@" not in masked.output
    unmasked = invoke("quarantine", "silver/customers", "--unmasked")
    assert "@" in unmasked.output
    assert "***" not in unmasked.output


def test_quarantine_is_told_to_machines(invoke: Invoke) -> None:
    told = json.loads(invoke("quarantine", "silver.customers", "--limit", "1", "--json").output)
    (newest,) = told["newest"]
    assert json.loads(newest["raw"])["email"] == "***"
    assert sum(one["rows"] for one in told["rules"]) >= told["rows"] > 1
    assert set(newest["broken_rules"]) <= {one["rule"] for one in told["rules"]}


def test_a_query_is_answered_by_a_process_of_its_own(processes: LakeProcesses, first_run: Ended, folder: Path) -> None:
    query = "select status, count(*) as orders from silver.orders group by status order by status"
    ended = processes.run("sql", query, environment=demo_environment(folder, DAYS))
    assert ended.status == 0, ended.output
    assert line_of(ended.output, "PAID")[1].isdigit()
    assert ended.output.splitlines()[0].split() == ["status", "orders"]
    told = processes.run("sql", query, "--json", environment=demo_environment(folder, DAYS))
    assert {"CANCELLED", "PAID"} <= {one["status"] for one in json.loads(told.output)}
    unknown = processes.run("sql", "select * from silver.order", environment=demo_environment(folder, DAYS))
    assert unknown.status == 1
    assert "there is no table 'silver.order'; did you mean silver.orders " in unknown.output


def test_quarantine_is_told_by_day_and_limited(invoke: Invoke) -> None:
    everything = invoke("quarantine", "silver/customers", "--limit", "1").output
    assert "The newest 1 row," in everything
    day = invoke("quarantine", "silver/customers", "--day", "2026-09-01").output
    assert "nothing is in quarantine on 2026-09-01" in day
    assert invoke("quarantine", "silver/customers", "--day", "soon").exit_code == 2


def test_an_unknown_table_is_told_apart_from_an_empty_quarantine(processes: LakeProcesses, tmp_path: Path) -> None:
    environment = demo_environment(tmp_path, 1)
    unknown = processes.run("quarantine", "silver/order", environment=environment)
    assert unknown.status == 1
    assert "there is no table 'silver/order'; did you mean silver/orders " in unknown.output
    strange = processes.run("quarantine", "nothing", environment=environment)
    assert "there is no table 'nothing'; there are bronze/" in strange.output
    empty = processes.run("quarantine", "silver/orders", environment=environment)
    assert empty.status == 0
    assert "nothing is in quarantine" in empty.output


@pytest.mark.parametrize(
    "raw",
    [
        '{"_line": "C1;ann@example.org"}',
        '{"customer_id": "C1", "E-Mail": "ann@example.org"}',
        '{"email": {"home": "ann@example.org"}}',
        '["ann@example.org"]',
        "ann@example.org",
    ],
)
def test_whatever_may_be_personal_is_hidden(raw: str, contracts: Mapping[str, Contract]) -> None:
    for table in ("bronze/snowflake_customers", "silver/customers"):
        assert "ann" not in shown(raw, contracts[table], unmasked=False)
        assert "ann" in shown(raw, contracts[table], unmasked=True)


def test_rows_of_tables_without_personal_values_are_shown_as_they_are(contracts: Mapping[str, Contract]) -> None:
    assert shown('{"strange": "[/bold]"}', contracts["silver/orders"], unmasked=False) == '{"strange": "[/bold]"}'


@pytest.fixture
def lake(contracts: Mapping[str, Contract], root: str) -> Lake:
    return Lake(Settings(_env_file=None, root=root), contracts)


def test_the_summary_tells_failures_failed_checks_and_what_waits_for_them(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    day = START
    loaded = TableLoaded("silver/customers", day, day, 1_240, 1_200, 40, 0.5)
    failed = TableFailed("silver/orders", day, day, "too many rows broke [/a rule]")
    broken = CheckFinding("silver/customers", "freshness", passed=False, warning=False, message="late since noon")
    looked_at = CheckFinding("silver/customers", "rows", passed=True, warning=True, message="2 conflicting versions")
    summary = Summary([loaded], [failed], {("", one.check): one for one in (broken, looked_at)}, runs=1, seconds=75)
    print_summary(lake, summary, [Outstanding("gold/fct_orders", day, Cause.MISSING, "never loaded")])
    output = capsys.readouterr().out
    assert "failed silver/orders 2026-10-01: too many rows broke [/a rule]" in output
    assert "check failed silver/customers freshness: late since noon" in output
    assert "warning silver/customers rows: 2 conflicting versions" in output
    assert "outstanding gold/fct_orders: they need what failed." in output
    assert line_of(output, "silver/customers") == ["silver/customers", "1", "1,240", "1,200", "0", "40", "1/2", "0.5"]
    assert "Not everything is up to date: 1 run in 1 min 15 s" in output


def test_a_source_that_could_not_be_asked_is_told_also_where_nothing_was_loaded(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = TableFailed("bronze/snowflake_orders", START, START, "orders/broken.parquet can't be read")
    print_summary(lake, Summary([], [failed], {}, runs=0), [])
    output = capsys.readouterr().out
    assert "failed bronze/snowflake_orders 2026-10-01: orders/broken.parquet can't be read" in output
    assert "Not everything is up to date" in output
    assert "Nothing to do" not in output
    print_summary(lake, Summary([], [], {}, runs=0), [])
    assert "Nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize("aside", [0, 3])
@pytest.mark.parametrize("on_path", [True, False])
def test_the_summary_names_the_next_commands_as_they_can_be_typed(
    lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, aside: int, *, on_path: bool
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/lakehouse", "run"])
    monkeypatch.setattr(shutil, "which", {"lakehouse": "/bin/lakehouse" if on_path else None}.get)
    print_summary(lake, Summary([TableLoaded("silver/orders", START, START, 9, 9 - aside, aside, 0.5)], runs=1), [])
    lines = capsys.readouterr().out.splitlines()
    program = "lakehouse" if on_path else ".venv/bin/lakehouse"
    assert any(line.startswith(f"  {program} status") for line in lines)
    assert any(line.startswith(f"  {program} quarantine silver/orders") for line in lines) == bool(aside)


def test_the_summary_adds_up_broken_rules_and_seconds() -> None:
    loads = [
        TableLoaded("bronze/fx_rates", START, START, 9, 9, 0, 2.0),
        TableLoaded("silver/orders", START, START, 9, 5, 3, 1.5, 1, {"late": 3, "amount_minimum": 1}),
        TableLoaded("silver/orders", START, START, 9, 8, 1, 0.5, 0, {"late": 1}),
    ]
    summary = Summary(loads, runs=2, seconds=7.5, engine_seconds=1.0, check_seconds=0.5)
    assert summary.broken_rules == [("late", "silver/orders", 4), ("amount_minimum", "silver/orders", 1)]
    assert summary.times == {
        "engine": 1.0, "bronze": 2.0, "silver": 2.0, "gold": 0.0, "checks": 0.5, "bookkeeping": 2.0,
    }  # fmt: skip


def test_the_summary_is_told_to_machines(lake: Lake) -> None:
    loaded = TableLoaded("silver/orders", START, START, 9, 5, 3, 1.5, 1, {"late": 3})
    outstanding = [Outstanding("gold/fct_orders", START, Cause.MISSING, "never loaded")]
    told = json.loads(to_json(as_record(lake, Summary([loaded], runs=1), outstanding)))
    assert told["complete"] is False
    assert told["tables"][0].items() >= {
        "table": "silver/orders", "first": "2026-10-01", "last": "2026-10-01", "incoming": 9, "published": 5,
        "quarantined": 3, "seconds": 1.5, "superseded": 1, "broken": {"late": 3},
    }.items()  # fmt: skip
    assert told["outstanding"][0]["cause"] == "missing"
    assert told["best_customers"] == []


def test_a_step_is_a_table_or_a_check_of_the_table_with_the_longest_name() -> None:
    tables = ["gold/customer_360", "gold/customer", "silver/orders"]
    assert step_of("silver__orders", tables) == ("silver/orders", "")
    assert step_of("gold__customer_360_identities", tables) == ("gold/customer_360", "identities")
    assert step_of("gold__customer_freshness", tables) == ("gold/customer", "freshness")


def test_help_says_what_each_command_does() -> None:
    overview = CliRunner().invoke(app, ["--help"])
    assert overview.exit_code == 0
    for subcommand in ("run", "status", "sql", "quarantine", "contracts", "doctor"):
        assert f" {subcommand} " in overview.output
        own = CliRunner().invoke(app, [subcommand, "--help"])
        assert own.exit_code == 0
        assert "Usage" in own.output
    assert CliRunner().invoke(app, ["no-such-command"]).exit_code == 2


def test_a_killed_runs_publications_are_told_to_dagster(
    processes: LakeProcesses, first_run: Ended, folder: Path, tmp_path: Path, contracts: Mapping[str, Contract]
) -> None:
    shutil.copytree(folder / "lake", tmp_path / "lake")
    ended = processes.run("run", environment=demo_environment(tmp_path, DAYS))
    assert ended.status == 0
    assert f"Dagster was told of {len(contracts) * DAYS} partitions" in ended.output
    assert "Nothing to do" in ended.output
    assert "Dagster was told" not in processes.run("run", environment=demo_environment(tmp_path, DAYS)).output
