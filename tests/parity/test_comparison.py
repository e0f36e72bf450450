"""Two lakes that differ are told apart, however small the difference, and order is none."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from tests.parity.comparison import Parity, compare_lakes
from tests.support import bare_contract

THING = bare_contract("gold/thing")
DAY = dt.date(2026, 10, 1)
ROWS = pa.table(
    {"day": [DAY, DAY, DAY], "amount": pa.array([Decimal("1.00"), Decimal("1.00"), None], pa.decimal128(18, 2))}
)


def compared(tmp_path: Path, first: pa.Table, second: pa.Table) -> Parity:
    for name, rows in (("first", first), ("second", second)):
        write_deltalake(str(tmp_path / name / "gold/thing"), rows)
    (found,) = compare_lakes(str(tmp_path / "first"), str(tmp_path / "second"), {THING.table: THING})
    return found


def test_the_same_rows_in_another_order_are_equal(tmp_path: Path) -> None:
    found = compared(tmp_path, ROWS, ROWS.take([2, 0, 1]))
    assert (found.rows, found.differences) == (3, ())
    assert int(found.checksum, 16) != 0


def test_a_row_that_is_there_once_more_is_found(tmp_path: Path) -> None:
    found = compared(tmp_path, ROWS, ROWS.take([0, 2, 2]))
    assert [line.split(":")[0] for line in found.differences] == [
        "3 rows or 3",
        "only in the first",
        "only in the second",
    ]


def test_a_value_that_differs_by_a_hundredth_is_shown(tmp_path: Path) -> None:
    other = ROWS.set_column(1, "amount", pa.array([Decimal("1.00"), Decimal("1.01"), None], pa.decimal128(18, 2)))
    assert any("1.01" in line for line in compared(tmp_path, ROWS, other).differences)


def test_a_type_and_an_order_of_columns_that_differ_are_found(tmp_path: Path) -> None:
    wider = ROWS.set_column(1, "amount", ROWS["amount"].cast(pa.decimal128(20, 2)))
    assert "decimal128(20, 2)" in compared(tmp_path / "type", ROWS, wider).differences[0]
    assert compared(tmp_path / "order", ROWS, ROWS.select(["amount", "day"])).differences != ()


def test_when_a_row_came_is_no_difference(tmp_path: Path) -> None:
    stamped = [ROWS.append_column("_ingested_at", pa.array([day] * 3)) for day in (DAY, DAY + dt.timedelta(days=1))]
    assert compared(tmp_path, *stamped).differences == ()
