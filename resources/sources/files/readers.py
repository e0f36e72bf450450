"""The content of a file, format by format, as record batches under the file's own column names.

Values are delivered as the file has them, text as text, so that reading them into types is one place's matter
(`resources.sources.read_types`). A line that can't be split into columns is delivered as a line.

- CSV: comma, double quotes, UTF-8 with or without byte order mark, a header; quoted line ends are content. An empty field,
  quoted or not, is null. A row with more or fewer fields than the header is a malformed line.
- JSON: one object a line. Numbers keep their digits; what is nested becomes JSON text. A line that is no object, or an empty one,
  is malformed.
- Parquet: as typed in the file.
"""

import csv
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, TypeAlias, cast

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from resources.sources.files.folder import Format

ROWS_PER_BATCH = 65_536
_BLOCK_BYTES = 8 * 2**20
"""How much of a CSV is parsed at a time; also the longest row."""
_HEADER_BYTES = 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class MalformedLines:
    """Lines that can't be split into columns."""

    lines: list[str]


Content: TypeAlias = pa.RecordBatch | MalformedLines


class _JsonNumber(str):
    """A JSON number as its digits, told apart from text because a nested one is printed without quotes."""

    __slots__ = ()


_FLAT_JSON = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_NESTED_JSON = json.JSONDecoder(parse_int=_JsonNumber, parse_float=_JsonNumber, parse_constant=_JsonNumber)


def read_content(stream: pa.NativeFile, format_: Format, compressed: bool) -> Iterator[Content]:
    """The rows of a file in batches, in the file's order up to malformed lines.

    The first batch, also of a file without rows, has all the columns that the file has; only later lines of JSON may
    bring more.

    Raises:
        pa.ArrowException, OSError, UnicodeError: the file is not what its name says, damaged, or not UTF-8.
    """
    match format_:
        case "csv":
            return _read_csv(stream)
        case "json":
            return _read_json_lines(stream)
        case "parquet":
            return _read_parquet(stream, compressed)


def _read_csv(stream: pa.NativeFile) -> Iterator[Content]:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream), _HEADER_BYTES)
    header = _csv_header(buffered.peek(_HEADER_BYTES))
    if not header:
        return
    malformed: list[str] = []

    def keep_line(row: pacsv.InvalidRow) -> str:
        malformed.append(row.text)
        return "skip"

    reader = pacsv.open_csv(
        buffered,
        # Threads would number rows, and hand over malformed ones, in any order.
        read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep_line),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    yield _no_rows(reader.schema)
    for batch in reader:
        for start in range(0, batch.num_rows, ROWS_PER_BATCH):
            yield batch.slice(start, ROWS_PER_BATCH)
        if malformed:
            yield MalformedLines(malformed.copy())
            malformed.clear()
    if malformed:
        yield MalformedLines(malformed)


def _csv_header(beginning: bytes) -> list[str]:
    """The names in the first row that is not blank; none where there is no such row."""
    if beginning.startswith(_UTF_16_MARKS):
        raise UnicodeError("it is UTF-16")
    text = beginning.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace")
    header = next((row for row in csv.reader(io.StringIO(text, newline="")) if row), [])
    if repeated := [name for name, times in Counter(header).items() if times > 1 and name]:
        raise pa.ArrowInvalid(f"its header names column {repeated[0]} more than once")
    return header


def _read_json_lines(stream: pa.NativeFile) -> Iterator[Content]:
    lines = enumerate(io.BufferedReader(cast("io.RawIOBase", stream), _HEADER_BYTES), start=1)
    while chunk := list(islice(lines, ROWS_PER_BATCH)):
        rows: list[dict[str, Any]] = []
        malformed: list[str] = []
        for number, line in chunk:
            text = _json_line(line, number)
            if not text:
                continue
            row = _json_object(text)
            if row is None:
                malformed.append(text)
            else:
                rows.append(row)
        if rows:
            names = dict.fromkeys(name for row in rows for name in row)
            yield pa.RecordBatch.from_arrays(
                [_json_column([row.get(name) for row in rows]) for name in names], names=list(names)
            )
        if malformed:
            yield MalformedLines(malformed)


def _json_line(line: bytes, number: int) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError as error:
        raise UnicodeError(f"line {number} is not UTF-8 ({error.reason} at byte {error.start})") from error
    if number == 1 and text.startswith("["):
        raise pa.ArrowInvalid("line 1 begins a JSON array, but one object a line is read")
    return text


def _json_object(text: str) -> dict[str, Any] | None:
    """The object that a line is; None where it is none, an empty one, or has characters that no UTF-8 can hold."""
    try:
        row: Any = _FLAT_JSON.decode(text)
        if not isinstance(row, dict) or not row:
            return None
        if any(isinstance(value, dict | list) for value in row.values()):
            row = _NESTED_JSON.decode(text)
        if "\\u" in text:
            json.dumps(row, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", row)


def _json_column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        # Some are no text: true, false, or nested.
        texts = [value if value is None or isinstance(value, str) else _json_text(value) for value in values]
        return pa.array(texts, pa.string())


def _json_text(value: Any) -> str:
    """A value as JSON, with numbers in the digits that they were delivered in."""
    match value:
        case _JsonNumber():
            return str(value)
        case dict():
            return (
                "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {_json_text(v)}" for k, v in value.items()) + "}"
            )
        case list():
            return "[" + ", ".join(map(_json_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _read_parquet(stream: pa.NativeFile, compressed: bool) -> Iterator[Content]:
    if not compressed:
        yield from _parquet_batches(pq.ParquetFile(stream))
        return
    # Parquet is read from its end, which a compressed stream does not have before all of it is read.
    with tempfile.TemporaryFile() as whole:
        shutil.copyfileobj(cast("BinaryIO", stream), whole, _BLOCK_BYTES)
        whole.seek(0)
        yield from _parquet_batches(pq.ParquetFile(whole))


def _parquet_batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    yield _no_rows(file.schema_arrow)
    yield from file.iter_batches(batch_size=ROWS_PER_BATCH)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)
