"""`lakehouse status`: every table's days, freshness, and what is stale and why."""

import datetime as dt
from collections import Counter

from asset_checks.freshness import freshness
from io_managers.staleness import Outstanding
from lakehouse_assets.command.output import console, count, table
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

NAME = "status"


def command() -> None:
    """Shows every table's days, freshness, and what is stale and why."""
    lake = Lake(load_settings())
    settings = lake.settings
    now, start = settings.clock(), settings.start_date
    closed = (now.date() - start).days
    states, plan = lake.states(), lake.plan()
    listing = table(f"{settings.root} on {now:%Y-%m-%d %H:%M} UTC", "table", "days", "of", "newest", "fresh", "stale", "last rows", numbers=("days", "of", "stale"))
    for name, contract in lake.contracts.items():
        loaded = states[name].loaded
        stale = {one.day for one in (*plan.due, *plan.beyond) if one.table == name and one.day in loaded}
        verdict = freshness(contract, now, loaded, stale, start)
        listing.add_row(
            name, count(len(loaded)), count(closed), f"{max(loaded)}" if loaded else "-",
            "[green]yes[/]" if verdict.passed else f"[red]no[/] {verdict.message}", count(len(stale)),
        )  # fmt: skip
    console.print(listing)
    _print_outstanding("to be loaded by the next run", plan.due)
    _print_outstanding("older than the restatement window: repair by a backfill of these days", plan.beyond)


def _print_outstanding(title: str, found: tuple[Outstanding, ...]) -> None:
    if not found:
        return
    console.print()
    listing = table(title, "table", "days", "from", "to", "why", numbers=("days",))
    grouped: dict[tuple[str, str], list[dt.date]] = {}
    for one in found:
        grouped.setdefault((one.table, one.reason), []).append(one.day)
    for (name, reason), days in grouped.items():
        listing.add_row(name, count(len(days)), str(min(days)), str(max(days)), reason)
    console.print(listing)
    console.print(f"[dim]{dict(Counter(one.cause.value for one in found))}[/]")
