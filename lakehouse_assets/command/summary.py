"""What a run did, added up, and how a person and a machine are told."""

import datetime as dt
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from rich.markup import escape

from contracts.days import day_range, days_between
from io_managers.staleness import Outstanding
from lakehouse_assets.command.best_customers import best_customers
from lakehouse_assets.command.output import by_layer, console, count, heading, say, seconds, table
from lakehouse_assets.command.rows import print_rows, to_records
from lakehouse_assets.lake import Lake, TableLoaded

MOST_ROUNDS = 5
"""Each round loads what the one before made stale; a lake that isn't settled by then has a table that changes at every load."""
FIGURES = ("days", "rows in", "published", "superseded", "set aside", "checks", "secs")
TOP_RULES = 8
SHARES = {"checks": "checks of published tables", "bookkeeping": "Dagster"}
"""What a share of the time is called where its own name doesn't say it."""
EXAMPLE = "select * from gold.revenue_by_geography order by activity_date desc, net_eur desc"


@dataclass(frozen=True)
class TableFailed:
    """A table's part of a run failed; nothing of it was published."""

    table: str
    first: dt.date
    last: dt.date
    reason: str


@dataclass(frozen=True)
class CheckFinding:
    """What a check found when it last looked."""

    table: str
    check: str
    passed: bool
    warning: bool
    """Whether it is something to look at, rather than something wrong."""
    message: str


@dataclass
class Summary:
    """What a run did, added up as tables report."""

    tables: list[TableLoaded] = field(default_factory=list)
    failures: list[TableFailed] = field(default_factory=list)
    checks: dict[tuple[str, str], CheckFinding] = field(default_factory=dict)
    restored: int = 0
    """Days of tables that an earlier run published and Dagster only heard of now."""
    runs: int = 0
    seconds: float = 0.0
    engine_seconds: float = 0.0
    """What it took until the engine was ready."""
    check_seconds: float = 0.0
    """What the checks of published tables took."""

    @property
    def failed_checks(self) -> list[CheckFinding]:
        """Those that are wrong as of the end, tables aside whose failure is told anyway."""
        failed = {failure.table for failure in self.failures}
        return [one for one in self.checks.values() if not one.passed and not one.warning and one.table not in failed]

    def complete(self, outstanding: Sequence[Outstanding]) -> bool:
        """Whether nothing went wrong and nothing is left to do."""
        return not (self.failures or self.failed_checks or outstanding)

    @property
    def times(self) -> dict[str, float]:
        """Where the seconds went: the engine's start, the tables of each layer, the checks of what is published, and Dagster's share."""
        layers = {
            layer: sum(one.seconds for one in self.tables if layer_of(one) == layer)
            for layer in ("bronze", "silver", "gold")
        }
        known = {"engine": self.engine_seconds, **layers, "checks": self.check_seconds}
        return {**known, "bookkeeping": max(0.0, self.seconds - sum(known.values()))}

    @property
    def broken_rules(self) -> list[tuple[str, str, int]]:
        """Rule, table and rows of everything that was set aside, most rows first."""
        rows = Counter[tuple[str, str]]()
        for one in self.tables:
            rows.update({(rule, one.table): broken for rule, broken in one.broken.items()})
        return [(rule, name, broken) for (rule, name), broken in rows.most_common()]


def layer_of(loaded: TableLoaded) -> str:
    """The layer of a loaded table."""
    return loaded.table.split("/")[0]


def as_record(lake: Lake, summary: Summary, outstanding: Sequence[Outstanding]) -> dict[str, object]:
    """The summary as JSON has it; `lakehouse run --help` says what it holds."""
    customers = best_customers(lake)
    return {
        "complete": summary.complete(outstanding),
        "root": lake.settings.root,
        "runs": summary.runs,
        "restored": summary.restored,
        "seconds": {"total": summary.seconds, **summary.times},
        "tables": [asdict(one) for one in summary.tables],
        "failures": [asdict(one) for one in summary.failures],
        "checks": [asdict(one) for one in summary.checks.values()],
        "outstanding": [asdict(one) for one in outstanding],
        "best_customers": [] if customers is None else list(to_records(customers)),
    }


def print_summary(lake: Lake, summary: Summary, outstanding: Sequence[Outstanding]) -> None:
    """Tells a person what was loaded, what was set aside and why, and what to do next."""
    if summary.restored:
        days = count(summary.restored, "partition")
        say(f"Dagster was told of {days} that earlier runs published before they were killed.")
    if not summary.runs and summary.complete(outstanding):
        say(
            "[bold green]Nothing to do:[/] every closed day is loaded, and nothing is stale. `lakehouse status` shows the tables."
        )
        return
    if summary.tables:
        console.print()
        _print_figures(lake, summary)
    if summary.runs:
        console.print()
        _print_broken_rules(summary)
        _print_best_customers(lake)
    _print_findings(summary, outstanding)
    _print_verdict(lake, summary, complete=summary.complete(outstanding))


def _print_figures(lake: Lake, summary: Summary) -> None:
    listing = table("table", *FIGURES, numbers=FIGURES, whole=("table",))
    order = {name: number for number, name in enumerate(by_layer(lake.contracts))}
    loads = sorted(summary.tables, key=lambda one: (order[one.table], one.first))
    for layer, of_layer in groupby(loads, key=layer_of):
        parts = list(of_layer)
        listing.add_row(*_figures(layer, parts, summary), style="bold")
        for name, of_table in groupby(parts, key=lambda one: one.table):
            listing.add_row(*_figures(name, list(of_table), summary))
    console.print(listing)


def _figures(title: str, parts: Sequence[TableLoaded], summary: Summary) -> tuple[str, ...]:
    names = {part.table for part in parts}
    return (
        title,
        count(len({day for part in parts for day in days_between(part.first, part.last)})),
        *(
            count(sum(getattr(part, figure) for part in parts))
            for figure in ("incoming", "published", "superseded", "quarantined")
        ),
        _checks([finding for finding in summary.checks.values() if finding.table in names]),
        f"{sum(part.seconds for part in parts):.1f}",
    )


def _checks(findings: Sequence[CheckFinding]) -> str:
    """How many checks passed of how many, in the colour of the worst."""
    passed = sum(finding.passed for finding in findings)
    text = f"{count(passed)}/{count(len(findings))}"
    if any(not finding.passed and not finding.warning for finding in findings):
        return f"[red]{text}[/]"
    return f"[yellow]{text}[/]" if any(finding.warning for finding in findings) else text


def _print_broken_rules(summary: Summary) -> None:
    rules = summary.broken_rules
    if not rules:
        return
    rows = count(sum(one.quarantined for one in summary.tables), "row")
    heading(f"{rows} set aside, by the rules that they broke")
    listing = table("rule", "table", "rows", numbers=("rows",), whole=("table",))
    for rule, name, broken in rules[:TOP_RULES]:
        listing.add_row(escape(rule), name, count(broken))
    console.print(listing)
    if more := rules[TOP_RULES:]:
        say(f"[dim]and {count(len(more), 'more rule')} with {count(sum(rows for *_, rows in more), 'row')}[/]")
    console.print()


def _print_findings(summary: Summary, outstanding: Sequence[Outstanding]) -> None:
    for failure in summary.failures:
        days = day_range(failure.first, failure.last)
        say(f"[bold red]failed[/] {failure.table} {days}: {escape(failure.reason)}")
    for finding in summary.failed_checks:
        say(f"[bold red]check failed[/] {finding.table} {finding.check}: {escape(finding.message)}")
    for finding in summary.checks.values():
        if finding.warning:
            say(f"[yellow]warning[/] {finding.table} {finding.check}: {escape(finding.message)}")
    waiting = sorted({one.table for one in outstanding} - {failure.table for failure in summary.failures})
    if waiting:
        reason = "they need what failed" if summary.failures else f"they changed in each of {MOST_ROUNDS} rounds"
        say(f"[bold yellow]outstanding[/] {', '.join(waiting)}: {reason}.")


def _print_best_customers(lake: Lake) -> None:
    customers = best_customers(lake)
    if customers is None:
        return
    heading(f"gold/customer_360: the {count(customers.num_rows, 'customer')} with the greatest lifetime value")
    print_rows(customers, console)
    console.print()


def _print_verdict(lake: Lake, summary: Summary, *, complete: bool) -> None:
    say("Time: " + ", ".join(f"{SHARES.get(name, name)} {seconds(took)}" for name, took in summary.times.items()) + ".")
    verdict = "[bold green]All tables are up to date[/]" if complete else "[bold red]Not everything is up to date[/]"
    say(f"{verdict}: {count(summary.runs, 'run')} in {seconds(summary.seconds)}, in {escape(lake.settings.root)}.")
    if not complete:
        say(
            "Next: correct what failed and run again, which loads only what is missing; `make ui` shows each run's log."
        )
        return
    say("Next:")
    lakehouse = _program()
    worst = max(summary.tables, key=lambda one: one.quarantined, default=None)
    steps = [("make ui", "the asset graph, each run and each check"), (f'{lakehouse} sql "{EXAMPLE}"', "")]
    if worst and worst.quarantined:
        steps.append((f"{lakehouse} quarantine {worst.table}", "the rows that were set aside, and why"))
    steps.append((f"{lakehouse} status", "every table's days, freshness and checks"))
    width = max(len(command) for command, purpose in steps if purpose)
    for command, purpose in steps:
        say(f"  {command:<{width}}   {purpose}".rstrip())


def _program() -> str:
    """How this command is called again from here: by its path where the shell doesn't find it by its name."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name) or called.name != "lakehouse"
    return "lakehouse" if found else str(called)
