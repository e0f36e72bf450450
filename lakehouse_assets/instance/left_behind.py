"""Runs that Dagster believes to be under way although their process is gone: found, and ended.

A process that is killed leaves its run STARTED for ever, and whatever waits for its pool with it. Every executor records
the id of its process as it starts, which is what a run is judged by; never by its checks' records, which stay planned
wherever a run ends early.
"""

import datetime as dt
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import dagster as dg

from lakehouse_assets.instance.event_log import BatchedSqliteEventLogStorage

HOST_TAG = "lakehouse/host"
"""Tells on which machine a run's process is."""
UNDER_WAY = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING)
SILENCE = dt.timedelta(minutes=15)
"""A run that recorded no process and says nothing for so long never got one, or lost it."""
_CLOCKS_DIFFER = dt.timedelta(minutes=1)

State = Literal["running", "gone", "elsewhere", "starting"]


@dataclass(frozen=True)
class RunUnderWay:
    """A run that hasn't ended as far as Dagster knows, and what became of its process."""

    run: dg.DagsterRun
    since: dt.datetime
    state: State
    """`elsewhere`: its process is on another machine, where it can't be looked for from here."""
    processes: tuple[int, ...]


def host_tags() -> dict[str, str]:
    """The tags of a run whose process is this one."""
    return {HOST_TAG: platform.node()}


def runs_under_way(instance: dg.DagsterInstance, now: dt.datetime) -> list[RunUnderWay]:
    """Every run that is STARTING, STARTED or CANCELING, oldest first."""
    records = instance.get_run_records(dg.RunsFilter(statuses=list(UNDER_WAY)), ascending=True)
    found = []
    for record in records:
        run = record.dagster_run
        processes = dict(_processes(instance, run.run_id))
        last_event = max((_last_event(instance, run.run_id), record.create_timestamp.replace(tzinfo=dt.UTC)))
        state = _state(instance, run, processes, silent_for=now - last_event)
        since = record.start_time or record.create_timestamp.replace(tzinfo=dt.UTC).timestamp()
        found.append(RunUnderWay(run, dt.datetime.fromtimestamp(since, dt.UTC), state, tuple(processes)))
    return found


def end(instance: dg.DagsterInstance, left: RunUnderWay) -> bool:
    """Tells Dagster that a run is over: cancelled where that was under way, else failed. False where it has ended by itself since."""
    run = instance.get_run_by_id(left.run.run_id)
    if run is None or run.is_finished:
        return False
    message = "Its process is gone: killed, or its machine went down. What it published stands; the rest is loaded by the next run."
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, message)
    else:
        instance.report_run_failed(run, message)
    return True


def _state(
    instance: dg.DagsterInstance, run: dg.DagsterRun, processes: dict[int, dt.datetime], silent_for: dt.timedelta
) -> State:
    # Databases in a folder are this machine's; others may hold runs of many.
    here = isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
    if run.tags.get(HOST_TAG, platform.node() if here else "") != platform.node():
        return "elsewhere"
    if processes:
        return "running" if any(is_alive(pid, when) for pid, when in processes.items()) else "gone"
    return "gone" if silent_for > SILENCE else "starting"


def _processes(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[int, dt.datetime]]:
    """The ids of the processes that a run recorded, and when."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None and str(pid.value).isdigit():
            yield int(str(pid.value)), dt.datetime.fromtimestamp(entry.timestamp, dt.UTC)


def _last_event(instance: dg.DagsterInstance, run_id: str) -> dt.datetime:
    newest = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    return dt.datetime.fromtimestamp(newest[0].event_log_entry.timestamp if newest else 0, dt.UTC)


def is_alive(pid: int, recorded: dt.datetime) -> bool:
    """Whether the process that had this id at a time still runs. One that was started later is another process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, and someone else's
    try:
        ended, started = _proc_state(pid)
    except (OSError, ValueError, IndexError):  # no /proc on this system: the id is all there is to go by
        return True
    return not ended and started <= recorded + _CLOCKS_DIFFER


def _proc_state(pid: int) -> tuple[bool, dt.datetime]:
    """Whether a process has ended and only waits to be noticed, and when it started."""
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[18])
    boot = next(line.split()[1] for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    started = int(boot) + ticks / os.sysconf("SC_CLK_TCK")
    return state in {"Z", "X"}, dt.datetime.fromtimestamp(started, dt.UTC)
