"""Times in text."""

import datetime as dt
from typing import TYPE_CHECKING

from lakehouse_assets.silver.instants import instant_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def read(spark: "SparkSession", texts: list[str | None]) -> dict[str | None, dt.datetime | None]:
    rows = spark.createDataFrame([(text,) for text in texts], "delivered string")
    made = rows.selectExpr("delivered", f"{instant_of('delivered')} as instant").toArrow().to_pylist()
    return {row["delivered"]: row["instant"] for row in made}


def at(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type, misc]


def test_iso_8601_is_read_in_utc_unless_it_names_an_offset(spark: "SparkSession") -> None:
    expected: dict[str | None, dt.datetime | None] = {
        "2026-03-10T10:20:30Z": at(2026, 3, 10, 10, 20, 30),
        "2026-03-10T10:20:30": at(2026, 3, 10, 10, 20, 30),
        "2026-03-10 10:20:30.5": at(2026, 3, 10, 10, 20, 30, 500_000),
        "2026-03-10T10:20:30.123456Z": at(2026, 3, 10, 10, 20, 30, 123_456),
        "2026-03-10T10:20:30.123456000Z": at(2026, 3, 10, 10, 20, 30, 123_456),
        "2026-03-10T00:20:30+01:00": at(2026, 3, 9, 23, 20, 30),
        "2026-03-10T10:20:30-0530": at(2026, 3, 10, 15, 50, 30),
        "2026-03-10T10:20:30+01": at(2026, 3, 10, 9, 20, 30),
        "2026-03-10T10:20Z": at(2026, 3, 10, 10, 20),
        "2026-03-10T10:20+02:00": at(2026, 3, 10, 8, 20),
        "2026-03-10T10:20": at(2026, 3, 10, 10, 20),
        "2024-02-29": at(2024, 2, 29),
        "2024-02-29T23:59:59.999999Z": at(2024, 2, 29, 23, 59, 59, 999_999),
        " 2026-03-10T10:20:30Z ": at(2026, 3, 10, 10, 20, 30),
    }
    assert read(spark, list(expected)) == expected


def test_what_denotes_no_time_is_null(spark: "SparkSession") -> None:
    others = [
        None, "", " ", "yesterday", "10:20:30", "T10:20:30", "2026", "2026-03", "20260310", "1773138030", "1773138030000", "10.03.2026",
        "2026-3-1", "2026-02-29", "2026-02-30T10:00:00Z", "2026-13-01", "2026-03-10T24:00:00Z", "2026-03-10T10:60:00Z", "2026-03-10T10:20:60Z",
        "2026-03-10T10", "2026-03-10T10:20:30.1234567Z", "2026-03-10T10:20:30 Europe/Berlin", "2026-03-10T10:20:30+25:00", "2026-03-10T10:20:30Z\n",
    ]  # fmt: skip
    assert read(spark, list(others)) == dict.fromkeys(others)
