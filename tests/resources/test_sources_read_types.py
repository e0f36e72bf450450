"""Delivered values are read exactly, the same in bulk as one by one, and what can't be read is kept."""

import datetime as dt
import json
import re
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.parse import load_contracts
from resources.sources.interface import LINE, RAW, UNREADABLE, SourceError
from resources.sources.read_types import (
    malformed_lines,
    read_column,
    read_date,
    read_decimal,
    read_double,
    read_timestamp,
    read_types,
)

ORDERS = load_contracts()["bronze/snowflake_orders"]
MONEY = pa.decimal128(18, 2)
INSTANT = pa.timestamp("us", tz="UTC")


def read(values: list[str | None], kind: pa.DataType) -> list:
    return read_column(pa.array(values, pa.string()), kind).to_pylist()


def exact_decimal(text: str, precision: int, scale: int) -> Decimal | None:
    """Independent of the code under test: what the decimal module says fits without rounding."""
    stripped = text.strip(" \t\r\n")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", stripped, re.ASCII):
        return None
    with localcontext(Context(prec=precision, traps=[Inexact, InvalidOperation])):
        try:
            return Decimal(stripped).quantize(Decimal(1).scaleb(-scale))
        except (Inexact, InvalidOperation):
            return None


DIGITS = st.text("0123456789", min_size=0, max_size=22)
NUMBERS = st.one_of(
    st.builds(
        lambda blank, sign, whole, point, fraction, zeros, exponent: (
            blank + sign + whole + point + (fraction + "0" * zeros if point else "") + exponent + blank
        ),
        st.sampled_from(["", "", "", " ", "\t"]),
        st.sampled_from(["", "-", "+"]),
        DIGITS,
        st.sampled_from(["", "."]),
        st.text("0123456789", max_size=4),
        st.integers(0, 12),
        st.sampled_from(["", "", "", "e1", "E-2", "e+20", "e-9999", "e99999"]),
    ),
    st.sampled_from(["NaN", "Infinity", "1,000.00", "", " ", "٣", "1_000", "0x1", "--1", "1e", "-", "."]),
)
DATE_LIKE = st.builds(
    "{}-{}-{}".format,
    st.sampled_from(["0000", "0001", "0999", "1000", "1900", "1999", "2000", "2024", "2026", "9998", "9999", "26"]),
    st.sampled_from(["00", "01", "02", "03", "04", "06", "09", "10", "11", "12", "13", "2"]),
    st.sampled_from(["00", "01", "09", "10", "28", "29", "30", "31", "32", "1"]),
)
TIMESTAMP_LIKE = st.builds(
    lambda blank, date, separator, time, fraction, zone: blank + date + separator + time + fraction + zone,
    st.sampled_from(["", "", "", " "]),
    DATE_LIKE,
    st.sampled_from(["T", " ", "", "t", "  "]),
    st.sampled_from(["", "00:00", "00:00:00", "23:59:59", "24:00:00", "12:60:00", "12:00:60", "7:00", "12"]),
    st.sampled_from(["", "", ".", ".0", ".5", ".123456", ".123456000", ".1234567", ".0000000001"]),
    st.sampled_from(["", "", "Z", "z", "+00:00", "-00", "+02:00", "-1130", "+23:59", "-23:59", "+24:00", "+1", " UTC"]),
)


@given(st.lists(NUMBERS, max_size=20), st.sampled_from([(18, 2), (18, 10), (5, 2), (38, 0), (38, 38), (3, 3)]))
def test_decimals_are_what_the_digits_say_or_unreadable(texts: list[str], kind: tuple[int, int]):
    assert read(texts, pa.decimal128(*kind)) == [exact_decimal(text, *kind) for text in texts]


@given(st.lists(NUMBERS, max_size=20), st.sampled_from([pa.int32(), pa.int64()]))
def test_integers_are_whole_and_within_the_type(texts: list[str], kind: pa.DataType):
    most = 2 ** (kind.bit_width - 1)
    whole = [exact_decimal(text, 19, 0) for text in texts]
    assert read(texts, kind) == [None if n is None or not -most <= n < most else int(n) for n in whole]


@given(st.lists(TIMESTAMP_LIKE, max_size=20))
@example(["2024-02-29T10:00:00Z", "2023-02-29T10:00:00Z", "1000-01-01T00:00+23:59", "9999-12-31T23:59-23:59"])
def test_timestamps_read_in_bulk_are_those_read_one_by_one(texts: list[str]):
    assert read(texts, INSTANT) == [read_timestamp(text) for text in texts]


@given(st.lists(TIMESTAMP_LIKE, max_size=20))
def test_dates_read_in_bulk_are_those_read_one_by_one(texts: list[str]):
    assert read(texts, pa.date32()) == [read_date(text) for text in texts]


@given(st.lists(NUMBERS, max_size=20))
def test_doubles_read_in_bulk_are_those_read_one_by_one(texts: list[str]):
    assert read(texts, pa.float64()) == [read_double(text) for text in texts]


@given(
    st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 12, 31)),
    st.integers(-23 * 60, 23 * 60),
    st.sampled_from(["T", " "]),
    st.sampled_from(["auto", "microseconds"]),
)
def test_timestamps_of_any_offset_become_utc(local: dt.datetime, offset: int, separator: str, precision: str):
    moment = local.replace(tzinfo=dt.timezone(dt.timedelta(minutes=offset)))
    assert read([moment.isoformat(separator, precision)], INSTANT) == [moment.astimezone(dt.UTC)]
    assert read([local.isoformat(separator, precision)], INSTANT) == [local.replace(tzinfo=dt.UTC)]


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=2), st.integers(0, 9))
def test_every_decimal_of_the_scale_is_read_whatever_zeros_follow(value: Decimal, zeros: int):
    assert read([f"{value}{'0' * zeros}"], MONEY) == [value]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_text_is_as_delivered(texts: list[str]):
    assert read(texts, pa.string()) == texts


@pytest.mark.parametrize(
    ("text", "value"),
    [("12.345", None), ("12.3400", Decimal("12.34")), ("1e2", Decimal(100)), ("12,34", None), ("-0", Decimal(0))],
)
def test_decimals_beyond_the_scale_are_unreadable(text: str, value: Decimal | None):
    assert read([text], MONEY) == [value]


def test_booleans_are_read_in_any_case():
    assert read(["true", "T", "Yes", "1", "FALSE", "f", "no", "0", " true ", "maybe", "", None], pa.bool_()) == [
        *[True] * 4,
        *[False] * 4,
        True,
        None,
        None,
        None,
    ]


def test_fractions_finer_than_microseconds_are_not_cut_off():
    assert read(["2026-01-02T03:04:05.123456000Z", "2026-01-02T03:04:05.1234567Z"], INSTANT) == [
        dt.datetime(2026, 1, 2, 3, 4, 5, 123456, dt.UTC),
        None,
    ]


@pytest.mark.parametrize(
    ("values", "kind", "read_values"),
    [
        (pa.array([12.34, 12.345, float("nan"), 1e2]), MONEY, [Decimal("12.34"), None, None, Decimal(100)]),
        (pa.array([0.1], pa.float32()), MONEY, [Decimal("0.1")]),
        (pa.array([3, -1]), MONEY, [Decimal(3), Decimal(-1)]),
        (pa.array([Decimal("1.2300"), Decimal("1.2345")]), MONEY, [Decimal("1.23"), None]),
        (pa.array([2**31, 5]), pa.int32(), [None, 5]),
        (pa.array([2.0, 2.5]), pa.int32(), [2, None]),
        (pa.array([42, 7]), pa.string(), ["42", "7"]),
        (pa.array(["a", None], pa.large_string()), pa.string(), ["a", None]),
        (pa.array([b"a", b"\xff"]), pa.string(), ["a", None]),
        (pa.array(["1", "1", "2"]).dictionary_encode(), pa.int32(), [1, 1, 2]),
        (pa.array([{"a": 1}, None]), pa.string(), ['{"a": 1}', None]),
        (pa.array([0], pa.timestamp("ms", "Asia/Tokyo")), pa.string(), ["1970-01-01 00:00:00.000Z"]),
        (pa.array([1, 0]), pa.bool_(), [True, False]),
        (pa.nulls(2), MONEY, [None, None]),
        (pa.array([1_000, 1_001], pa.timestamp("ns")), INSTANT, [dt.datetime(1970, 1, 1, microsecond=1, tzinfo=dt.UTC), None]),
        (pa.array([-1_000, -1], pa.timestamp("ns")), INSTANT, [dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC), None]),
        (pa.array([0, 2**62], pa.timestamp("s", "Europe/Berlin")), INSTANT, [dt.datetime(1970, 1, 1, tzinfo=dt.UTC), None]),
        (pa.array([dt.date(2026, 1, 2)]), INSTANT, [dt.datetime(2026, 1, 2, tzinfo=dt.UTC)]),
        (pa.array([dt.datetime(2026, 1, 2), dt.datetime(2026, 1, 2, 1)]), pa.date32(), [dt.date(2026, 1, 2), None]),
        (pa.array([dt.date(2026, 1, 2)], pa.date64()), pa.date32(), [dt.date(2026, 1, 2)]),
        (pa.array([dt.time(1, 2)]), pa.date32(), [None]),
    ],
)  # fmt: skip
def test_typed_values_are_cast_only_where_nothing_is_lost(values: pa.Array, kind: pa.DataType, read_values: list):
    assert read_column(values, kind).to_pylist() == read_values


def test_a_nested_column_type_is_refused_by_name():
    with pytest.raises(SourceError, match="list<item: string>"):
        read(["[]"], pa.list_(pa.string()))


def delivered(**columns: list) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})


def test_unreadable_columns_are_named_and_the_whole_row_is_kept():
    rows = read_types(
        delivered(
            order_id=["0042", "NA", "3"],
            order_date=["2026-01-02", "2026-02-30", None],
            amount=["1.00", "12.345", "5"],
            last_modified_ts=["2026-01-02T00:00:00Z"] * 3,
            colour=["red", "blue", "green"],
        ),
        ORDERS,
    )
    assert rows.column("order_id").to_pylist() == ["0042", "NA", "3"]
    assert rows.column(UNREADABLE).to_pylist() == [None, ["order_date", "amount"], None]
    raw = rows.column(RAW).to_pylist()
    assert raw[0] is None
    assert raw[2] is None
    assert json.loads(raw[1]) == {
        "order_id": "NA",
        "order_date": "2026-02-30",
        "amount": "12.345",
        "last_modified_ts": "2026-01-02T00:00:00Z",
        "colour": "blue",
    }


def test_a_row_without_cursor_keeps_its_raw_text_though_all_of_it_is_readable():
    rows = read_types(delivered(order_id=["1", "2"], last_modified_ts=[None, "2026-01-01"]), ORDERS)
    assert rows.column(UNREADABLE).to_pylist() == [None, None]
    assert [json.loads(raw) if raw else None for raw in rows.column(RAW).to_pylist()] == [
        {"order_id": "1", "last_modified_ts": None},
        None,
    ]


def test_columns_that_were_not_delivered_are_null_and_a_stand_in_is_not_part_of_the_raw_row():
    rows = read_types(
        delivered(order_id=["1"], order_date=["2026-02-30"]), ORDERS, {"last_modified_ts": pa.array(["2026-02-30"])}
    )
    assert rows.column("currency").to_pylist() == [None]
    assert rows.column(UNREADABLE).to_pylist() == [["order_date", "last_modified_ts"]]
    assert json.loads(rows.column(RAW)[0].as_py()) == {"order_id": "1", "order_date": "2026-02-30"}


def test_raw_text_of_typed_values_is_json_whatever_they_are():
    rows = read_types(
        delivered(order_id=[b"\xff"], amount=[float("nan")], last_modified_ts=[dt.datetime(2026, 1, 1)]), ORDERS
    )
    assert rows.column(UNREADABLE).to_pylist() == [["order_id", "amount"]]
    assert json.loads(rows.column(RAW)[0].as_py())["order_id"] == "\\xff"


def test_a_malformed_line_has_no_values_and_keeps_its_text():
    rows = malformed_lines(['{"order_id": 1'], ORDERS)
    assert rows.schema.names == read_types(delivered(order_id=["1"]), ORDERS).schema.names
    assert rows.column("order_id").to_pylist() == [None]
    assert rows.column(UNREADABLE).to_pylist() == [[LINE]]
    assert json.loads(rows.column(RAW)[0].as_py()) == {LINE: '{"order_id": 1'}


@given(st.integers(1, 40), st.sampled_from([(38, 10), (18, 2)]))
def test_single_reading_never_expands_huge_exponents(digits: int, kind: tuple[int, int]):
    assert read_decimal("9" * digits + "e9999", *kind) is None
