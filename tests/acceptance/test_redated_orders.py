"""An order that is corrected, re-dated, cancelled and reinstated ends the same, in whatever order its versions arrive."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import MakeLake
from lake_support import GOLD_OF_ORDERS, ORDER_COLUMNS, OwnLake, Row, order, write_rows

START = dt.date(2026, 3, 1)
DAYS = [START + dt.timedelta(days=number) for number in range(10)]
MORNING = DAYS[-1] + dt.timedelta(days=1)
FACTS_OF_ORDERS = (
    *GOLD_OF_ORDERS,
    "gold/revenue_by_industry",
    "gold/customer_daily",
    "gold/marketing_attribution",
)
STATES_OF_CUSTOMERS = ("gold/customer_360", "gold/customer_segments")
UP_TO_SILVER = ("bronze/snowflake_orders", "silver/orders")
VERSIONS: list[Row] = [
    order("moves", "2026-03-01T10:00:00Z", status="PLACED"),
    order("moves", "2026-03-03T09:00:00Z", order_date="2026-03-01", amount=Decimal("12.00")),
    order("moves", "2026-03-05T12:00:00Z", order_date="2026-03-04", amount=Decimal("12.00")),
    order("moves", "2026-03-07T08:00:00Z", order_date="2026-03-04", amount=Decimal("12.00"), status="CANCELLED"),
    order("moves", "2026-03-10T20:00:00Z", order_date="2026-03-02", amount=Decimal("13.00"), status="SHIPPED"),
]
ORDERS_OF_ARRIVAL = {
    "forwards": (0, 1, 2, 3, 4),
    "backwards": (4, 3, 2, 1, 0),
    "shuffled with repeats": (2, 0, 2, 4, 1, 4, 3),
}


def modified_on(version: Row) -> dt.date:
    return dt.date.fromisoformat(version["last_modified_ts"][:10])


@pytest.fixture(scope="module")
def settled(make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> OwnLake:
    """A lake whose ten days are loaded, with another order on each."""
    lake = make_lake(tmp_path_factory.mktemp("settled") / "one", START, (*FACTS_OF_ORDERS, *STATES_OF_CUSTOMERS))
    others = [order(f"stays on {day}", f"{day}T05:00:00Z", amount=Decimal("1.00")) for day in DAYS]
    write_rows(lake.files("snowflake/orders") / "others.csv", ORDER_COLUMNS, others)
    lake.settle(MORNING)
    return lake


@pytest.fixture
def lake(settled: OwnLake, tmp_path: Path) -> OwnLake:
    return settled.copied_to(tmp_path / "lake")


def arrive(lake: OwnLake, numbers: Sequence[int]) -> None:
    """Delivers versions, and loads the windows from the first to the last of them."""
    for number in numbers:
        write_rows(lake.files("snowflake/orders") / f"version{number}.jsonl", ORDER_COLUMNS, [VERSIONS[number]])
    windows = sorted(modified_on(VERSIONS[number]) for number in numbers)
    assert lake.load(MORNING, UP_TO_SILVER, windows[0], windows[-1]) == []


def stale_gold(days: set[dt.date]) -> set[tuple[str, dt.date]]:
    """Facts of just these days, and the states of the last three days that they can have changed."""
    states = {day for day in DAYS[-3:] if day >= min(days)}
    return {(table, day) for table in FACTS_OF_ORDERS for day in days} | {
        (table, day) for table in STATES_OF_CUSTOMERS for day in states
    }


def stale(lake: OwnLake) -> set[tuple[str, dt.date]]:
    """What is stale, but for the roll-up by month."""
    return {one for one in lake.stale(MORNING) if one[0] != "gold/customer_monthly"}


def require_final_state(lake: OwnLake) -> None:
    moved = [row["order_date"] for row in lake.rows("silver/orders") if row["order_id"] == "moves"]
    assert moved == [dt.date(2026, 3, 2)]
    facts = [
        (row["order_date"], row["amount_eur"], row["status"])
        for row in lake.rows("gold/fct_orders")
        if row["order_id"] == "moves"
    ]
    assert facts == [(dt.date(2026, 3, 2), Decimal("13.00"), "SHIPPED")]
    for table, measure in (("product_perf_daily", "gross_eur"), ("revenue_by_geography", "net_eur")):
        sums = {row["activity_date"]: row[measure] for row in lake.rows(f"gold/{table}")}
        assert sums == {day: Decimal("14.00" if day == dt.date(2026, 3, 2) else "1.00") for day in DAYS}


@pytest.mark.parametrize("arrivals", ORDERS_OF_ARRIVAL.values(), ids=ORDERS_OF_ARRIVAL)
def test_each_arrival_makes_stale_just_what_it_changed_and_the_end_is_the_same(
    lake: OwnLake, arrivals: tuple[int, ...]
) -> None:
    changed: set[dt.date] = set()
    standing: Row | None = None
    for number in arrivals:
        arrive(lake, [number])

        version = VERSIONS[number]
        newer = standing is None or version["last_modified_ts"] > standing["last_modified_ts"]
        touched = {dt.date.fromisoformat(row["order_date"]) for row in (standing, version) if row and newer}
        assert lake.last_commit("silver/orders").touched == touched
        changed |= touched
        assert stale(lake) == stale_gold(changed)
        standing = version if newer else standing

    lake.settle(MORNING)
    require_final_state(lake)


def test_all_versions_at_once_pass_over_the_days_in_between(lake: OwnLake) -> None:
    arrive(lake, range(len(VERSIONS)))

    assert stale(lake) == stale_gold({dt.date(2026, 3, 2)})
    assert lake.run(MORNING).failures == []
    assert lake.stale(MORNING) == set()
    require_final_state(lake)
