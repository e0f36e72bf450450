"""Rows as people read them, and as JSON that loses nothing."""

import datetime as dt
import io
import json
from collections import Counter
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from lakehouse_assets.command.rows import print_rows, shown, to_json, to_records


def printed(rows: pa.Table, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_rows(rows, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_numbers_stand_to_the_right_and_nulls_are_shown() -> None:
    rows = pa.table({"name": ["a", None], "n": [5, None], "[b]": [Decimal("1.50"), Decimal("20.00")]})
    assert printed(rows, 80) == ["name     n    [b]", "a        5   1.50", "null  null  20.00"]


def test_columns_without_rows_are_named() -> None:
    assert printed(pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.int64())}), 80) == ["a  b"]


def test_a_table_that_is_too_wide_is_continued_below_with_its_first_column() -> None:
    rows = pa.table({"id": ["1", "2"], **{f"column_{number}": ["x" * 10] * 2 for number in range(4)}})
    assert printed(rows, 30) == [
        "id  column_0    column_1", "1   xxxxxxxxxx  xxxxxxxxxx", "2   xxxxxxxxxx  xxxxxxxxxx", "",
        "id  column_2    column_3", "1   xxxxxxxxxx  xxxxxxxxxx", "2   xxxxxxxxxx  xxxxxxxxxx",
    ]  # fmt: skip
    assert printed(rows, 100)[0].split() == rows.column_names


def test_a_long_value_is_folded_where_there_is_no_room_for_it() -> None:
    rows = pa.table({"id": ["1"], "text": ["y" * 70]})
    assert printed(rows, 100)[1] == f"1   {'y' * 70}"
    assert printed(rows, 60) == ["id  text", f"1   {'y' * 56}", f"    {'y' * 14}"]


@given(
    st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=90), min_size=1, max_size=5),
    st.integers(50, 120),
)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_left_out(values: list[str], width: int) -> None:
    lines = printed(pa.table({f"c{number}": [value] for number, value in enumerate(values)}), width)
    assert max(map(cell_len, lines)) <= width
    shown_characters = Counter("".join(lines))
    assert not Counter("".join(values).replace(" ", "")) - shown_characters


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.30"), "12.30"),
        (Decimal("1E+3"), "1000"),
        (0.1 + 0.2, "0.3"),
        (2.0, "2"),
        (1e-9, "1e-09"),
        (float("nan"), "nan"),
        (True, "true"),
        (dt.date(2026, 10, 5), "2026-10-05"),
        (dt.datetime(2026, 10, 5, 12, tzinfo=dt.UTC), "2026-10-05 12:00:00"),
        ([{"a": Decimal("1.10")}], '[{"a": 1.10}]'),
        (b"\x01\xff", "01ff"),
    ],
)
def test_values_read_as_people_write_them(value: object, text: str) -> None:
    assert shown(value) == text


def test_json_keeps_every_digit_and_writes_times_as_iso_8601() -> None:
    rows = pa.table(
        {
            "amount": pa.array([Decimal("12345678901234567.80"), None], pa.decimal128(38, 2)),
            "at": pa.array([dt.datetime(2026, 10, 5, 12, 0, 0, 1, dt.UTC)] * 2, pa.timestamp("us", "UTC")),
            "day": [dt.date(2026, 10, 5)] * 2,
            "share": [float("nan"), 0.25],
            "labels": pa.array([[("a", "é")], []], pa.map_(pa.string(), pa.string())),
        }
    )
    first, second = (json.loads(to_json(record), parse_float=Decimal) for record in to_records(rows))
    assert first == {
        "amount": Decimal("12345678901234567.80"), "at": "2026-10-05T12:00:00.000001Z", "day": "2026-10-05", "share": "NaN",
        "labels": {"a": "é"},
    }  # fmt: skip
    assert (second["amount"], second["share"], second["labels"]) == (None, Decimal("0.25"), {})


def test_columns_of_one_name_are_told_apart() -> None:
    rows = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "a", "a_2"])
    assert list(to_records(rows)) == [{"a": 1, "a_2": 2, "a_2_2": 3}]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_is_read_back_as_it_was(value: object) -> None:
    assert json.loads(to_json(value)) == value
