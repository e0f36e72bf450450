"""Everything that is wrong now, from the tables' logs and Dagster's; no engine is started."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_checks.freshness import freshness, with_open_day
from asset_checks.runbooks import FOLDER, runbook_of
from contracts.days import day_range
from lakehouse_assets.lake import Lake
from resources.alerts.interface import Alert

if TYPE_CHECKING:
    import dagster as dg

    from lakehouse_assets.automation.run_events import Seen
    from lakehouse_assets.automation.run_failures import FailedLoad

LATE = "late"
CHECK_FAILED = "check_failed"
RUN_FAILED = "run_failed"
LEFT_BEHIND = "left_behind"
SOURCE_UNAVAILABLE = "source_unavailable"
RUNBOOKS = {
    LATE: f"{FOLDER}/late.md",
    RUN_FAILED: f"{FOLDER}/run-failed.md",
    LEFT_BEHIND: f"{FOLDER}/left-behind.md",
    SOURCE_UNAVAILABLE: f"{FOLDER}/source-unavailable.md",
}
"""Of a failed check it is that check's own."""
_DETAIL_LENGTH = 500
"""Enough to know what to look for; the rest stands in the run."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """Something that is wrong."""

    subject: str
    kind: str
    summary: str
    detail: str
    since: dt.datetime
    part: str = ""
    """Which of the subject's conditions of this kind it is, where there may be several."""

    def raised(self, now: dt.datetime) -> Alert:
        return Alert(
            subject=self.subject,
            condition=f"{self.kind}:{self.part}" if self.part else self.kind,
            severity="warning" if self.kind == LEFT_BEHIND else "error",
            state="raised",
            summary=self.summary,
            detail=_first_line(self.detail),
            runbook=runbook_of(self.part) if self.kind == CHECK_FAILED else RUNBOOKS[self.kind],
            since=self.since,
            at=now,
        )


def find_conditions(  # noqa: PLR0913, PLR0917 - here all that alerts are about comes together
    lake: Lake,
    instance: "dg.DagsterInstance",
    checks: "Iterable[dg.AssetCheckKey]",
    seen: "Seen",
    now: dt.datetime,
    unavailable: Mapping[str, str],
    behind: Mapping[str, dt.datetime] = {},
) -> "tuple[list[Alert], Seen]":
    """An alert for each condition that holds, and what is to be given as seen the next time.

    Args:
        lake: whose tables they are. Lateness is by its clock.
        instance: whose runs and checks they are.
        checks: those that tables have.
        seen: what this returned the last time.
        now: the time of the machine, by which runs are judged.
        unavailable: the sources that don't answer, and what is known of it.
        behind: the tables whose open day lacks what their source holds, and since when.
    """
    from lakehouse_assets.automation.run_events import read_events
    from lakehouse_assets.published_checks import FRESHNESS

    # A table is late by the clock, whenever the check last looked.
    results = [key for key in checks if key.name != FRESHNESS]
    seen = read_events(instance, results, lake.contracts.keys(), seen)
    found = (
        *_late(lake, behind),
        *_failed_checks(seen),
        *_failed_runs(seen),
        *_left_behind(instance, now),
        *_unavailable(unavailable, now),
    )
    return [one.raised(now) for one in found], seen


def _late(lake: Lake, behind: Mapping[str, dt.datetime]) -> Iterator[_Condition]:
    clock, start = lake.settings.clock(), lake.settings.start_date
    states = lake.states()
    plan = lake.plan(states)
    for table, contract in lake.contracts.items():
        closed = freshness(contract, clock, states[table].loaded, plan.overdue(contract, clock), start)
        verdict = with_open_day(closed, contract, clock, behind.get(table))
        if not verdict.passed:
            yield _Condition(table, LATE, f"{table} is late", verdict.message, clock - verdict.late_by)


def _failed_checks(seen: "Seen") -> Iterator[_Condition]:
    """A check that stopped a load stays failed until that load's days are there, whatever it finds in other days."""
    for load in reversed(seen.loads):
        if load.check:
            summary = f"{load.table}: the check {load.check} failed"
            yield _Condition(load.table, CHECK_FAILED, summary, _of_run(load), load.since, load.check)
    for failed in seen.checks:
        summary = f"{failed.table}: the check {failed.check} failed"
        yield _Condition(failed.table, CHECK_FAILED, summary, failed.message, failed.since, failed.check)
    for broken in seen.broken:
        summary = f"{broken.table}: the check {broken.check} could not be carried out"
        yield _Condition(broken.table, CHECK_FAILED, summary, broken.reason, broken.since, broken.check)


def _failed_runs(seen: "Seen") -> Iterator[_Condition]:
    for load in reversed(seen.loads):
        if not load.check:
            yield _Condition(load.table, RUN_FAILED, f"{load.table}: a run failed", _of_run(load), load.since)


def _of_run(load: "FailedLoad") -> str:
    return f"{day_range(load.first, load.last)}, run {load.run_id}: {load.reason}"


def _left_behind(instance: "dg.DagsterInstance", now: dt.datetime) -> Iterator[_Condition]:
    from lakehouse_assets.instance.left_behind import runs_under_way

    for one in runs_under_way(instance, now):
        if one.state == "gone":
            detail = f"Dagster believes it to be {one.run.status.value} since {one.since:%Y-%m-%d %H:%M} UTC, and others wait for its tables."
            summary = f"run {one.run.run_id} was left behind: its process is gone"
            yield _Condition(f"run {one.run.run_id}", LEFT_BEHIND, summary, detail, one.since)


def _unavailable(sources: Mapping[str, str], now: dt.datetime) -> Iterator[_Condition]:
    for name, message in sources.items():
        yield _Condition(f"source {name}", SOURCE_UNAVAILABLE, f"source {name} does not answer", message, now)


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _DETAIL_LENGTH else f"{line[: _DETAIL_LENGTH - 1]}…"
