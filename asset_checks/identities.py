"""Identities across published gold tables: what tables made from the same facts must have in common for every day.

An identity is data: two sums by day. A table joins by adding the sums that it shares with another.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from asset_checks.figures import Figure, same
from contracts.days import start_of_month
from contracts.model import Read
from contracts.row_rules import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True)
class DailySum:
    """The sum of a Spark SQL expression over a table's rows of a day; nulls count as 0."""

    table: str
    day: str
    """The table's date column."""
    expression: str

    @property
    def reads(self) -> tuple[Read, ...]:
        """What has to be read for a range of days."""
        return (Read(self.table, "days"),)


@dataclass(frozen=True, slots=True)
class LifetimeSum:
    """The sum of a column over all rows up to a day, without those of customers that are deleted as of the day's end."""

    table: str
    """The table by day. Days before the month of the first one asked for are read from its roll-up."""
    day: str
    expression: str
    """The column that is summed, of this name in both tables."""
    monthly: str
    """The table's roll-up by month."""
    month: str
    """The roll-up's date column, the first of the month."""
    customers: str
    """The history of customers."""

    @property
    def reads(self) -> tuple[Read, ...]:
        """What has to be read for a range of days."""
        return (
            Read(self.table, "since_month_of"),
            Read(self.monthly, "before_month_of"),
            Read(self.customers, "as_of"),
        )


Side = DailySum | LifetimeSum


@dataclass(frozen=True, slots=True)
class Identity:
    """Two sums by day that are equal for every day."""

    name: str
    left: Side
    right: Side

    @property
    def reads(self) -> tuple[Read, ...]:
        """What has to be read of which tables to compare a range of days."""
        return (*self.left.reads, *self.right.reads)


class Verdict(StrEnum):
    """What a day's comparison says. Days that are still to be loaded again are no proof of anything."""

    HOLDS = "holds"
    BROKEN = "broken"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class IdentityResult:
    """An identity's two sides on a day."""

    identity: Identity
    day: dt.date
    left: Figure
    right: Figure
    verdict: Verdict

    @property
    def passed(self) -> bool:
        return self.verdict is not Verdict.BROKEN


_FACTS = "gold/fct_orders"
_GEOGRAPHY = "gold/revenue_by_geography"
_INDUSTRY = "gold/revenue_by_industry"
_PRODUCTS = "gold/product_perf_daily"
_CUSTOMERS = "gold/customer_daily"
_ATTRIBUTION = "gold/marketing_attribution"
_PROFILES = "gold/customer_360"
_MODELS = ("first_touch", "last_touch", "linear")


def _of_orders(expression: str) -> DailySum:
    return DailySum(_FACTS, "order_date", expression)


def _of_day(table: str, expression: str) -> DailySum:
    return DailySum(table, "activity_date", expression)


def _of_snapshot(table: str, expression: str) -> DailySum:
    return DailySum(table, "snapshot_date", expression)


_NET_OF_ORDERS = _of_orders("case when is_net then amount_eur end")
_NET_OF_ACCOUNTS = _of_orders("case when is_net and account_id is not null then amount_eur end")
_NET_ORDERS_OF_ACCOUNTS = _of_orders("case when is_net and account_id is not null then 1 end")
_GROSS_OF_ORDERS = _of_orders("amount_eur")
_NET_ORDERS = _of_orders("case when is_net then 1 end")
_CANCELLED_ORDERS = _of_orders("case when not is_net then 1 end")
_ORDERS = _of_orders("1")

IDENTITIES: tuple[Identity, ...] = (
    *(
        Identity(f"net_eur of {table}", _NET_OF_ORDERS, _of_day(table, "net_eur"))
        for table in (_GEOGRAPHY, _PRODUCTS, _CUSTOMERS)
    ),
    *(
        Identity(f"gross_eur of {table}", _GROSS_OF_ORDERS, _of_day(table, "gross_eur"))
        for table in (_PRODUCTS, _CUSTOMERS)
    ),
    *(
        Identity(f"orders of {table}", _NET_ORDERS, _of_day(table, "orders"))
        for table in (_GEOGRAPHY, _PRODUCTS, _CUSTOMERS)
    ),
    Identity(f"cancelled_orders of {_CUSTOMERS}", _CANCELLED_ORDERS, _of_day(_CUSTOMERS, "cancelled_orders")),
    Identity(f"net_eur of {_INDUSTRY}", _NET_OF_ACCOUNTS, _of_day(_INDUSTRY, "net_eur")),
    Identity(f"orders of {_INDUSTRY}", _NET_ORDERS_OF_ACCOUNTS, _of_day(_INDUSTRY, "orders")),
    *(
        Identity(
            f"{measure} of {_ATTRIBUTION} by {model}",
            whole,
            _of_day(_ATTRIBUTION, f"case when model = '{model}' then {measure} end"),
        )
        for model in _MODELS
        for measure, whole in (("net_eur", _NET_OF_ORDERS), ("credit", _ORDERS))
    ),
    Identity(
        f"customers of {_PROFILES}",
        _of_snapshot("gold/dim_customers", "1"),
        _of_snapshot(_PROFILES, "case when last_modified_ts is not null then 1 end"),
    ),
    Identity(
        f"lifetime_net_eur of {_PROFILES}",
        LifetimeSum(_CUSTOMERS, "activity_date", "net_eur", "gold/customer_monthly", "month_start", "silver/customers"),
        _of_snapshot(_PROFILES, "lifetime_net_eur"),
    ),
)


def identities_of(table: str, identities: Iterable[Identity] = IDENTITIES) -> tuple[Identity, ...]:
    """The identities that a table is a side of."""
    return tuple(identity for identity in identities if table in (identity.left.table, identity.right.table))


def evaluate_identities(
    published: Mapping[str, "DataFrame"],
    days: Sequence[dt.date],
    stale: Mapping[str, Collection[dt.date]],
    identities: Iterable[Identity] = IDENTITIES,
) -> list[IdentityResult]:
    """Compares both sides of every identity whose tables are given, day by day, with one query a table and kind of sum.

    Args:
        published: the tables' published rows, as the identities read them for these days.
        days: what to compare, ascending.
        stale: the days by table that are missing, or older than what they read.
        identities: by default all.
    """
    joined = [one for one in identities if all(read.table in published for read in one.reads)]
    sums: dict[Side, dict[dt.date, Figure]] = {}
    every_side = list(dict.fromkeys(side for one in joined for side in (one.left, one.right)))
    for table, frame in published.items():
        sums |= _daily_sums(frame, [side for side in every_side if isinstance(side, DailySum) and side.table == table])
    for side in every_side:
        if isinstance(side, LifetimeSum) and days:
            sums[side] = _lifetime_sums(published, side, days)
    results = []
    for identity in joined:
        for day in days:
            left, right = sums[identity.left].get(day, 0), sums[identity.right].get(day, 0)
            if any(_is_stale(side, day, days, stale) for side in (identity.left, identity.right)):
                verdict = Verdict.STALE
            else:
                verdict = Verdict.HOLDS if same(left, right) else Verdict.BROKEN
            results.append(IdentityResult(identity, day, left, right, verdict))
    return results


def _is_stale(side: Side, day: dt.date, days: Sequence[dt.date], stale: Mapping[str, Collection[dt.date]]) -> bool:
    if day in stale.get(side.table, ()):
        return True
    return isinstance(side, LifetimeSum) and any(one < start_of_month(days[0]) for one in stale.get(side.monthly, ()))


def _daily_sums(frame: "DataFrame", sides: Sequence[DailySum]) -> dict[Side, dict[dt.date, Figure]]:
    sums: dict[Side, dict[dt.date, Figure]] = {side: {} for side in sides}
    for day_column in dict.fromkeys(side.day for side in sides):
        of_day = [side for side in sides if side.day == day_column]
        names = [f"side_{number}" for number in range(len(of_day))]
        terms = (f"{side.expression} as {name}" for side, name in zip(of_day, names, strict=True))
        by_day = frame.selectExpr(f"{quoted(day_column)} as day", *terms).groupBy("day")
        for day, *totals in by_day.agg(dict.fromkeys(names, "sum")).collect():
            for side, total in zip(of_day, totals, strict=True):
                sums[side][day] = total or 0
    return sums


def _lifetime_sums(
    published: Mapping[str, "DataFrame"], side: LifetimeSum, days: Sequence[dt.date]
) -> dict[dt.date, Figure]:
    """The sum up to each of the days: what everyone has, less what those have who are deleted by then."""
    first_of_month = start_of_month(days[0])
    listed = ", ".join(f"date'{day}'" for day in days)
    deleted = (
        published[side.customers]
        .where("is_deleted")
        .selectExpr("customer_id", "valid_from", "valid_to", f"explode(array({listed})) as snapshot")
        .where(
            "valid_from < cast(date_add(snapshot, 1) as timestamp)"
            " and (valid_to is null or valid_to >= cast(date_add(snapshot, 1) as timestamp))"
        )
        .select("customer_id", "snapshot")
    )
    sums: dict[dt.date, Figure] = dict.fromkeys(days, 0)
    for table, column, condition in (
        (side.table, side.day, f">= date'{first_of_month}'"),
        (side.monthly, side.month, f"< date'{first_of_month}'"),
    ):
        rows = (
            published[table]
            .where(f"{quoted(column)} {condition}")
            .selectExpr("customer_id", f"{quoted(column)} as day", f"{side.expression} as measure")
        )
        for day, total in rows.groupBy("day").agg({"measure": "sum"}).collect():
            for snapshot in (one for one in days if one >= day):
                sums[snapshot] += total or 0
        of_deleted = deleted.join(rows, "customer_id").where("day <= snapshot").groupBy("snapshot")
        for snapshot, total in of_deleted.agg({"measure": "sum"}).collect():
            sums[snapshot] -= total or 0
    return sums


_NAMED = 5


def describe(results: Sequence[IdentityResult]) -> str:
    """What a check of identities says: how many hold, which don't and by how much, and what to do."""
    broken = [result for result in results if result.verdict is Verdict.BROKEN]
    stale = sum(result.verdict is Verdict.STALE for result in results)
    waiting = f"; {stale} not judged, since a day of theirs has to be loaded first" if stale else ""
    if not broken:
        return f"{len(results) - stale} of {len(results)} comparisons hold{waiting}"
    named = "; ".join(
        f"{one.identity.name} on {one.day}: {one.left} in {one.identity.left.table}, {one.right} in {one.identity.right.table}"
        for one in broken[:_NAMED]
    )
    more = f"; and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    repair = "Load these days of the tables again; if they still differ, one of the tables drops or repeats orders."
    return f"{len(broken)} of {len(results)} comparisons are broken{waiting}: {named}{more}. {repair}"
