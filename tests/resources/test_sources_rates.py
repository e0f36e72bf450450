"""Rates are those that the European Central Bank published, in the windows that cover their day."""

import csv
import datetime as dt
import io
import zipfile
from collections import Counter, defaultdict
from decimal import Decimal

import pytest
from currency_converter.currency_converter import CURRENCY_FILE

from contracts.parse import load_contracts
from resources.sources.demo.source import DemoSource
from resources.sources.demo.vocabulary import COUNTRIES

RATES = load_contracts()["bronze/fx_rates"]
START = dt.date(2020, 1, 1)


@pytest.fixture(scope="module")
def published() -> dict[dt.date, dict[str, Decimal]]:
    """The package's history, read apart from the code under test."""
    with zipfile.ZipFile(CURRENCY_FILE) as archive:
        text = archive.read("eurofxref-hist.csv").decode()
    return {
        dt.date.fromisoformat(row["Date"]): {
            quote: Decimal(rate) for quote, rate in row.items() if quote not in ("Date", "") and rate not in ("", "N/A", None)
        }
        for row in csv.DictReader(io.StringIO(text))
    }  # fmt: skip


def load(first: dt.date, last: dt.date, start: dt.date = START) -> list[dict]:
    batches = DemoSource(start).extract(RATES, first, last).batches
    return [row for batch in batches for row in batch.to_pylist()]


def test_a_window_holds_the_published_rates_of_eight_days_exactly(published):
    day = dt.date(2024, 1, 3)
    delivered = defaultdict(dict)
    for row in load(day, day):
        delivered[row["rate_date"]][row["quote"]] = row["rate"]
        assert (row["base"], row["_window"], row["_source"], row["_unreadable"]) == ("EUR", day, "ecb", None)
    days = [day - dt.timedelta(days=back) for back in range(8)]
    assert delivered == {date: published[date] for date in days if date in published}
    assert {date.weekday() for date in delivered}.isdisjoint({5, 6})
    assert dt.date(2024, 1, 1) not in delivered


def test_days_after_the_last_publication_repeat_those_of_364_days_before_and_say_so(published):
    last = max(published)
    for years in (1, 2):
        day = last + dt.timedelta(days=364 * years)
        rows = [row for row in load(day, day) if row["rate_date"] == day]
        assert {row["quote"]: row["rate"] for row in rows} == published[last]
        assert {row["_source"] for row in rows} == {f"ecb, rates of {last}"}
    following = load(last + dt.timedelta(days=1), last + dt.timedelta(days=1))
    assert {row["_source"] for row in following if row["rate_date"] == last} == {"ecb"}


def test_a_range_delivers_a_rate_once_for_each_of_its_windows():
    first, last = dt.date(2024, 1, 1), dt.date(2024, 1, 10)
    together = load(first, last)
    singly = [row for number in range(10) for row in load(first + dt.timedelta(number), first + dt.timedelta(number))]
    assert together == singly
    repeated = Counter((row["rate_date"], row["quote"]) for row in together)
    assert repeated[dt.date(2024, 1, 2), "USD"] == 8
    assert repeated[dt.date(2024, 1, 10), "USD"] == 1


def test_the_count_is_that_of_the_rows():
    first, last = dt.date(2024, 1, 1), dt.date(2024, 1, 10)
    counts = Counter(row["_window"] for row in load(first, last))
    assert DemoSource(START).count(RATES, first, last) == counts


def test_every_currency_that_is_paid_with_has_a_rate_on_every_published_day_since_1999(published):
    paid = {country.currency for country in COUNTRIES} - {"EUR"}
    for date, rates in published.items():
        assert paid <= set(rates), date
