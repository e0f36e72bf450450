"""The index of files saves opening them, and never changes what is loaded."""

import datetime as dt
import json
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.parse import load_contracts
from resources.sources.files.folder import DataFile, Folder
from resources.sources.files.index import FileFacts, FileIndex
from resources.sources.files.source import FilesSource

ORDERS = load_contracts()["bronze/snowflake_orders"]
RATES = load_contracts()["bronze/fx_rates"]
CUSTOMERS = load_contracts()["bronze/snowflake_customers"]
START = dt.date(2026, 1, 1)
TENTH = dt.date(2026, 1, 10)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for table in ("snowflake/orders", "snowflake/customers", "fx/rates"):
        (tmp_path / "files" / table).mkdir(parents=True)
    return tmp_path / "files"


def write_orders(root: Path, name: str, *moments: str) -> Path:
    path = root / "snowflake" / "orders" / name
    path.write_text(
        "order_id,last_modified_ts\n" + "".join(f"{name}-{n},{moment}\n" for n, moment in enumerate(moments))
    )
    return path


def source(root: Path, start: dt.date = START) -> FilesSource:
    return FilesSource(start, files_root=str(root), index_folder=str(root.parent / "index"))


def extract(root: Path, first: dt.date, last: dt.date, contract=ORDERS, start: dt.date = START):
    """The extraction, exhausted, and its rows."""
    extraction = source(root, start).extract(contract, first, last)
    return extraction, [row for batch in extraction.batches for row in batch.to_pylist()]


def test_a_later_day_opens_only_files_that_have_rows_of_it(root):
    for number in range(1, 21):
        write_orders(root, f"{number:02}.csv", f"2026-01-{number:02}")
    write_orders(root, "long.csv", "2026-01-01", "2026-01-10", "2026-01-31")
    write_orders(root, "around.csv", "2026-01-01", "2026-01-31")
    first, _ = extract(root, START, START)
    assert len(first.files_read) == 22
    later, rows = extract(root, TENTH, TENTH)
    assert later.files_read == ("10.csv", "long.csv")
    assert [row["order_id"] for row in rows] == ["10.csv-0", "long.csv-1"]
    assert source(root).count(ORDERS, TENTH, TENTH) == {TENTH: 2}


def test_a_new_or_changed_file_is_opened(root):
    kept = write_orders(root, "a.csv", "2026-01-01")
    changed = write_orders(root, "b.csv", "2026-01-01")
    extract(root, START, START)
    write_orders(root, "b.csv", "2026-01-10", "2026-01-10")
    write_orders(root, "c.csv", "2026-01-10")
    extraction, rows = extract(root, TENTH, TENTH)
    assert extraction.files_read == ("b.csv", "c.csv")
    assert len(rows) == 3
    status = changed.stat()
    changed.write_text(changed.read_text().replace("2026-01-10", "2026-01-11"))
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert changed.stat().st_size == status.st_size
    assert extract(root, TENTH, TENTH)[0].files_read == ("b.csv", "c.csv")
    assert kept.name not in extract(root, TENTH, TENTH)[0].files_read


def test_files_that_stay_closed_still_report_rows_without_cursor_and_unknown_columns(root):
    path = root / "snowflake" / "orders" / "a.csv"
    path.write_text("order_id,last_modified_ts,x\n1,,\n2,never,\n3,2026-01-01,1\n")
    extract(root, START, START)
    extraction, rows = extract(root, TENTH, TENTH)
    assert (extraction.files_read, rows) == ((), [])
    assert extraction.rows_without_cursor == 2
    assert extraction.unknown_columns == {"a.csv": ("x",)}
    assert extract(root, START, START)[0].files_read == ("a.csv",)


def test_the_first_window_opens_the_past_where_it_is_open(root):
    (root / "snowflake" / "customers" / "a.csv").write_text("customer_id,last_modified_ts\n1,2001-01-01\n")
    extract(root, TENTH, TENTH, CUSTOMERS)
    assert extract(root, TENTH, TENTH, CUSTOMERS)[0].files_read == ()
    assert len(extract(root, START, START, CUSTOMERS)[1]) == 1


def test_overlapping_windows_open_the_files_of_the_days_before(root):
    (root / "fx" / "rates" / "a.csv").write_text("rate_date,base,quote,rate\n2026-01-03,EUR,USD,1\n")
    extract(root, START, START, RATES)
    assert len(extract(root, TENTH, TENTH, RATES)[1]) == 1
    assert extract(root, TENTH + dt.timedelta(1), TENTH + dt.timedelta(1), RATES)[0].files_read == ()


def test_another_start_of_the_lake_forgets_what_was_learned(root):
    write_orders(root, "a.csv", "2026-01-01")
    extract(root, START, START)
    assert extract(root, TENTH, TENTH)[0].files_read == ()
    assert extract(root, TENTH, TENTH, start=dt.date(2025, 1, 1))[0].files_read == ("a.csv",)


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"files": 1}'])
def test_a_damaged_index_is_learned_anew(root, damage):
    write_orders(root, "a.csv", "2026-01-01")
    extract(root, START, START)
    (index,) = (root.parent / "index").iterdir()
    index.write_text(damage)
    assert extract(root, TENTH, TENTH)[0].files_read == ("a.csv",)
    assert extract(root, TENTH, TENTH)[0].files_read == ()


def test_only_the_windows_that_a_new_or_changed_file_has_rows_of_get_another_mark(root):
    write_orders(root, "a.csv", "2026-01-01", "2026-01-05")
    changed = write_orders(root, "b.csv", "2026-01-01")
    before = source(root).marks(ORDERS, START, TENTH)
    assert {day.day for day, marks in before.items() if marks} == {1, 5}
    write_orders(root, "b.csv", "2026-01-01", "2026-01-03")
    write_orders(root, "c.csv", "2026-01-10")
    after = source(root).marks(ORDERS, START, TENTH)
    assert {day.day for day in after if after[day] - before[day]} == {1, 3, 10}
    changed.unlink()
    assert {day.day for day, marks in source(root).marks(ORDERS, START, TENTH).items() if marks - after[day]} == set()


def test_files_that_were_seen_are_not_opened_to_be_marked_again(root, monkeypatch):
    write_orders(root, "a.csv", "2026-01-01")
    seen = source(root).marks(ORDERS, START, TENTH)
    monkeypatch.setattr(Folder, "open", None)
    assert source(root).marks(ORDERS, START, TENTH) == seen


def test_what_was_read_before_a_failure_is_kept(root):
    write_orders(root, "a.csv", "2026-01-01")
    broken = root / "snowflake" / "orders" / "b.csv.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(Exception, match=r"b\.csv\.gz"):
        extract(root, START, START)
    broken.unlink()
    assert extract(root, TENTH, TENTH)[0].files_read == ()


def test_a_file_that_was_left_half_way_is_not_learned(root):
    write_orders(root, "a.csv", "2026-01-01")
    batches = source(root).extract(ORDERS, START, START).batches
    next(batches)
    batches.close()
    assert extract(root, TENTH, TENTH)[0].files_read == ("a.csv",)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.integers(-3, 20) | st.none(), max_size=4), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 5)), min_size=1, max_size=4),
    st.sampled_from([ORDERS, CUSTOMERS]),
)
def test_with_an_index_exactly_the_same_is_loaded(root, files, loads, contract):
    folder = root / "snowflake" / contract.name.removeprefix("snowflake_")
    for number, offsets in enumerate(files):
        days = ["" if offset is None else str(START + dt.timedelta(offset)) for offset in offsets]
        rows = "".join(f"{number}-{row},{day}\n" for row, day in enumerate(days))
        (folder / f"{number}.csv").write_text(f"{contract.key[0]},last_modified_ts\n{rows}")
    for first, length in loads:
        days = START + dt.timedelta(first), START + dt.timedelta(first + length)
        plain = FilesSource(START, files_root=str(root)).extract(contract, *days)
        expected = [row for batch in plain.batches for row in batch.to_pylist()]
        indexed, rows = extract(root, *days, contract)
        assert rows == expected
        assert indexed.rows_by_window == plain.rows_by_window
        assert indexed.rows_without_cursor == plain.rows_without_cursor
        of_window = {
            day: {row["_source"] for row in expected if row["_window"] == day} for day in indexed.rows_by_window
        }
        assert indexed.marks == source(root).marks(contract, *days) == plain.marks
        assert {day: len(marks) for day, marks in indexed.marks.items()} == {
            day: len(of_window[day]) for day in of_window
        }
    for path in (*folder.iterdir(), *(root.parent / "index").iterdir()):
        path.unlink()


def _learn(path: Path, number: int) -> None:
    for round_number in range(20):
        index = FileIndex(path, {})
        file = DataFile("", f"{number}-{round_number}", "csv", False, 1, 1)
        index.learn(file, FileFacts(((1, 2),), 0, ()))
        present = [DataFile("", f"{n}-{r}", "csv", False, 1, 1) for n in range(4) for r in range(20)]
        index.save(present)


def test_processes_that_write_the_index_at_the_same_time_leave_a_whole_one(tmp_path):
    path = tmp_path / "index" / "snowflake__orders.json"
    processes = [multiprocessing.get_context("fork").Process(target=_learn, args=(path, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert json.loads(path.read_text())["files"]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
