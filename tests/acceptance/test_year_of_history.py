"""What looks back a year, or for good, ends where the data model says: on days of which only the first and the last few are loaded."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal

import pytest
from conftest import MakeLake
from lake_support import SALT, OwnLake, Row, order, write_rows
from oracle import Oracle
from oracle_comparison import FACT_KEYS, SNAPSHOT_KEYS, day_of, differences
from oracle_silver import DAY, Delivered, Greatest, midnight
from whole_model_data import customer, event

START = dt.date(2027, 3, 1)
LEAP_DAY = dt.date(2028, 2, 29)
"""The first day whose 365 days leave the lake's first one out."""
FIRST_DAYS = (START, START + 2 * DAY)
LAST_DAYS = (LEAP_DAY - 2 * DAY, LEAP_DAY + 2 * DAY)


def orders(first: dt.date, last: dt.date) -> list[Row]:
    days = [first + number * DAY for number in range((last - first).days + 1)]
    return [
        order(f"{buyer} {day}", "", customer_id=buyer, amount=Decimal(f"{day.day}.37"))
        | {"order_date": day, "last_modified_ts": midnight(day) + DAY / 3}
        for day in days
        for buyer in ("early", "always", f"of {day}", "unknown", "deleted")
        if buyer != "early" or day <= FIRST_DAYS[1]
    ]


@pytest.fixture(scope="module")
def delivered() -> Delivered:
    return Delivered(
        orders=[*orders(*FIRST_DAYS), *orders(*LAST_DAYS)],
        customers=[
            *(customer(customer_id, midnight(START)) for customer_id in ("early", "always", "deleted", "idle")),
            customer("deleted", midnight(LEAP_DAY), is_deleted=True),
        ],
        behavior=[
            event(
                f"{customer_id} {day}",
                midnight(day) + DAY / 2,
                customer_id=customer_id,
                session_id=f"{customer_id} {day}",
            )
            for day in (*FIRST_DAYS, *LAST_DAYS)
            for customer_id in ("always", "idle", "only looks")
            if customer_id != "idle" or day in FIRST_DAYS
        ],
    )


@pytest.fixture(scope="module")
def lake(delivered: Delivered, make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> OwnLake:
    lake = make_lake(tmp_path_factory.mktemp("year"), START)
    for place, rows in (
        ("snowflake/orders", delivered.orders),
        ("snowflake/customers", delivered.customers),
        ("redshift/customer_behavior", delivered.behavior),
    ):
        write_rows(lake.files(place) / "all.parquet", list(rows[0]), rows)
    for first, last in (FIRST_DAYS, LAST_DAYS):
        assert lake.load(LAST_DAYS[1] + DAY, lake.contracts, first, last) == []
    return lake


@pytest.mark.parametrize("table", FACT_KEYS | SNAPSHOT_KEYS)
def test_the_last_days_of_a_year(lake: OwnLake, delivered: Delivered, greatest: Greatest, table: str) -> None:
    oracle = Oracle(delivered, START, LAST_DAYS[1], SALT, greatest)
    loaded = [row for row in oracle.rows(table) if day_of(row) <= FIRST_DAYS[1] or day_of(row) >= LAST_DAYS[0]]

    assert differences(lake.rows(table), loaded, (FACT_KEYS | SNAPSHOT_KEYS)[table]) == []


def test_an_order_counts_for_365_days(lake: OwnLake) -> None:
    buyers: dict[dt.date, set[str]] = defaultdict(set)
    for row in lake.rows("gold/customer_segments"):
        buyers[row["snapshot_date"]].add(row["customer_id"])

    assert f"of {START}" in buyers[LEAP_DAY - DAY]
    assert f"of {START}" not in buyers[LEAP_DAY]
    assert f"of {START + DAY}" in buyers[LEAP_DAY]
