"""A row arrives in exactly the windows that its cursor and the contract say, however the days are loaded."""

import datetime as dt
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.parse import load_contracts
from resources.sources.interface import SourceError, Window, delivered_schema, source_columns, source_table
from resources.sources.windows import NO_DAY, WindowCount, cursor_days, day_number, place, windows_of_days

CONTRACTS = load_contracts()
ORDERS = CONTRACTS["bronze/snowflake_orders"]
CUSTOMERS = CONTRACTS["bronze/snowflake_customers"]
RATES = CONTRACTS["bronze/fx_rates"]
START = dt.date(2026, 1, 10)
FROM_START = day_number(START)


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def arrivals(offsets: list[int | None], contract, first: int, last: int) -> Counter:
    """(row, window) pairs, both as days from the lake's start."""
    days = np.array([NO_DAY if offset is None else FROM_START + offset for offset in offsets], dtype=np.int32)
    placement = place(days, contract, Window(day(first), day(last), START))
    return Counter(zip(placement.rows.tolist(), (placement.windows - FROM_START).tolist(), strict=True))


OFFSETS = st.lists(st.none() | st.integers(-12, 15), max_size=30)
ANY_CONTRACT = st.sampled_from([ORDERS, CUSTOMERS, RATES])


@given(OFFSETS, ANY_CONTRACT, st.integers(0, 8), st.integers(0, 6))
def test_a_range_of_days_is_its_days_loaded_one_by_one(offsets, contract, first, length):
    singly = sum((arrivals(offsets, contract, n, n) for n in range(first, first + length + 1)), Counter())
    assert arrivals(offsets, contract, first, first + length) == singly


@given(OFFSETS, ANY_CONTRACT, st.integers(0, 8), st.integers(0, 6))
def test_the_count_agrees_with_the_rows_that_are_placed(offsets, contract, first, length):
    window = Window(day(first), day(first + length), START)
    count = WindowCount(contract, window)
    count.add(np.array([NO_DAY if n is None else FROM_START + n for n in offsets], dtype=np.int32))
    placed = Counter(window for _, window in arrivals(offsets, contract, first, first + length).elements())
    assert {d: n for d, n in count.by_window.items() if n} == {day(n): times for n, times in placed.items()}
    assert tuple(count.by_window) == window.days


@given(st.integers(-12, 15), st.integers(0, 4), ANY_CONTRACT, st.integers(0, 8), st.integers(0, 6))
def test_the_windows_of_a_range_of_days_are_those_in_which_its_rows_arrive(offset, more, contract, first, length):
    window = Window(day(first), day(first + length), START)
    found = windows_of_days(range(FROM_START + offset, FROM_START + offset + more + 1), contract, window)
    arrived = arrivals(list(range(offset, offset + more + 1)), contract, first, first + length)
    assert set(found) == {FROM_START + number for _, number in arrived}


def test_rows_before_the_start_arrive_in_the_first_window_of_tables_that_are_open_to_the_past():
    assert arrivals([-5, 0], CUSTOMERS, 0, 1) == Counter([(0, 0), (1, 0)])
    assert arrivals([-5, 0], ORDERS, 0, 1) == Counter([(1, 0)])
    assert arrivals([-5], CUSTOMERS, 1, 1) == Counter()


def test_rows_without_cursor_arrive_in_the_first_window_alone():
    for contract in (ORDERS, CUSTOMERS, RATES):
        assert arrivals([None], contract, 0, 9) == Counter([(0, 0)])
        assert arrivals([None], contract, 1, 9) == Counter()


def test_a_rate_arrives_in_the_eight_windows_from_its_day_on():
    assert arrivals([3], RATES, 0, 20) == Counter([(0, window) for window in range(3, 11)])
    assert arrivals([-7, -8], RATES, 0, 0) == Counter([(0, 0)])


def test_the_day_of_a_cursor_is_its_utc_day_also_before_1970():
    moments = [dt.datetime(1969, 12, 31, 23, 59, tzinfo=dt.UTC), dt.datetime(2026, 1, 10, tzinfo=dt.UTC), None]
    assert cursor_days(pa.array(moments, pa.timestamp("us", "UTC"))).tolist() == [-1, FROM_START, NO_DAY]
    assert cursor_days(pa.array([START, None])).tolist() == [FROM_START, NO_DAY]


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (2, 1)])
def test_days_before_the_start_or_in_reverse_are_refused(first, last):
    with pytest.raises(SourceError, match="LAKEHOUSE_START_DATE"):
        Window(day(first), day(last), START)


def test_a_contract_says_which_source_table_it_is_loaded_from():
    assert source_table(ORDERS) == ("snowflake", "orders")
    assert list(source_columns(RATES)) == ["rate_date", "base", "quote", "rate"]
    assert delivered_schema(RATES).names == [
        "rate_date",
        "base",
        "quote",
        "rate",
        "_window",
        "_source",
        "_unreadable",
        "_raw",
    ]


def test_a_contract_of_several_source_tables_is_refused():
    mixed = replace(ORDERS, columns=ORDERS.columns[:1] + CUSTOMERS.columns[1:2])
    with pytest.raises(SourceError, match=r"snowflake/customers.*snowflake/orders"):
        source_table(mixed)
