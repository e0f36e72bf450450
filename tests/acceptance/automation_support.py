"""The automation without its daemon: sensors look in turn, and what they ask for is run, at times that a test sets."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pytest
from lake_support import OwnLake

from contracts.days import days_between
from io_managers.batches import exact_batches
from io_managers.staleness import Cause, Outstanding, dependency_order
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation import requests
from lakehouse_assets.automation.requests import run_request
from lakehouse_assets.command.run import QUIET
from lakehouse_assets.definitions import build_definitions
from lakehouse_assets.instance.home import prepare_home
from lakehouse_assets.lake import Lake
from lakehouse_assets.partitions import run_days

Place = tuple[str, dt.date]
SAFETY_NET = "safety_net"


@dataclass(frozen=True)
class RunSeen:
    """A run that was asked for and has ended."""

    asked_by: str
    tables: frozenset[str]
    days: tuple[dt.date, ...]
    succeeded: bool

    @property
    def places(self) -> set[Place]:
        return {(table, day) for table in self.tables for day in self.days}


@dataclass
class Automation:
    """The sensors of a lake, and an instance of Dagster that they ask."""

    own: OwnLake
    instance: dg.DagsterInstance
    lake: Lake
    now: dt.datetime
    said: dict[str, str] = field(default_factory=dict)
    """The last line of each sensor."""
    observed: list[dg.AssetObservation] = field(default_factory=list)
    cursors: dict[str, str | None] = field(default_factory=dict)
    _keys: set[tuple[str, str | None]] = field(default_factory=set)
    _conditions: Any = None
    _built: tuple[dt.date, dg.Definitions] | None = None

    def at(self, now: dt.datetime) -> "Automation":
        """Sets the lakehouse's clock, and the one by which pauses pass."""
        self.now = now
        self.lake.settings = self.lake.settings.model_copy(update={"now": now})
        return self

    @property
    def definitions(self) -> dg.Definitions:
        # Partitions are counted to the clock's day.
        if self._built is None or self._built[0] != self.now.date():
            self._built = self.now.date(), build_definitions(self.lake)
        return self._built[1]

    def tick(self) -> list[RunSeen]:
        """Each sensor looks once; what one asks for is run before the next looks."""
        return [one for name in self.sensors for one in self.look(name)]

    def settle(self, ticks: int = 20) -> list[RunSeen]:
        """Ticks until nothing is asked for."""
        seen: list[RunSeen] = []
        for _ in range(ticks):
            more = self.tick()
            if not more:
                return seen
            seen += more
        raise AssertionError(f"there is no end to what is asked for: {seen[-3:]}")

    @property
    def sensors(self) -> list[str]:
        # The safety net has no function of its own: Dagster evaluates its conditions.
        return [sensor.name for sensor in self.definitions.sensors or () if sensor.name not in {SAFETY_NET, "alerts"}]

    def look(self, name: str) -> list[RunSeen]:
        """One sensor looks, and what it asks for is run."""
        context = dg.build_sensor_context(self.instance, cursor=self.cursors.get(name), sensor_name=name)
        result: Any = self.definitions.get_sensor_def(name)(context)
        self.cursors[name] = result.cursor
        self.observed += result.asset_events
        self.said[name] = result.skip_reason.skip_message if result.skip_reason else ""
        fresh = [one for one in result.run_requests or () if (name, one.run_key) not in self._keys]
        self._keys |= {(name, one.run_key) for one in fresh}
        return [self.run(name, one) for one in fresh]

    def evaluate(self) -> list[RunSeen]:
        """The safety net's conditions are evaluated once, and what they ask for is run, a run for each table and range."""
        # Dagster counts partitions by its own clock, and the definitions make up for the difference of days.
        ahead = dt.datetime.now(dt.UTC).date() - self.now.date()
        result = dg.evaluate_automation_conditions(
            self.definitions, self.instance, evaluation_time=self.now + ahead, cursor=self._conditions
        )
        self._conditions = result.cursor
        wanted = [
            Outstanding(table, dt.date.fromisoformat(day), Cause.STALE, "")
            for table in dependency_order(self.lake.contracts)
            for day in result.get_requested_partitions(asset_key(table))
        ]
        return [
            self.run(SAFETY_NET, run_request(batch, self.lake.contracts, {}, "")) for batch in exact_batches(wanted)
        ]

    def run(self, name: str, request: dg.RunRequest) -> RunSeen:
        job = self.definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            instance=self.instance,
            asset_selection=request.asset_selection,
            tags=request.tags,
            raise_on_error=False,
            run_config=QUIET,
        )
        tables = frozenset("/".join(key.path) for key in request.asset_selection or ())
        return RunSeen(name, tables, tuple(run_days(request.tags)), result.success)

    @contextmanager
    def loads_wait(self) -> Iterator[None]:
        """Lets what is asked for wait, as behind another run, until it is asked for again."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Automation, "run", lambda *_: None)
            yield
        self._keys.clear()

    def versions(self) -> dict[Place, int]:
        """Which version last loaded each day of each table."""
        return {
            (table, day): load.version
            for table, state in self.lake.states().items()
            for day, load in state.loads.items()
        }

    def status(self, table: str, first: dt.date, last: dt.date) -> set[dt.date]:
        """The days of a range that Dagster knows as materialized."""
        known = self.instance.get_materialized_partitions(dg.AssetKey(table.split("/")))
        return {day for day in days_between(first, last) if str(day) in known}


@contextmanager
def automated(own: OwnLake, now: dt.datetime) -> Iterator[Automation]:
    """The automation of a lake, from a moment on, with an instance of its own."""
    with own.environment(), dg.DagsterInstance.ephemeral() as instance, _of(own, instance, now) as automation:
        yield automation


@contextmanager
def automated_among_others(own: OwnLake, now: dt.datetime) -> Iterator[Automation]:
    """The same with the instance in the lake's home of Dagster's, which other processes use too."""
    with own.environment():
        prepare_home()
        with dg.DagsterInstance.get() as instance, _of(own, instance, now) as automation:
            yield automation


@contextmanager
def _of(own: OwnLake, instance: dg.DagsterInstance, now: dt.datetime) -> Iterator[Automation]:
    with pytest.MonkeyPatch.context() as patch:
        automation = Automation(own, instance, own.at(now.date()), now).at(now)
        patch.setattr(requests, "real_now", lambda: automation.now)
        yield automation
