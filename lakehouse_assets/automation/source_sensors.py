"""A sensor a source: sees that a bronze table has news there, and asks for one run of exactly the days and tables that it concerns.

Today's partition grows as data arrives, with the silver and live gold tables after it. A closed day is loaded once more
when it is over, and whenever the source turns out to have more of it; which days of gold follow is another sensor's matter.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace

import dagster as dg

from contracts.errors import ConfigurationError, LakehouseError, PermanentError, RetryableError
from io_managers.staleness import Arrived, TableState
from io_managers.table_state import StateReader
from lakehouse_assets.arrivals import bronze_tables, marks_of
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation import requests
from lakehouse_assets.automation.news import Moment, news_of_sources, with_followers
from lakehouse_assets.automation.source_cursors import SUFFIX, Away, SourceCursor, read_source_cursor, still_behind
from lakehouse_assets.automation.ticks import as_result, running
from lakehouse_assets.lake import Lake

SECONDS_BETWEEN_LOOKS = 5
_Failed = Mapping[str, LakehouseError]
"""By bronze table: why the source couldn't tell of it."""


def source_sensors(lake: Lake) -> list[dg.SensorDefinition]:
    """One for each source that a contract loads from."""
    return [_source_sensor(lake, source) for source in lake.settings.sources if bronze_tables(lake.contracts, source)]


def _source_sensor(lake: Lake, source: str) -> dg.SensorDefinition:
    watch = SourceWatch(lake, source)

    @dg.sensor(
        name=f"{source}{SUFFIX}",
        minimum_interval_seconds=seconds_between_looks(lake, source),
        default_status=running(lake.settings, dg.DefaultSensorStatus),
        target=dg.AssetSelection.assets(*map(asset_key, watch.contracts)),
        description=f"Loads what {source} has more of: bronze, silver, and for today the live gold tables.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return watch.tick(context.instance, context.cursor)

    return look


def seconds_between_looks(lake: Lake, source: str) -> int:
    """How often a source is asked: every few seconds, or as its contracts say where it costs to be asked.

    Raises:
        ConfigurationError: it is one of those, and no contract says how often.
    """
    if source not in lake.settings.polled:
        return SECONDS_BETWEEN_LOOKS
    frequencies = [lake.contracts[table].frequency for table in bronze_tables(lake.contracts, source)]
    stated = [frequency for frequency in frequencies if frequency is not None]
    if not stated:
        raise ConfigurationError(
            f"LAKEHOUSE_POLLED names {source}, and no contract of its bronze tables states a frequency in slaProperties:"
            " state one, or leave the source out"
        )
    return int(min(stated).total_seconds())


class SourceWatch:
    """What one source's sensor does in a tick."""

    def __init__(self, lake: Lake, source: str) -> None:
        self._lake = lake
        self._source = source
        own = bronze_tables(lake.contracts, source)
        self.contracts = {
            table: contract for table, contract in lake.contracts.items() if contract.layer != "bronze" or table in own
        }
        self._bronze = {table: lake.contracts[table] for table in own}
        # Of its own, and small: most ticks find nothing, and look at nothing else.
        self._states = StateReader(lake.storage, self._bronze)

    def tick(self, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
        """Asks the source, and Dagster for a run if there is news."""
        now = self._lake.settings.clock()
        before = read_source_cursor(cursor)
        away = before.away
        pausing = away is not None and requests.real_now() < away.next_look
        left_alone = away.tables if away and pausing else ()
        states = self._states.states()
        arrived, failed = self._ask([table for table in self._bronze if table not in left_alone], states, now.date())
        if not pausing or failed:
            away = self._still_away(away, failed, [*left_alone, *failed]) if failed else None
        told = [str(away)] if away else []
        known = {table: self._bronze[table] for table in arrived}
        moment = Moment(known, states, self._lake.settings.start_date, now, arrived)
        news = news_of_sources(moment)
        after = SourceCursor(away, still_behind(before.behind, known, news, states, now)).text()
        if not news:
            return dg.SensorResult(
                skip_reason="; ".join([*told, *([f"nothing new in {', '.join(known)}"] if known else [])]),
                cursor=after,
            )
        loaded = {table: one for table, one in self.contracts.items() if table in known or one.layer != "bronze"}
        moment = replace(moment, contracts=loaded, states=self._lake.states())
        decision = requests.decide(
            instance, moment, lambda held: with_followers(news_of_sources(moment, held), moment, without=held)
        )
        return as_result(decision, told, cursor=after)

    def _ask(self, tables: Iterable[str], states: Mapping[str, TableState], today: dt.date) -> tuple[Arrived, _Failed]:
        """What the source holds of tables, and of which it can't tell: of all, where the source itself is away."""
        arrived: dict[str, Mapping[dt.date, frozenset[str]]] = {}
        failed: dict[str, LakehouseError] = {}
        for table in tables:
            known = (day for day, load in states[table].loads.items() if load.marks is not None)
            try:
                arrived[table] = marks_of(self._lake, table, min(known, default=today), today)
            except RetryableError as error:
                return {}, dict.fromkeys(self._bronze, error)
            except PermanentError as error:
                failed[table] = error
        return arrived, failed

    def _still_away(self, away: Away | None, failed: _Failed, tables: Iterable[str]) -> Away:
        now = requests.real_now()
        failures = (away.failures if away else 0) + 1
        named = tuple(dict.fromkeys(tables))
        return Away(
            what=self._source if len(named) == len(self._bronze) else ", ".join(named),
            tables=named,
            since=away.since if away else now,
            failures=failures,
            next_look=now + requests.pause_after(failures, self._source),
            error="; ".join(dict.fromkeys(map(str, failed.values()))),
        )
