"""gold/customer_segments on rows made by hand, and against a plain model of its definition."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asset_checks.rules import with_broken_rules
from lakehouse_assets.gold.customer_segments import customer_segments
from tests.support import MakeFrame, Row, collected

DAY = dt.date(2026, 3, 10)
BOUGHT = {"customer_id": "c1", "activity_date": "2026-03-10", "orders": 1, "net_eur": "10.00"}
CUSTOMER = {"customer_id": "c1", "is_deleted": False, "valid_from": "2026-01-01", "valid_to": None}
COLUMNS = (
    "customer_id", "snapshot_date", "recency_days", "frequency", "monetary_eur", "recency_quintile", "frequency_quintile",
    "monetary_quintile", "rfm_score", "segment",
)  # fmt: skip


def bought(customer: str, day: str, orders: int = 1, net_eur: str = "10.00") -> Row:
    return {"customer_id": customer, "activity_date": day, "orders": orders, "net_eur": net_eur}


@pytest.fixture
def segments(rows_of: MakeFrame):
    def build(daily=(BOUGHT,), customers=(), days: Sequence[dt.date] = (DAY,)):
        return customer_segments(
            rows_of("gold/customer_daily", *daily), rows_of("silver/customers", *customers), days
        )  # fmt: skip

    return build


def test_the_orders_of_a_year_are_summed_and_ranked(segments, contracts) -> None:
    daily = [
        bought("a", "2026-03-10", 1, "5.00"),
        bought("b", "2026-03-01", 3, "20.00"),
        bought("b", "2026-02-01", 1, "0.50"),
        bought("c", "2025-12-31", 1, "30.00"),
        # Neither a day without net orders nor one without any makes an order newer.
        bought("c", "2026-03-10", 0, "0.00"),
    ]
    frame = segments(daily)
    assert collected(frame, *COLUMNS) == [
        ("a", DAY, 0, 1, Decimal("5.00"), 3, 1, 1, "311", "needs_attention"),
        ("b", DAY, 9, 4, Decimal("20.50"), 2, 3, 2, "232", "at_risk"),
        ("c", DAY, 69, 1, Decimal("30.00"), 1, 2, 3, "123", "hibernating"),
    ]
    contract = contracts["gold/customer_segments"]
    judged = with_broken_rules(frame, contract)
    assert judged.where("_broken_rules is not null").count() == 0
    types = {field.name: field.dataType.simpleString() for field in frame.schema.fields if field.name != "monetary_eur"}
    assert types == {column.name: column.type for column in contract.columns if column.name != "monetary_eur"}


def test_a_year_is_the_365_days_that_end_with_the_day(segments) -> None:
    """Also where it has a 29 February, which pushes the first of them by a day."""
    daily = [
        bought("first", "2025-03-11"),
        bought("too_old", "2025-03-10"),
        bought("today", "2026-03-10"),
        bought("tomorrow", "2026-03-11"),
    ]
    assert collected(segments(daily), "customer_id", "recency_days") == [("first", 364), ("today", 0)]
    leap = [bought("first", "2027-03-02"), bought("too_old", "2027-03-01"), bought("leap_day", "2028-02-29")]
    assert collected(segments(leap, days=[dt.date(2028, 2, 29)]), "customer_id", "recency_days") == [
        ("first", 364),
        ("leap_day", 0),
    ]


def test_customers_deleted_as_of_the_day_are_left_out_and_unknown_ones_stay(segments) -> None:
    gone = CUSTOMER | {"is_deleted": True}
    versions = [
        CUSTOMER | {"customer_id": "known"},
        gone | {"customer_id": "deleted", "valid_from": "2026-03-10T23:59:59.999999"},
        gone | {"customer_id": "deleted_next_day", "valid_from": "2026-03-11"},
        gone | {"customer_id": "revived_today", "valid_to": "2026-03-10T23:59:59.999999"},
        CUSTOMER | {"customer_id": "revived_today", "valid_from": "2026-03-10T23:59:59.999999"},
        gone | {"customer_id": "revived_next_day", "valid_to": "2026-03-11"},
        CUSTOMER | {"customer_id": "revived_next_day", "valid_from": "2026-03-11"},
    ]
    names = {"unknown", *(version["customer_id"] for version in versions)}
    days = [DAY, dt.date(2026, 3, 11)]
    found = collected(segments([bought(name, "2026-03-01") for name in names], versions, days), *COLUMNS[:2])
    assert {name for name, day in found if day == DAY} == names - {"deleted", "revived_next_day"}
    assert {name for name, day in found if day != DAY} == names - {"deleted", "deleted_next_day"}


def test_quintiles_are_as_even_as_can_be_and_equal_customers_are_ordered_by_name(segments) -> None:
    """Of seven, the two worst quintiles have two customers; the best by name is the last, in all three."""
    names = ["0", "1", "10", "2", "A", "a", "ä"]
    assert collected(segments([bought(name, "2026-03-01") for name in names]), "customer_id", "rfm_score") == [
        ("0", "111"), ("1", "111"), ("10", "222"), ("2", "222"), ("A", "333"), ("a", "444"), ("ä", "555"),
    ]  # fmt: skip


def test_deleted_customers_take_no_place_in_quintiles(segments) -> None:
    names = ["a", "b", "c", "d", "e", "f"]
    gone = CUSTOMER | {"customer_id": "a", "is_deleted": True}
    rows = collected(segments([bought(name, "2026-03-01") for name in names], [gone]), "customer_id", "rfm_score")
    assert rows == [("b", "111"), ("c", "222"), ("d", "333"), ("e", "444"), ("f", "555")]


def test_nothing_gives_nothing(segments) -> None:
    assert collected(segments([]), *COLUMNS) == []
    assert collected(segments([BOUGHT | {"orders": 0}]), *COLUMNS) == []


def named(recency: int, frequency: int, monetary: int) -> str:
    """The segment by the order of the definition."""
    if min(recency, frequency, monetary) >= 4:
        return "champions"
    if recency >= 3 and frequency >= 3:
        return "loyal"
    if recency >= 4:
        return "recent"
    if recency == 3:
        return "needs_attention"
    return "at_risk" if frequency >= 3 else "hibernating"


def expected(daily: Sequence[Row], deleted: set[tuple[str, dt.date]], days: Sequence[dt.date]) -> list[tuple]:
    """The definition in plain Python, day by day."""
    rows = []
    for day in days:
        measures = {}
        for customer in {row["customer_id"] for row in daily}:
            year = [
                row
                for row in daily
                if row["customer_id"] == customer
                and row["orders"]
                and 0 <= (day - dt.date.fromisoformat(row["activity_date"])).days < 365
            ]
            if year and (customer, day) not in deleted:
                measures[customer] = (
                    min((day - dt.date.fromisoformat(row["activity_date"])).days for row in year),
                    sum(row["orders"] for row in year),
                    sum((Decimal(row["net_eur"]) for row in year), Decimal()),
                )
        places = []
        for number, sign in enumerate((-1, 1, 1)):
            ranked = sorted(measures, key=lambda name: (sign * measures[name][number], name))
            places.append(dict(zip(ranked, ntile(len(ranked)), strict=True)))
        for name, measured in measures.items():
            quintiles = [place[name] for place in places]
            rows.append((name, day, *measured, *quintiles, "".join(map(str, quintiles)), named(*quintiles)))
    return sorted(rows, key=repr)


def ntile(count: int) -> list[int]:
    """The fifths of so many ranked customers: as many in each, the first ones one more."""
    size, more = divmod(count, 5)
    return [fifth for fifth in range(1, 6) for _ in range(size + (fifth <= more))]


LAST = dt.date(2028, 3, 1)
"""So that leap day is among the days of the snapshots."""
NAMES = [f"c{number}" for number in range(12)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.sampled_from([0, 1, 2, 3, 40, 362, 363, 364, 365, 366, 367]),
            st.integers(0, 2),
            st.integers(0, 3),
        ),
        max_size=60,
        unique_by=lambda row: row[:2],
    ),
    st.sets(st.sampled_from(NAMES), max_size=3),
    st.lists(st.integers(0, 400), min_size=1, max_size=4, unique=True),
)
def test_days_together_and_one_alone_are_what_the_definition_says(segments, history, gone, ages) -> None:
    """For snapshots a few days apart, which have most of their year in common, and for years that share no day."""
    days = sorted(LAST - dt.timedelta(days=age) for age in {0, 1, *ages})
    daily = [
        bought(name, (LAST - dt.timedelta(days=age)).isoformat(), orders, f"{euros}.25" if orders else "0.00")
        for name, age, orders, euros in history
    ]
    customers = [
        {"customer_id": name, "is_deleted": True, "valid_from": f"{days[1]}T12:00:00", "valid_to": None}
        for name in gone
    ]
    deleted = {(name, day) for name in gone for day in days[1:]}
    assert collected(segments(daily, customers, days), *COLUMNS) == expected(daily, deleted, days)
    assert collected(segments(daily, customers, days[1:2]), *COLUMNS) == expected(daily, deleted, days[1:2])


def test_the_first_segment_that_applies_is_the_customer_s(segments) -> None:
    """Thirty customers whose recency, frequency and euros rank them differently: every segment occurs."""
    daily = [
        bought(f"c{number:02}", (DAY - dt.timedelta(days=number)).isoformat(), 1 + number * 7 % 30, f"{number * 11 % 30}.00")
        for number in range(30)
    ]  # fmt: skip
    rows = collected(segments(daily), *COLUMNS)
    assert rows == expected(daily, set(), [DAY])
    assert {row[-1] for row in rows} == {"champions", "loyal", "recent", "needs_attention", "at_risk", "hibernating"}
