"""Rows read without an engine: what a statement asks for, whatever texts there are, and by nothing that outlives the read."""

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from io_managers.direct_reads import query, text_literal
from tests.lake_processes import whole_environment

SCHEMA = pa.schema([pa.field("text", pa.string()), pa.field("number", pa.int64())])


def table_of(folder: Path, rows: pa.Table) -> DeltaTable:
    write_deltalake(folder, rows, mode="overwrite")
    return DeltaTable(folder)


def test_rows_come_as_asked_and_in_the_schema(tmp_path: Path) -> None:
    rows = pa.table({"text": ["a", None, "c"], "number": [1, 2, 3]}, schema=SCHEMA)
    found = query(table_of(tmp_path, rows), "select text, number from rows where number > 1 order by number", SCHEMA)
    assert found.schema == SCHEMA
    assert found.to_pylist() == [{"text": None, "number": 2}, {"text": "c", "number": 3}]


def test_a_file_that_is_lost_is_an_error_that_names_the_table(tmp_path: Path) -> None:
    table = table_of(tmp_path, pa.table({"text": ["a"], "number": [1]}, schema=SCHEMA))
    for file in tmp_path.glob("*.parquet"):
        file.unlink()
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        query(table, "select number from rows")


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
@settings(deadline=None)
def test_a_text_in_a_statement_is_that_text(tmp_path_factory, text: str) -> None:  # type: ignore[no-untyped-def]
    rows = pa.table({"text": ["other", text], "number": [1, 2]}, schema=SCHEMA)
    table = table_of(tmp_path_factory.mktemp("texts"), rows)
    found = query(table, f"select number from rows where text = {text_literal(text)}")
    assert {"number": 2} in found.to_pylist()


def test_no_file_is_read_by_python_objects_that_arrow_still_holds_when_the_process_ends(tmp_path: Path) -> None:
    table_of(tmp_path, pa.table({"text": ["a"], "number": [1]}, schema=SCHEMA))
    script = f"""
import sys
from deltalake import DeltaTable
from io_managers.direct_reads import query
print(query(DeltaTable({str(tmp_path)!r}), "select number from rows").num_rows, "deltalake.fs" in sys.modules)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        env=whole_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout == "1 False\n"
