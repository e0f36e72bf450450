"""`lakehouse status`: every table's days, rows, freshness and checks, and what is missing or stale and why; or one table in detail."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from asset_checks.freshness import FreshnessVerdict
from asset_checks.runbooks import runbook_of
from contracts.days import day_range, ranges
from io_managers.staleness import Outstanding
from lakehouse_assets.command.checks import last_checks
from lakehouse_assets.command.condition import (
    Condition,
    History,
    as_record,
    by_reason,
    conditions,
    history,
    repairs,
    with_history,
)
from lakehouse_assets.command.output import (
    by_layer,
    console,
    count,
    heading,
    rough_duration,
    say,
    size,
    table,
    write_json,
)
from lakehouse_assets.command.requests import named_contract
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

if TYPE_CHECKING:
    from lakehouse_assets.instance.last_checks import LastCheck

NAME = "status"
PUBLISHES_SHOWN = 5
_COLOURS = {"passed": "green", "warning": "yellow", "failed": "red", "never": "dim"}


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="One table in detail, e.g. silver/orders.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with status 1 if a table is late, a check failed or a source can't be asked: for pipelines.",
        ),
    ] = False,
) -> None:
    """Shows every table's days, rows, freshness and checks, and what is missing or stale and why; or one table in detail.

    JSON: root, now, start_date, closed_days, tables. An object a table: table, rows, version; days (closed, loaded: of the
    closed ones, first, newest); fresh (passed, newest_complete, expected, late_by_seconds, message); source_error; due and
    beyond_restatement (cause, reason, days); repaired_by, the commands for the latter; checks (check, result: passed,
    warning, failed or never, when, message). Of one TABLE its object alone, with contract_version, grain, loaded_days, files,
    size_bytes, partitions, publishes (as far as the log reaches back) and quarantine (rows, days, rules).
    """
    lake = Lake(load_settings())
    contract = named_contract(name, lake.contracts) if name else None
    found = conditions(lake, last_checks(lake))
    if contract is not None:
        found = {contract.table: found[contract.table]}
        condition = found[contract.table]
        past = history(lake, condition)
        if as_json:
            write_json(with_history(as_record(condition), condition, past))
        else:
            _print_table(condition, past)
    elif as_json:
        write_json(
            {
                "root": lake.settings.root,
                "now": lake.settings.clock(),
                "start_date": lake.settings.start_date,
                "closed_days": _closed_days(lake),
                "tables": [as_record(found[one]) for one in by_layer(lake.contracts)],
            }
        )
    else:
        _print_overview(lake, found)
    if strict and not all(one.is_well for one in found.values()):
        raise typer.Exit(1)


def _closed_days(lake: Lake) -> int:
    return max(0, (lake.settings.clock().date() - lake.settings.start_date).days)


def _print_overview(lake: Lake, found: Mapping[str, Condition]) -> None:
    settings = lake.settings
    now = settings.clock()
    days = count(_closed_days(lake), "closed day")
    heading(f"{settings.root} at {now:%Y-%m-%d %H:%M} UTC: {days} since {settings.start_date}")
    listing = table(
        "table", "rows", "days", "first", "newest", "fresh", "checks",
        numbers=("rows", "days", "checks"), whole=("table", "first", "newest", "fresh"),
    )  # fmt: skip
    ordered = [found[name] for name in by_layer(lake.contracts)]
    for one in ordered:
        listing.add_row(
            one.table,
            count(one.snapshot.row_count()) if one.snapshot else "-",
            f"{one.closed_loaded:,}/{one.closed_days:,}",
            *((str(min(one.loaded)), str(max(one.loaded))) if one.loaded else ("-", "-")),
            _freshness(one.fresh),
            _checks(one.checks),
        )
    console.print(listing)
    console.print()
    _print_checks(ordered)
    due = [outstanding for one in ordered for outstanding in one.due]
    beyond = [outstanding for one in ordered for outstanding in one.beyond]
    _print_outstanding("The next run loads", due)
    _print_outstanding("Older than the restatement window, which only a backfill of these days repairs", beyond)
    for command in repairs(beyond):
        console.print(f"    {command}", soft_wrap=True)
    if beyond:
        console.print()
    for one in ordered:
        if one.source_error:
            say(f"[red]unknown[/] whether {one.table} has more at its source: {escape(one.source_error)}")
    if not due:
        say(
            "[bold green]Nothing to do:[/] every closed day is loaded, and nothing is stale within its restatement window."
        )


def _freshness(verdict: FreshnessVerdict) -> str:
    return "[green]yes[/]" if verdict.passed else f"[red]{rough_duration(verdict.late_by)} late[/]"


def _checks(checks: "Iterable[LastCheck]") -> str:
    """How many checks passed of those that have looked, in the colour of the worst."""
    results = [one.result for one in checks if one.result != "never"]
    text = f"{results.count('passed')}/{len(results)}" if results else "-"
    worst = next((one for one in ("failed", "warning") if one in results), None)
    return f"[{_COLOURS[worst]}]{text}[/]" if worst else text


def _print_checks(found: Iterable[Condition]) -> None:
    wrong = [(one, check) for one in found for check in one.checks if check.result in {"failed", "warning"}]
    for one, check in sorted(wrong, key=lambda pair: pair[1].result):
        colour = _COLOURS[check.result]
        say(f"[{colour}]{check.result}[/] {one.table} {check.check}: {escape(_told(check))}")
    if wrong:
        console.print()


def _told(check: "LastCheck") -> str:
    """What a check said, and where it failed the runbook that helps."""
    return f"{check.message} ({runbook_of(check.check)})" if check.result == "failed" else check.message


def _print_outstanding(title: str, found: list[Outstanding]) -> None:
    if not found:
        return
    heading(f"{title}: {count(len(found), 'day')} of {count(len({one.table for one in found}), 'table')}")
    listing = table("table", "days", "first", "last", "why", numbers=("days",), whole=("table", "first", "last"))
    for (name, cause, reason), days in by_reason(found).items():
        listing.add_row(name, count(len(days)), str(min(days)), str(max(days)), f"{cause}: {escape(reason)}")
    console.print(listing)
    console.print()


def _print_table(one: Condition, past: History) -> None:
    heading(f"{one.table}, contract {one.contract.version}")
    facts = Table.grid(padding=(0, 2, 0, 0))
    for title, text in _facts(one, past):
        facts.add_row(Text(title, style="dim"), Text(text))
    console.print(facts)
    console.print()
    _print_last_checks(one.checks)
    _print_publishes(past)
    if past.quarantined_rows:
        days = count(past.quarantined_days, "day")
        heading(
            f"Quarantine: {count(past.quarantined_rows, 'row')} of {days}; `lakehouse quarantine {one.table}` shows them"
        )
        rules = table("broken rule", "rows", numbers=("rows",))
        for rule, rows in past.broken_rules:
            rules.add_row(Text(rule), count(rows))
        console.print(rules)


def _facts(one: Condition, past: History) -> Iterable[tuple[str, str]]:
    yield "grain", one.contract.grain
    if one.snapshot is None:
        yield "rows", "never loaded"
    else:
        rows, files = count(one.snapshot.row_count(), "row"), count(past.files, "file")
        yield "rows", f"{rows} in {count(past.partitions, 'partition')}, {files}, {size(past.size_bytes)}"
    yield "days", f"{one.closed_loaded:,} of {count(one.closed_days, 'closed day')}: {_ranges(one.loaded) or 'none'}"
    for title, found in (("to load", one.due), ("backfill", one.beyond)):
        for (_, cause, reason), days in by_reason(found).items():
            yield title, f"{_ranges(days)}, {cause}: {reason}"
    for command in repairs(one.beyond):
        yield "", command
    if one.source_error:
        yield "source", f"can't say whether it has more: {one.source_error}"
    yield "fresh", one.fresh.message
    yield "due", f"each day by {one.contract.available_by:%H:%M} UTC of the next"


def _ranges(days: Iterable[dt.date]) -> str:
    return ", ".join(day_range(first, last) for first, last in ranges(days))


def _print_last_checks(checks: "Iterable[LastCheck]") -> None:
    listing = table("check", "result", "when (UTC)", "message", whole=("check", "result", "when (UTC)"))
    for one in checks:
        when = f"{one.when:%Y-%m-%d %H:%M}" if one.when else ""
        listing.add_row(one.check, f"[{_COLOURS[one.result]}]{one.result}[/]", when, Text(_told(one)))
    console.print(listing)
    console.print()


def _print_publishes(past: History) -> None:
    if not past.publishes:
        return
    shown = past.publishes[:PUBLISHES_SHOWN]
    heading(f"The newest {len(shown)} of {count(len(past.publishes), 'publish', 'publishes')} in the log")
    figures = ("version", "rows in", "published", "superseded", "set aside")
    listing = table(*figures[:1], "committed (UTC)", "days", *figures[1:], "run", numbers=figures, whole=("run",))
    for one in shown:
        days = _ranges(dt.date.fromisoformat(day) for day in (one.windows or one.partitions) if len(day) == 10)  # noqa: PLR2004
        counts = (one.counts.get(name, 0) for name in ("incoming", "published", "superseded", "quarantined"))
        listing.add_row(str(one.version), f"{one.timestamp:%Y-%m-%d %H:%M}", days, *map(count, counts), one.run_id[:8])
    console.print(listing)
    console.print()
