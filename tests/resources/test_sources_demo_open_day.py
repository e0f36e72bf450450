"""The generated retailer on the day that is still open: what has happened by now is there, and nothing else."""

import datetime as dt

import pyarrow as pa
import pytest

from resources.sources.demo.source import DemoSource
from tests.demo_loads import CONTRACTS, START, day, load

BRONZE = {name: contract for name, contract in CONTRACTS.items() if name.startswith("bronze/")}
TIMED = {name: contract for name, contract in BRONZE.items() if contract.cursor != "rate_date"}
TODAY = day(2)
NOON = dt.datetime.combine(TODAY, dt.time(12), dt.UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now


def delivered(source: DemoSource, contract, first: int, last: int) -> pa.Table:
    return pa.Table.from_batches(source.extract(contract, day(first), day(last)).batches)


@pytest.mark.parametrize("contract", TIMED.values(), ids=TIMED.keys())
def test_the_open_day_holds_the_rows_that_are_written_by_now_in_their_order(contract):
    source = DemoSource(START, clock=Clock(NOON))
    rows = delivered(source, contract, 1, 2)
    whole = load(contract, 1, 2, scale=1).to_pylist()
    assert rows.to_pylist() == [row for row in whole if row[contract.cursor] <= NOON]
    assert len(rows) < len(whole) or contract.name == "snowflake_products"
    assert source.count(contract, day(1), day(3)) == {
        day(number): sum(row["_window"] == day(number) for row in rows.to_pylist()) for number in (1, 2, 3)
    }


def test_the_day_is_whole_once_it_is_over_and_a_row_comes_with_the_second_in_which_it_is_written():
    contract = BRONZE["bronze/snowflake_orders"]
    clock = Clock(NOON)
    source = DemoSource(START, clock=clock)
    seen = 0
    for moment in sorted(set(load(contract, 2, 2, scale=1)[contract.cursor].to_pylist()))[:20]:
        clock.now = moment - dt.timedelta(microseconds=1)
        assert delivered(source, contract, 2, 2).num_rows == seen
        clock.now = moment
        assert delivered(source, contract, 2, 2).num_rows > seen
        seen = delivered(source, contract, 2, 2).num_rows
    clock.now = NOON + dt.timedelta(days=1)
    assert delivered(source, contract, 2, 2).equals(load(contract, 2, 2, scale=1))


@pytest.mark.parametrize("contract", TIMED.values(), ids=TIMED.keys())
def test_a_window_gets_another_mark_exactly_when_it_has_more_rows_and_when_it_is_over(contract):
    clock = Clock(NOON)
    source = DemoSource(START, clock=clock)
    seen, rows = source.marks(contract, START, TODAY), source.count(contract, START, TODAY)
    for minutes in (0, 1, 60, 600):
        clock.now = NOON + dt.timedelta(minutes=minutes)
        marks, more = source.marks(contract, START, TODAY), source.count(contract, START, TODAY)
        assert {one for one in marks if marks[one] - seen[one]} == {one for one in more if more[one] > rows[one]}
        seen, rows = marks, more
    clock.now = NOON + dt.timedelta(days=1)
    over = source.marks(contract, START, TODAY)
    assert {one for one in over if over[one] - seen[one]} == {TODAY}
    assert source.marks(contract, START, TODAY) == over


def test_an_extraction_bears_the_marks_of_what_it_delivered():
    clock = Clock(NOON)
    source = DemoSource(START, clock=clock)
    contract = BRONZE["bronze/redshift_customer_behavior"]
    extraction = source.extract(contract, START, TODAY)
    before = source.marks(contract, START, TODAY)
    clock.now = NOON + dt.timedelta(hours=1)
    rows = sum(batch.num_rows for batch in extraction.batches)
    assert extraction.marks == before != source.marks(contract, START, TODAY)
    assert rows == sum(extraction.rows_by_window.values())


def test_rates_of_the_open_day_are_there_from_its_start():
    contract = BRONZE["bronze/fx_rates"]
    assert delivered(DemoSource(START, clock=Clock(NOON)), contract, 2, 2).equals(load(contract, 2, 2))
