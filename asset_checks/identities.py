"""Identities across published gold tables: what tables made from the same facts must have in common for every day.

An identity is data: two sums over rows by day. A table joins by adding the sums that it shares with another.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from asset_checks.figures import Figure, same
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


@dataclass(frozen=True, slots=True)
class Identity:
    """Two daily sums that are equal for every day."""

    name: str
    left: DailySum
    right: DailySum


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
_PRODUCTS = "gold/product_perf_daily"

_NET_OF_ORDERS = DailySum(_FACTS, "order_date", "case when is_net then amount_eur end")
_GROSS_OF_ORDERS = DailySum(_FACTS, "order_date", "amount_eur")
_NET_ORDERS = DailySum(_FACTS, "order_date", "case when is_net then 1 end")

IDENTITIES: tuple[Identity, ...] = (
    *(
        Identity(f"net_eur of {table}", _NET_OF_ORDERS, DailySum(table, "activity_date", "net_eur"))
        for table in (_GEOGRAPHY, _PRODUCTS)
    ),
    Identity(f"gross_eur of {_PRODUCTS}", _GROSS_OF_ORDERS, DailySum(_PRODUCTS, "activity_date", "gross_eur")),
    *(
        Identity(f"orders of {table}", _NET_ORDERS, DailySum(table, "activity_date", "orders"))
        for table in (_GEOGRAPHY, _PRODUCTS)
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
    """Compares both sides of every identity whose tables are given, day by day, with one query a table.

    Args:
        published: the tables' published rows of these days.
        days: what to compare.
        stale: the days by table that are missing, or older than what they read.
        identities: by default all.
    """
    joined = [one for one in identities if one.left.table in published and one.right.table in published]
    sums: dict[DailySum, dict[dt.date, Figure]] = {}
    for table, frame in published.items():
        sides = list(dict.fromkeys(side for one in joined for side in (one.left, one.right) if side.table == table))
        sums |= _daily_sums(frame, sides)
    results = []
    for identity in joined:
        for day in days:
            left, right = sums[identity.left].get(day, 0), sums[identity.right].get(day, 0)
            if any(day in stale.get(side.table, ()) for side in (identity.left, identity.right)):
                verdict = Verdict.STALE
            else:
                verdict = Verdict.HOLDS if same(left, right) else Verdict.BROKEN
            results.append(IdentityResult(identity, day, left, right, verdict))
    return results


def _daily_sums(frame: "DataFrame", sides: Sequence[DailySum]) -> dict[DailySum, dict[dt.date, Figure]]:
    sums: dict[DailySum, dict[dt.date, Figure]] = {side: {} for side in sides}
    for day_column in dict.fromkeys(side.day for side in sides):
        of_day = [side for side in sides if side.day == day_column]
        names = [f"side_{number}" for number in range(len(of_day))]
        terms = (f"{side.expression} as {name}" for side, name in zip(of_day, names, strict=True))
        for day, *totals in (
            frame.selectExpr(f"{quoted(day_column)} as day", *terms).groupBy("day").sum(*names).collect()
        ):
            for side, total in zip(of_day, totals, strict=True):
                sums[side][day] = total or 0
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
