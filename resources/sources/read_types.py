"""Delivered values read into a contract's column types: exact, the same for every source and engine.

What is read, and what is not (then the value is null, its column is named in `_unreadable`, and `_raw` keeps the row):

- text: as delivered, nothing trimmed or inferred; '', 'NA' and '0042' stay what they are. (An empty CSV field is null
  because the CSV reader delivers null.) Typed values become the text that they print as, nested ones JSON.
- decimal, int, bigint: digits with optional sign, point and exponent. Digits that the type can't hold are never rounded
  away: more decimals than the scale are readable only as zeros, so '12.500' is a decimal(18,2) and '12.345' is not.
- timestamp: `YYYY-MM-DD`, then optionally `T` or a space, `hh:mm`, `:ss`, a fraction, and `Z` or an offset. Without zone it is UTC.
  Fraction digits beyond microseconds must be zeros; typed nanoseconds likewise.
- date: a date, or a timestamp that is midnight UTC.
- boolean: true, t, yes, 1, false, f, no, 0 in any case.
- double: a finite decimal number.

Blanks around anything but text carry no meaning and are passed over. A binary floating-point number counts as the
shortest decimal that denotes it: a double 12.35 is the decimal 12.35.
Ordinary values are read by Arrow in bulk; only what a strict pattern does not cover is looked at one by one.
"""

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.model import RAW, UNREADABLE, Contract
from resources.sources.interface import LINE, SourceError, cursor_name, source_columns

_BLANKS = " \t\r\n"
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?)?",
    re.ASCII,
)
# Every date but 29 February, in years that stay within four digits whatever the offset.
_PLAIN_DATE = (
    r"[1-8]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_PLAIN_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?"
_ZONE = r"(?:Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)"
_MIDNIGHT = r"(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00(?::?00)?)?)?"
_TRUE = ("true", "t", "yes", "1")
_FALSE = ("false", "f", "no", "0")
_UTC = pa.timestamp("us", tz="UTC")
_MICROSECONDS_PER_UNIT = {"s": 1_000_000, "ms": 1_000, "us": 1}
_LARGEST_SECOND = 253_402_300_799
"""9999-12-31 23:59:59: no calendar has more than four digits for the year."""
_SMALLEST_SECOND = -62_135_596_800


def read_types(
    delivered: pa.RecordBatch, contract: Contract, stand_ins: Mapping[str, pa.Array] | None = None
) -> pa.RecordBatch:
    """Delivered columns, text or typed, as the contract's source columns with `_unreadable` and `_raw`.

    Args:
        delivered: columns under the source's names, in any order; one that the contract does not know only shows in
            `_raw`.
        contract: the bronze table's.
        stand_ins: values, by the source's column name, for columns that were not delivered. Others are null.

    Raises:
        SourceError: a column's type is one that is not read from delivered values.
    """
    given = {**(stand_ins or {}), **dict(zip(delivered.schema.names, delivered.columns, strict=True))}
    names, columns, unreadable = [], [], []
    for source_name, column in source_columns(contract).items():
        names.append(column.name)
        if source_name not in given:
            columns.append(pa.nulls(delivered.num_rows, column.arrow))
            continue
        values = read_column(given[source_name], column.arrow)
        columns.append(values)
        if values.null_count > given[source_name].null_count:
            unreadable.append((column.name, pc.and_(pc.is_valid(given[source_name]), pc.is_null(values))))
    listed = _listed(unreadable, delivered.num_rows)
    without_cursor = pc.is_null(columns[names.index(cursor_name(contract))])
    raw = _raw(delivered, pc.or_(pc.is_valid(listed), without_cursor))
    return pa.RecordBatch.from_arrays([*columns, listed, raw], names=[*names, UNREADABLE, RAW])


def malformed_lines(lines: Sequence[str], contract: Contract) -> pa.RecordBatch:
    """Lines that could not be split into columns, as rows like those of `read_types`: `_raw` keeps the line as `_line`."""
    columns = source_columns(contract).values()
    return pa.RecordBatch.from_arrays(
        [
            *(pa.nulls(len(lines), column.arrow) for column in columns),
            pa.array([[LINE]] * len(lines), pa.list_(pa.string())),
            pa.array([json.dumps({LINE: line}, ensure_ascii=False) for line in lines], pa.string()),
        ],
        names=[*(column.name for column in columns), UNREADABLE, RAW],
    )


def read_column(delivered: pa.Array, kind: pa.DataType) -> pa.Array:
    """Delivered values, text or typed, in a type; null where they are null, and where they can't be read.

    Raises:
        SourceError: the type is one that is not read from delivered values.
    """
    given = delivered.type
    if given == kind:
        return delivered
    if isinstance(delivered, pa.ExtensionArray):
        return read_column(delivered.storage, kind)
    if pa.types.is_dictionary(given):
        return read_column(delivered.dictionary_decode(), kind)
    if pa.types.is_temporal(given) and pa.types.is_temporal(kind):
        return _read_temporal(delivered, kind)
    text = as_text(delivered)
    return text if pa.types.is_string(kind) else _reader(kind)(text)


def as_text(values: pa.Array) -> pa.Array:
    """Values as the text that they print as; bytes that are no UTF-8 are null."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_text(values.dictionary_decode())
    if pa.types.is_float16(kind):
        return as_text(pc.cast(values, pa.float32()))
    if _is_bytes(kind):
        return pa.array([_decoded(value) for value in values.to_pylist()], pa.string())
    if pa.types.is_nested(kind):
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=_nested_text)
            for value in values.to_pylist(maps_as_pydicts="lossy")
        ]
        return pa.array(texts, pa.string())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        # Printing a zone's own time would need a database of zones on the machine.
        utc = pc.cast(pc.cast(values, pa.int64()), pa.timestamp(kind.unit))
        return pc.binary_join_element_wise(pc.cast(utc, pa.string()), "Z", "")
    return pc.cast(values, pa.string())


def read_decimal(text: str, precision: int, scale: int) -> Decimal | None:
    """The exact number that a text denotes, None where it is no number or needs more digits than the type has."""
    text = text.strip(_BLANKS)
    if not _NUMBER.fullmatch(text):
        return None
    sign, digits, exponent = Decimal(text).as_tuple()
    if not isinstance(exponent, int):
        return None
    significant = "".join(map(str, digits)).rstrip("0")
    exponent += len(digits) - len(significant)
    if not significant:
        return Decimal(0)
    if exponent < -scale or len(significant) + exponent > precision - scale:
        return None
    return Decimal((sign, tuple(map(int, significant)), exponent))


def read_timestamp(text: str) -> dt.datetime | None:
    """The UTC time that a text denotes, None where it is none, or finer than microseconds."""
    match = _TIMESTAMP.fullmatch(text.strip(_BLANKS))
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups(default="0")
    if fraction[6:].strip("0") or int(offset_hours) > 23 or int(offset_minutes) > 59:  # noqa: PLR2004 - a clock's limits
        return None
    try:
        local = dt.datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second),
            int(fraction[:6].ljust(6, "0")),
            dt.UTC,
        )
        offset = dt.timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
        return local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        return None


def read_date(text: str) -> dt.date | None:
    """The date that a text denotes, None where it is none, or has a time of day."""
    instant = read_timestamp(text)
    return instant.date() if instant is not None and instant.time() == dt.time.min else None


def read_double(text: str) -> float | None:
    """The finite number that a text denotes, None where it is none."""
    text = text.strip(_BLANKS)
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def _reader(kind: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    """What reads text into a type."""
    if pa.types.is_decimal(kind):
        precision, scale = kind.precision, kind.scale
        whole = rf"\d{{1,{precision - scale}}}" if precision > scale else "0"
        plain = rf"^-?{whole}(?:\.\d{{1,{scale}}})?$" if scale else f"^-?{whole}$"
        return lambda text: _read(text, plain, _casts_to(kind), lambda value: read_decimal(value, precision, scale))
    if pa.types.is_integer(kind):
        most = 2 ** (kind.bit_width - 1)
        plain = rf"^-?\d{{1,{len(str(most)) - 1}}}$"
        return lambda text: _read(text, plain, _casts_to(kind), lambda value: _integer(value, most))
    if pa.types.is_floating(kind):
        return lambda text: _read(text, r"^-?\d{1,15}(?:\.\d{1,15})?$", _casts_to(kind), read_double)
    if pa.types.is_timestamp(kind):
        plain = rf"^{_PLAIN_DATE}[T ]{_PLAIN_TIME}{_ZONE}?$"
        return lambda text: _read(text, plain, _parse_instants, read_timestamp)
    if pa.types.is_date(kind):
        plain = f"^{_PLAIN_DATE}{_MIDNIGHT}$"
        return lambda text: _read(text, plain, _parse_dates, read_date)
    if pa.types.is_boolean(kind):
        return _booleans
    raise SourceError(f"delivered values are not read into the type {kind}: give the column a simple type")


def _read(
    text: pa.Array, plain: str, in_bulk: Callable[[pa.Array], pa.Array], singly: Callable[[str], Any]
) -> pa.Array:
    """Reads values that match the plain pattern in bulk, and the others one by one."""
    is_plain = pc.fill_null(pc.match_substring_regex(text, plain), False)
    all_plain = pc.sum(is_plain).as_py() == len(text) - text.null_count if len(text) else True
    values = in_bulk(text if all_plain else pc.if_else(is_plain, text, pa.scalar(None, pa.string())))
    if all_plain:
        return values
    special = pc.and_(pc.invert(is_plain), pc.is_valid(text))
    read = pa.array([singly(value) for value in text.filter(special).to_pylist()], values.type)
    return pc.replace_with_mask(values, special, read)


def _casts_to(kind: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    return lambda text: pc.cast(text, kind)


def _integer(text: str, most: int) -> int | None:
    number = read_decimal(text, len(str(most)), 0)
    return int(number) if number is not None and -most <= number < most else None


def _parse_instants(text: pa.Array) -> pa.Array:
    zoned = pc.match_substring_regex(text, f":.*{_ZONE}$")
    return pc.cast(pc.if_else(zoned, text, pc.binary_join_element_wise(text, "Z", "")), _UTC)


def _parse_dates(text: pa.Array) -> pa.Array:
    return pc.cast(pc.utf8_slice_codeunits(text, 0, 10), pa.date32())


def _read_temporal(delivered: pa.Array, kind: pa.DataType) -> pa.Array:
    """Typed dates and timestamps as dates or timestamps; a time of day alone is neither."""
    if pa.types.is_timestamp(delivered.type):
        instants = _instants(delivered)
        return instants if pa.types.is_timestamp(kind) else _midnights(instants)
    if pa.types.is_date(delivered.type):
        return pc.cast(delivered if pa.types.is_date(kind) else pc.cast(delivered, pa.timestamp("us")), kind)
    return pa.nulls(len(delivered), kind)


def _booleans(text: pa.Array) -> pa.Array:
    lower = pc.utf8_lower(pc.utf8_trim(text, characters=_BLANKS))
    true, false = (pc.is_in(lower, value_set=pa.array(words)) for words in (_TRUE, _FALSE))
    return pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))


def _instants(values: pa.Array) -> pa.Array:
    """Typed timestamps in UTC microseconds, null where they are finer, or outside the calendar of four-digit years."""
    unit = values.type.unit
    ticks = pc.cast(values, pa.int64())
    if unit == "ns":
        microseconds = pc.divide(ticks, 1_000)
        exact = pc.equal(pc.multiply(microseconds, 1_000), ticks)
        # Integer division cuts towards zero, which is exact for all that is kept.
        return pc.cast(pc.if_else(exact, microseconds, pa.scalar(None, pa.int64())), _UTC)
    factor = _MICROSECONDS_PER_UNIT[unit]
    per_second = 1_000_000 // factor
    within = pc.and_(
        pc.greater_equal(ticks, _SMALLEST_SECOND * per_second), pc.less(ticks, (_LARGEST_SECOND + 1) * per_second)
    )
    return pc.cast(pc.multiply(pc.if_else(within, ticks, pa.scalar(None, pa.int64())), factor), _UTC)


def _midnights(instants: pa.Array) -> pa.Array:
    dates = pc.cast(instants, pa.date32(), safe=False)
    exact = pc.equal(pc.cast(pc.cast(dates, pa.timestamp("us")), _UTC), instants)
    return pc.if_else(exact, dates, pa.scalar(None, pa.date32()))


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _listed(unreadable: list[tuple[str, pa.Array]], rows: int) -> pa.Array:
    """For each row the names whose mask is true, null where there is none."""
    listed: list[list[str] | None] = [None] * rows
    for name, mask in unreadable:
        for row in pc.indices_nonzero(mask).to_pylist():
            listed[row] = [*(listed[row] or []), name]
    return pa.array(listed, pa.list_(pa.string())) if unreadable else pa.nulls(rows, pa.list_(pa.string()))


def _raw(delivered: pa.RecordBatch, wanted: pa.Array) -> pa.Array:
    """The wanted rows as JSON objects of text; null for the others."""
    kept = pc.indices_nonzero(wanted)
    if not len(kept):
        return pa.nulls(delivered.num_rows, pa.string())
    rows = delivered.take(kept)
    texts = {name: _printed(column) for name, column in zip(rows.schema.names, rows.columns, strict=True)}
    raw: list[str | None] = [None] * delivered.num_rows
    for number, row in enumerate(kept.to_pylist()):
        raw[row] = json.dumps({name: text[number] for name, text in texts.items()}, ensure_ascii=False)
    return pa.array(raw, pa.string())


def _nested_text(value: Any) -> str:
    """What JSON has no type for, as text; bytes that are no UTF-8 with escapes."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _printed(values: pa.Array) -> list[str | None]:
    """Values as text, bytes that are no UTF-8 with escapes."""
    if pa.types.is_dictionary(values.type):
        return _printed(values.dictionary_decode())
    if _is_bytes(values.type):
        return [None if value is None else _nested_text(value) for value in values.to_pylist()]
    texts: list[str | None] = as_text(values).to_pylist()
    return texts


def _is_bytes(kind: pa.DataType) -> bool:
    is_bytes: bool = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return is_bytes
