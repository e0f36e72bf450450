"""What a day reads of another table: what the predicate lets through, and which files are opened for it."""

import datetime as dt
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field, write_deltalake
from deltalake.schema import PrimitiveType
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.model import CURRENT, Contract, Read
from io_managers.reads import read_frame, read_predicate, reads_any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

START = dt.date(2026, 1, 25)
DATES = [START + dt.timedelta(days=number) for number in range(70)]
"""Across the ends of two months, the shorter of which is February."""
ORDERS, RATES, CUSTOMERS = "silver/orders", "silver/fx_rates", "silver/customers"

days_apart = st.integers(-40, 40)
reads = st.one_of(
    st.tuples(days_apart, days_apart).map(lambda pair: Read("", "days", min(pair), max(pair))),
    st.tuples(st.sampled_from(["since_month_of", "before_month_of"]), st.integers(-40, 0)).map(
        lambda pair: Read("", *pair)
    ),
    st.sampled_from([Read("", "month"), Read("", "all")]),
)
ranges = st.tuples(st.sampled_from(DATES), st.integers(0, 9)).map(
    lambda pair: (pair[0], pair[0] + dt.timedelta(days=pair[1]))
)


def days_of(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]


@pytest.fixture(scope="module")
def dated(spark: "SparkSession") -> "DataFrame":
    """A row a date, with the columns by which tables are read."""
    listed = ", ".join(f"date'{day}'" for day in DATES)
    return spark.sql(
        f"select date as order_date, date as rate_date, date_format(date, 'yyyy-MM') as rate_month from (select explode(array({listed})) as date)"
    )


@settings(max_examples=60, deadline=None)
@given(read=reads, span=ranges)
@pytest.mark.parametrize("table", [ORDERS, RATES])
def test_every_row_that_a_day_reads_is_let_through(
    dated: "DataFrame", contracts: Mapping[str, Contract], table: str, read: Read, span: tuple[dt.date, dt.date]
) -> None:
    upstream = contracts[table]
    let_through = {
        row[0] for row in dated.where(read_predicate(upstream, read, *span)).select(upstream.touched_column).collect()
    }
    needed = {date for date in DATES if any(reads_any(read, day, [date]) for day in days_of(*span))}
    assert needed <= let_through
    # Dates between what the days read are let through, none beyond them.
    assert not needed or (min(needed), max(needed)) == (min(let_through), max(let_through))
    assert needed or not let_through


@pytest.fixture(scope="module")
def versions(spark: "SparkSession") -> "DataFrame":
    """Versions from and to every few midnights and times between, some of them still valid, as change application stores them."""
    listed = ", ".join(f"timestamp'{day} 00:00:00', timestamp'{day} 23:59:59.999999'" for day in DATES[::4])
    return spark.sql(
        f"""select valid_from, valid_to, coalesce(date_format(valid_to, 'yyyy-MM'), '{CURRENT}') as valid_to_month
        from (select explode(array({listed})) as valid_from)
        cross join (select explode(array({listed}, cast(null as timestamp))) as valid_to)
        where valid_to is null or valid_to > valid_from"""
    )


@settings(max_examples=25, deadline=None)
@given(span=ranges)
def test_every_version_that_is_valid_at_the_end_of_a_day_is_let_through(
    versions: "DataFrame", contracts: Mapping[str, Contract], span: tuple[dt.date, dt.date]
) -> None:
    ends = ", ".join(f"timestamp'{day + dt.timedelta(days=1)} 00:00:00'" for day in days_of(*span))
    predicate = read_predicate(contracts[CUSTOMERS], Read(CUSTOMERS, "as_of"), *span)
    valid = f"exists(array({ends}), moment -> valid_from < moment and (valid_to is null or valid_to >= moment))"
    counted = versions.selectExpr(
        f"count_if({valid} and not ({predicate})) as missing", f"count_if(not ({valid}) and valid_to_month = '{CURRENT}' and ({predicate})) as surplus", f"count_if({valid}) as valid"
    ).collect()[0]  # fmt: skip
    assert (counted["missing"], counted["surplus"]) == (0, 0)
    assert counted["valid"] > 0


def test_a_state_is_changed_by_what_happened_up_to_the_days_end() -> None:
    day, read = dt.date(2026, 2, 1), Read("", "as_of")
    before, after = day - dt.timedelta(days=300), day + dt.timedelta(days=1)
    assert reads_any(read, day, [before])
    assert reads_any(read, day, [day])
    assert reads_any(read, day, [after, before])
    assert not reads_any(read, day, [after])


@pytest.mark.parametrize("kind", ["days", "month", "all", "as_of"])
def test_no_date_is_read_by_nobody(kind: Any) -> None:
    assert not reads_any(Read("", kind), START, [])


@pytest.mark.parametrize(
    ("read", "oldest", "newest"),
    [
        (Read("", "days"), "2026-02-10", "2026-02-10"),
        (Read("", "days", -7, 0), "2026-02-03", "2026-02-10"),
        (Read("", "days", -1, 2), "2026-02-09", "2026-02-12"),
        (Read("", "month"), "2026-02-01", "2026-02-28"),
    ],
)
def test_the_dates_of_each_kind_of_read(read: Read, oldest: str, newest: str) -> None:
    day = dt.date(2026, 2, 10)
    found = [str(date) for date in DATES if reads_any(read, day, [date])]
    assert (found[0], found[-1]) == (oldest, newest)


def test_everything_up_to_the_day_reaches_back_for_ever() -> None:
    day = dt.date(2026, 2, 10)
    assert reads_any(Read("", "all"), day, [dt.date(1, 1, 1)])
    assert reads_any(Read("", "all"), day, [day])
    assert not reads_any(Read("", "all"), day, [day + dt.timedelta(days=1)])


def stored(folder: Path, contract: Contract, rows: Iterable[Mapping[str, Any]]) -> str:
    """A table of the contract with a row each; columns that aren't given are null."""
    schema = pa.schema(field.with_nullable(True) for field in contract.arrow_schema)
    write_deltalake(
        str(folder),
        pa.Table.from_pylist(list(rows), schema=schema),
        partition_by=[contract.partition_column],
        # Without statistics, partition values alone tell which files are needed.
        configuration={"delta.dataSkippingNumIndexedCols": "0"},
    )
    return str(folder)


def remove_partitions(path: str, column: str, kept: set[str]) -> None:
    """Deletes the files of all partitions but some, so that opening another one fails."""
    for folder in Path(path).glob(f"{column}=*"):
        if folder.name.removeprefix(f"{column}=") not in kept:
            shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("read", "kept"),
    [
        (Read(ORDERS, "days"), {"2026-02-27", "2026-02-28", "2026-03-01"}),
        (Read(ORDERS, "days", -1, 0), {"2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01"}),
        (Read(ORDERS, "month"), {str(date) for date in DATES if date.month in {2, 3}}),
        (Read(ORDERS, "all"), {str(date) for date in DATES if date <= dt.date(2026, 3, 1)}),
    ],
)
def test_only_the_days_that_are_read_are_opened(
    spark: "SparkSession", tmp_path: Path, contracts: Mapping[str, Contract], read: Read, kept: set[str]
) -> None:
    path = stored(
        tmp_path / "orders", contracts[ORDERS], ({"order_id": str(date), "order_date": date} for date in DATES)
    )
    remove_partitions(path, "order_date", kept)
    predicate = read_predicate(contracts[ORDERS], read, dt.date(2026, 2, 27), dt.date(2026, 3, 1))
    frame = read_frame(spark, path, 0, contracts[ORDERS], predicate)
    assert {row["order_id"] for row in frame.collect()} == kept


@pytest.mark.parametrize(
    ("first", "last", "months", "dates"),
    [
        ("2026-02-10", "2026-02-10", {"2026-02"}, ("2026-02-03", "2026-02-10")),
        ("2026-02-05", "2026-02-06", {"2026-01", "2026-02"}, ("2026-01-29", "2026-02-06")),
        ("2026-02-28", "2026-03-01", {"2026-02", "2026-03"}, ("2026-02-21", "2026-03-01")),
    ],
)
def test_only_the_months_that_are_read_are_opened(
    spark: "SparkSession", tmp_path: Path, contracts: Mapping[str, Contract], first: str, last: str, months: set[str], dates: tuple[str, str],
) -> None:  # fmt: skip
    rows = ({"rate_date": date, "currency": "USD", "rate_month": f"{date:%Y-%m}"} for date in DATES)
    path = stored(tmp_path / "rates", contracts[RATES], rows)
    remove_partitions(path, "rate_month", months)
    days = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    predicate = read_predicate(contracts[RATES], Read(RATES, "days", -7, 0), *days)
    found = [str(row["rate_date"]) for row in read_frame(spark, path, 0, contracts[RATES], predicate).collect()]
    assert (min(found), max(found)) == dates


def test_only_versions_that_can_still_be_valid_are_opened(
    spark: "SparkSession", tmp_path: Path, contracts: Mapping[str, Contract]
) -> None:
    def version(key: str, start: str, end: str | None) -> dict[str, Any]:
        valid_from, valid_to = (
            dt.datetime.fromisoformat(f"{text}T00:00:00Z") if text else None for text in (start, end)
        )
        return {
            "customer_id": key,
            "valid_from": valid_from,
            "valid_to": valid_to,
            "valid_to_month": (end or CURRENT)[:7],
        }

    rows = [
        version("ended", "2026-01-01", "2026-01-31"),
        version("ends in the month", "2026-01-01", "2026-02-11"),
        version("ends later", "2026-01-01", "2026-03-05"),
        version("stands", "2026-02-10", None),
        version("comes later", "2026-02-12", None),
    ]
    path = stored(tmp_path / "customers", contracts[CUSTOMERS], rows)
    remove_partitions(path, "valid_to_month", {"2026-02", "2026-03", CURRENT})
    day = dt.date(2026, 2, 10)
    predicate = read_predicate(contracts[CUSTOMERS], Read(CUSTOMERS, "as_of"), day, day)
    frame = read_frame(spark, path, 0, contracts[CUSTOMERS], predicate)
    assert {row["customer_id"] for row in frame.collect()} == {"ends in the month", "ends later", "stands"}


def test_a_version_that_ends_with_the_months_last_moment_is_read(contracts: Mapping[str, Contract]) -> None:
    """A day's end is the next day's midnight, which on a month's last day is of the next month."""
    predicate = read_predicate(
        contracts[CUSTOMERS], Read(CUSTOMERS, "as_of"), dt.date(2026, 1, 31), dt.date(2026, 1, 31)
    )
    assert ">= '2026-02'" in predicate


def test_a_frame_keeps_to_its_version_and_to_the_contracts_columns(
    spark: "SparkSession", tmp_path: Path, contracts: Mapping[str, Contract]
) -> None:
    contract = contracts[ORDERS]
    path = stored(tmp_path / "orders", contract, [{"order_id": "1", "order_date": START}])
    frame = read_frame(spark, path, 0, contract, None)
    DeltaTable(path).alter.add_columns([Field("later", PrimitiveType("string"))])
    write_deltalake(path, DeltaTable(path).to_pyarrow_table(), mode="append")
    assert frame.count() == 1
    assert [row["order_id"] for row in frame.collect()] == ["1"]
    newest = read_frame(spark, path, DeltaTable(path).version(), contract, None)
    assert (newest.count(), newest.columns) == (2, [column.name for column in contract.columns])


def test_the_days_since_a_month_and_the_months_before_it_are_everything_up_to_a_day() -> None:
    """For 31 May, 89 days before lie in March."""
    day = dt.date(2026, 5, 31)
    recent, earlier = Read("", "since_month_of", -89), Read("", "before_month_of", -89)
    assert reads_any(recent, day, [dt.date(2026, 3, 1)])
    assert not reads_any(earlier, day, [dt.date(2026, 3, 1)])
    assert reads_any(earlier, day, [dt.date(2026, 2, 28)])
    assert not reads_any(recent, day, [dt.date(2026, 2, 28)])
    assert reads_any(recent, day, [day])
    assert not reads_any(recent, day, [dt.date(2026, 6, 1)])
