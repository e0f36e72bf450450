"""Dagster's declarative automation, the safety net: silver and gold that are missing or behind are run, whatever was overlooked.

It also is what lets gold tables that are not live follow today's data every quarter of an hour. What is outstanding is said
by the same function as everywhere, so that nothing runs twice for the same data, and a change of code makes nothing run.
"""

import datetime as dt
import warnings
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from lakehouse_assets.automation.news import news_of_tables
from lakehouse_assets.automation.ticks import EVERY_QUARTER, made_from_tables, moment_of, running
from lakehouse_assets.lake import Lake


class News:
    """What is outstanding in silver and gold, found once for all assets that one evaluation asks for."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._of: tuple[dt.datetime | None, dict[str, set[str]]] = None, {}

    def days(self, table: str, evaluation: dt.datetime) -> set[str]:
        """The partition keys of a table that are outstanding, today's included."""
        if self._of[0] != evaluation:
            found: dict[str, set[str]] = {}
            for one in news_of_tables(moment_of(self._lake)):
                found.setdefault(one.table, set()).add(one.day.isoformat())
            self._of = evaluation, found
        return self._of[1].get(table, set())


@dataclass(frozen=True)
class Outstanding(dg.AutomationCondition[dg.AssetKey]):
    """The partitions of an asset that are missing or stale by the tables' own logs."""

    news: News = field(compare=False)

    @property
    def name(self) -> str:
        return "outstanding"

    @property
    def description(self) -> str:
        return "Missing or stale by the tables' own logs"

    def evaluate(self, context: "dg.AutomationContext[dg.AssetKey]") -> "dg.AutomationResult[dg.AssetKey]":
        days = self.news.days(context.key.to_user_string(), context.evaluation_time)
        return dg.AutomationResult(context, context.candidate_subset.compute_intersection_with_partition_keys(days))


def newly_behind(news: News) -> dg.AutomationCondition[Any]:
    """Became outstanding, or got newer inputs, since it was last asked for or loaded: the same data is never tried twice."""
    outstanding = Outstanding(news)
    return (
        (outstanding.newly_true() | dg.AutomationCondition.any_deps_updated()).since(
            dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
        )
        & outstanding
    ).with_label("newly behind")


def nothing_at_work() -> dg.AutomationCondition[Any]:
    """No run is loading the partition, or what it is made from."""
    return (~dg.AutomationCondition.in_progress() & ~dg.AutomationCondition.any_deps_in_progress()).with_label(
        "nothing at work"
    )


def not_failed() -> dg.AutomationCondition[Any]:
    """The last run of the partition didn't fail: trying that again is for the sensors, which know why it failed."""
    return ~dg.AutomationCondition.execution_failed()


def of_the_last_month() -> dg.AutomationCondition[Any]:
    """Today and 30 days before: the longest restatement window. What is older is a backfill's matter."""
    return dg.AutomationCondition.in_latest_time_window(dt.timedelta(days=31))


def safety_net(news: News) -> dg.AutomationCondition[Any]:
    """What runs a silver or gold table by itself: at each quarter of an hour, what is behind and nobody is at."""
    return (
        dg.AutomationCondition.cron_tick_passed(EVERY_QUARTER)
        & of_the_last_month()
        & newly_behind(news)
        & nothing_at_work()
        & not_failed()
    ).with_label("behind at a quarter of an hour")


def condition_sensor(lake: Lake) -> dg.SensorDefinition:
    """The sensor that evaluates the conditions: in the code location, since one of them reads the tables' logs."""
    with warnings.catch_warnings():
        # The pinned Dagster warns that conditions of one's own are beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.AutomationConditionSensorDefinition(
            "safety_net",
            target=made_from_tables(lake),
            default_status=running(lake.settings, dg.DefaultSensorStatus),
            minimum_interval_seconds=60,
            use_user_code_server=True,
            description="Runs what is missing or behind in silver and gold at each quarter of an hour, today's partitions included.",
        )
