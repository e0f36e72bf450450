"""`lakehouse status`: every table's days, rows and freshness, and what is missing or stale and why."""

import datetime as dt
from collections.abc import Sequence

from rich.markup import escape

from asset_checks.freshness import FreshnessVerdict, freshness
from io_managers.snapshot import find_snapshot
from io_managers.staleness import Outstanding
from lakehouse_assets.command.output import by_layer, console, count, heading, say, table
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

NAME = "status"


def command() -> None:
    """Shows every table's days, rows and freshness, and what is missing or stale and why."""
    lake = Lake(load_settings())
    settings = lake.settings
    now, start = settings.clock(), settings.start_date
    closed = (now.date() - start).days
    states = lake.states()
    plan = lake.plan(states)
    heading(f"{settings.root} at {now:%Y-%m-%d %H:%M} UTC: {count(max(closed, 0), 'closed day')} since {start}")
    listing = table(
        "table",
        "rows",
        "days",
        "stale",
        "newest",
        "fresh",
        numbers=("rows", "days", "stale"),
        whole=("table", "newest"),
    )
    for name in by_layer(lake.contracts):
        contract = lake.contracts[name]
        loaded = states[name].loaded
        stale = {one.day for one in (*plan.due, *plan.beyond) if one.table == name and one.day in loaded}
        snapshot = find_snapshot(lake.storage, name)
        listing.add_row(
            name,
            count(snapshot.row_count()) if snapshot else "-",
            count(len(loaded)),
            count(len(stale)),
            str(max(loaded)) if loaded else "-",
            _freshness(freshness(contract, now, loaded, stale, start), now),
        )
    console.print(listing)
    console.print()
    _print_outstanding("The next run loads", plan.due)
    _print_outstanding("Older than the restatement window, which only a backfill of these days repairs", plan.beyond)
    if not plan.due:
        say(
            "[bold green]Nothing to do:[/] every closed day is loaded, and nothing is stale within its restatement window."
        )


def _freshness(verdict: FreshnessVerdict, now: dt.datetime) -> str:
    return "[green]yes[/]" if verdict.passed else f"[red]late since {now - verdict.late_by:%Y-%m-%d %H:%M}[/]"


def _print_outstanding(title: str, found: Sequence[Outstanding]) -> None:
    if not found:
        return
    heading(f"{title}: {count(len(found), 'day')} of {count(len({one.table for one in found}), 'table')}")
    listing = table("table", "days", "first", "last", "why", numbers=("days",), whole=("table", "first", "last"))
    grouped: dict[tuple[str, str, str], list[dt.date]] = {}
    for one in found:
        grouped.setdefault((one.table, one.cause.value, one.reason), []).append(one.day)
    for (name, cause, reason), days in grouped.items():
        why = f"{cause}: {escape(reason)}"
        listing.add_row(name, count(len(days)), str(min(days)), str(max(days)), why)
    console.print(listing)
    console.print()
