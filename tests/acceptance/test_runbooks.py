"""Each runbook is followed on a lake that has what it is about: its commands show it, and mend it."""

import datetime as dt
import functools
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeLake
from deltalake import DeltaTable, write_deltalake
from lake_support import ORDER_COLUMNS, RATE_COLUMNS, OwnLake, order, write_rows

from asset_checks.runbooks import FOLDER, runbook_of
from lakehouse_assets.automation.alert_conditions import RUNBOOKS
from lakehouse_assets.bronze import extraction
from lakehouse_assets.definitions import build_definitions
from lakehouse_assets.gold import revenue_by_geography
from tests.lake_processes import Ended, KillPoint, LakeProcesses

PROJECT = Path(__file__).parents[2]
START = dt.date(2026, 3, 1)
DAYS = [START + dt.timedelta(days=number) for number in range(6)]
LAST = DAYS[-1]
MORNING = LAST + dt.timedelta(days=1)
ORDERS, SILVER, FACTS, COUNTRIES = "snowflake/orders", "silver/orders", "gold/fct_orders", "gold/revenue_by_geography"
TABLES = ("gold/customer_360", "gold/customer_segments", COUNTRIES)
"""What runbooks speak of, with what it is made from."""
SILVER_PUBLISHED = KillPoint("deltalake:DeltaTable.create_write_transaction", "after", 2)
SECTIONS = ["Look", "Mend", "Mended?"]


@dataclass(frozen=True)
class Followed:
    """How a runbook's commands ended, by section."""

    look: list[Ended]
    mend: list[Ended]
    mended: list[Ended]


@dataclass
class Broken:
    """A lake that something is wrong with."""

    own: OwnLake
    processes: LakeProcesses
    now: dt.datetime

    def follow(self, runbook: str, mend: Callable[[], object] = lambda: None) -> Followed:
        """Runs a runbook's commands in their order; between looking and mending, a person does what no command can."""
        looked, mending, mended = (commands_of(runbook)[section] for section in SECTIONS)
        found = [self.run(command) for command in looked]
        mend()
        return Followed(found, [self.run(one) for one in mending], [self.run(one) for one in mended])

    def run(self, command: str) -> Ended:
        program, *arguments = shlex.split(command)
        assert program == "lakehouse"
        return self.run_lakehouse(*arguments)

    def run_lakehouse(self, *arguments: str, kill: KillPoint | None = None) -> Ended:
        environment = self.own.variables(self.now)
        return self.processes.run(*arguments, environment=environment, kill=kill, tables=self.own.contracts)

    def load(self) -> list[str]:
        """Loads what is due, and says why what failed did."""
        return [one.reason for one in self.own.run_and_store_events(MORNING).failures]

    def deliver(self, name: str, *rows: dict[str, Any]) -> Path:
        file = self.own.files(ORDERS) / f"{name}.jsonl"
        write_rows(file, ORDER_COLUMNS, rows)
        return file

    def duplicate(self, **columns: object) -> None:
        """Somebody copies an order of the last day in silver, by hand."""
        table = DeltaTable(f"{self.own.folder}/lake/{SILVER}")
        row = table.to_pyarrow_table(filters=[("order_date", "=", LAST)])
        for name, value in columns.items():
            row = row.set_column(row.schema.get_field_index(name), row.schema.field(name), [[value]])
        write_deltalake(table, row, mode="append")


def commands_of(runbook: str) -> dict[str, list[str]]:
    """The commands of a runbook, which are its indented lines, by section."""
    found: dict[str, list[str]] = {}
    for line in (PROJECT / FOLDER / runbook).read_text().splitlines():
        if line.startswith("## "):
            found[line[3:]] = []
        elif line.startswith("    "):
            found[list(found)[-1]].append(line.strip())
    assert list(found) == SECTIONS, f"{runbook} has other sections: {list(found)}"
    assert all(found.values()), f"{runbook}: a section without a command"
    return found


def said(ended: Ended) -> str:
    """A command's output, whatever lines a terminal makes of it."""
    return " ".join(ended.output.split())


def succeeded(*ended: Ended) -> bool:
    failed = [one.output for one in ended if one.status != 0]
    assert not failed, failed[0]
    return True


@pytest.fixture(scope="module")
def loaded(make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> OwnLake:
    """Six closed days with an order each, and what Dagster knows of their load."""
    folder = tmp_path_factory.mktemp("runbooks")
    own = replace(make_lake(folder / "loaded", START, TABLES), home=folder / "loaded" / "home")
    for day in DAYS:
        row = order(f"of {day}", f"{day}T05:00:00Z")
        write_rows(own.files(ORDERS) / f"{day}.jsonl", ORDER_COLUMNS, [row])
    write_rows(own.files("fx/rates") / "usd.csv", RATE_COLUMNS, [rate(DAYS[0])])
    assert own.run_and_store_events(MORNING).failures == []
    return own


def rate(day: dt.date) -> dict[str, Any]:
    return {"rate_date": str(day), "base": "EUR", "quote": "USD", "rate": Decimal("1.1")}


@pytest.fixture
def broken(loaded: OwnLake, processes: LakeProcesses, tmp_path: Path) -> Broken:
    """A copy of that lake, to be broken."""
    own = loaded.copied_to(tmp_path / "lake")
    return Broken(replace(own, home=own.folder / "home"), processes, dt.datetime.combine(MORNING, dt.time(6), dt.UTC))


def test_late(broken: Broken) -> None:
    broken.now += dt.timedelta(days=1)
    ended = broken.follow("late.md")
    assert "late since 2026-03-08 03:00 UTC" in said(ended.look[0])
    assert succeeded(*ended.mend, *ended.mended)


def test_rows(broken: Broken) -> None:
    rows = [
        order(f"{number}", f"{LAST}T12:00:00Z", currency="QQQ" if number < 100 else "EUR") for number in range(1000)
    ]
    broken.deliver("bulk", *rows)
    assert ["rows" in reason for reason in broken.load()] == [True]
    ended = broken.follow("rows.md", lambda: broken.deliver("bulk", *(row | {"currency": "EUR"} for row in rows)))
    assert "currency_known (100)" in said(ended.look[0])
    assert re.search(r"QQQ +100", ended.look[1].output)
    assert succeeded(*ended.look, *ended.mend, *ended.mended)
    assert len(broken.own.rows(SILVER)) == len(DAYS) + len(rows)


def test_table(broken: Broken) -> None:
    broken.duplicate()
    assert broken.run(f"lakehouse run {FACTS} --from {LAST}").status == 1
    ended = broken.follow("table.md")
    assert "key_unique is 1, must be 0" in said(ended.look[0])
    assert f"of {LAST} 2 1 row" in said(ended.look[1])
    assert succeeded(*ended.look, *ended.mend, *ended.mended)
    assert len(broken.own.rows(SILVER)) == len(DAYS)


def test_schema_and_conserved(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    function = revenue_by_geography.revenue_by_geography

    @functools.wraps(function)
    def losing(*inputs: Any, **named: Any) -> Any:
        return function(*inputs, **named).where("false")

    broken.deliver("later", order("later", f"{LAST}T12:00:00Z"))
    with monkeypatch.context() as patch:
        patch.setattr(revenue_by_geography, "revenue_by_geography", losing)
        assert ["conserved" in reason for reason in broken.load()] == [True]
    ended = broken.follow("schema-and-conserved.md")
    assert "conserved failed" in said(ended.look[0])
    assert f"({FOLDER}/schema-and-conserved.md)" in said(ended.look[0])
    assert succeeded(*ended.mend, *ended.mended)


def test_reconciled(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    count = extraction.reconcile

    def differing(table: str, counted: Any, **ours: Any) -> Any:
        """Stands in for a source that grows between being read and being counted."""
        return count(table, {day: rows + 1 for day, rows in counted.items()}, **ours)

    broken.deliver("later", order("later", f"{LAST}T12:00:00Z"))
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "reconcile", differing)
        assert broken.load() == []
    ended = broken.follow("reconciled.md")
    assert "reconciled failed" in said(ended.look[0])
    assert succeeded(*ended.mend, *ended.mended)


def test_identities(broken: Broken) -> None:
    table = DeltaTable(f"{broken.own.folder}/lake/{COUNTRIES}")
    table.update(updates={"net_eur": "net_eur + 0.01"}, predicate=f"activity_date = '{LAST}'")
    ended = broken.follow("identities.md")
    assert ended.look[0].status == 1
    assert "10.00 in gold/fct_orders, 10.01 in gold/revenue_by_geography" in said(ended.look[0])
    assert succeeded(*ended.mend, *ended.mended)


def test_keys_and_complete(broken: Broken) -> None:
    broken.duplicate(order_date=START - dt.timedelta(days=9))
    ended = broken.follow("keys-and-complete.md")
    assert ended.look[0].status == 1
    assert f"1 rows repeat the key of another: order_id of {LAST}" in said(ended.look[0])
    assert succeeded(*ended.mend, *ended.mended)
    assert len(broken.own.rows(SILVER)) == len(DAYS)


def test_run_failed(broken: Broken) -> None:
    file = broken.own.files(ORDERS) / "cut.csv"
    write_rows(file, ORDER_COLUMNS[1:], [order("", f"{LAST}T12:00:00Z")])
    assert ["cut.csv: column order_id is missing" in reason for reason in broken.load()] == [True]
    ended = broken.follow("run-failed.md", file.unlink)
    assert "cut.csv: column order_id is missing" in said(ended.look[0])
    assert succeeded(*ended.mend, *ended.mended)


def test_left_behind(broken: Broken) -> None:
    broken.deliver("later", order("later", f"{LAST}T12:00:00Z"))
    assert broken.run_lakehouse("run", kill=SILVER_PUBLISHED).status == -9
    ended = broken.follow("left-behind.md")
    assert ended.look[0].status == 1
    assert "its process is gone" in ended.look[0].output
    assert succeeded(*ended.mend, *ended.mended)
    assert len(broken.own.rows(FACTS)) == len(DAYS) + 1


def test_source_unavailable(broken: Broken, tmp_path: Path) -> None:
    folder = broken.own.files("fx/rates")
    folder.rename(tmp_path / "away")
    ended = broken.follow("source-unavailable.md", lambda: (tmp_path / "away").rename(folder))
    assert ended.look[0].status == 1
    assert str(folder) in ended.look[0].output
    assert succeeded(*ended.mend, *ended.mended)


def test_beyond_restatement(broken: Broken) -> None:
    broken.deliver("late", order("late", f"{DAYS[2]}T12:00:00Z"))
    assert broken.load() == []
    ended = broken.follow("beyond-restatement.md")
    for command in commands_of("beyond-restatement.md")["Mend"]:
        assert command in ended.look[0].output
    assert succeeded(*ended.mend, *ended.mended)
    assert "Older than the restatement window" not in ended.mended[0].output
    assert "Nothing to do" in ended.mended[0].output


def test_every_alert_and_every_check_has_a_runbook_and_each_runbook_is_followed_here(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(tmp_path, START).at(MORNING)
    checks = {key.name for key in build_definitions(lake).resolve_asset_graph().asset_check_keys}
    named = {*RUNBOOKS.values(), *map(runbook_of, checks), f"{FOLDER}/beyond-restatement.md"}
    files = {path.name for path in (PROJECT / FOLDER).glob("*.md")} - {"README.md"}
    assert {Path(name).name for name in named} == files
    followed = {f"test_{Path(name).stem.replace('-', '_')}" for name in files}
    assert followed <= globals().keys()
    contents = (PROJECT / FOLDER / "README.md").read_text()
    assert all(f"]({name})" in contents for name in files)
