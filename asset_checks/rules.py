"""Row rules in one pass: each row is marked with the rules it breaks, ready to be staged for its audit.

Belongs here: typing a frame by its contract and evaluating row rules. What the marks mean for a run is `audit`'s.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from contracts.errors import PermanentError
from contracts.json_text import json_of_row
from contracts.model import BROKEN_RULES, OK, RAW, UNREADABLE, Column, Contract, RowRule, Severity
from contracts.row_rules import literal, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MARKS = (BROKEN_RULES, RAW, OK)
"""What `with_broken_rules` adds, in this order: `_ok` is last, as staging partitions by it last."""

_BAD_TYPE = "_bad_type"
_ERROR = "_breaks_error"
_WARNING = "_breaks_warning"


class FrameError(PermanentError):
    """A table's function returned columns that its contract doesn't have, or lacks some that it has."""


def same_type(ddl: str, other: str) -> bool:
    """Whether two spellings mean the same Spark type."""
    return ddl.replace(" ", "").lower() == other.replace(" ", "").lower()


def with_broken_rules(frame: "DataFrame", contract: Contract, columns: Sequence[str] | None = None) -> "DataFrame":
    """The rows in the contract's types and column order, each marked with the rules it breaks.

    Args:
        frame: the contract's columns, in any order. Those of another type are cast; a value that its column's type can't
            hold breaks the rule `<column>_type`. Optional are `_unreadable` array<string>, the columns whose delivered
            text could not be read (each breaks `<column>_type`, and no other rule of that column counts), and `_raw`
            string, the row as delivered. Further columns that begin with `_` pass through.
        contract: whose row rules apply.
        columns: the contract's columns that the frame has, where change application derives the others. By default all.

    Returns:
        The rows with `_broken_rules` array<string> (of errors and warnings; null where none is broken), `_raw` (JSON text
        of the row as delivered; null unless an error is broken) and `_ok` (no error is broken) as the last columns.

    Raises:
        FrameError: the frame's columns are not the contract's.
    """
    types = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    wanted = [column for column in contract.columns if columns is None or column.name in columns]
    _require_columns(contract, wanted, types)
    passed = [name for name in types if name.startswith("_") and name not in {*MARKS, UNREADABLE, *contract.by_name}]
    retyped = [column for column in wanted if not same_type(types[column.name], column.type)]
    readable = not retyped and UNREADABLE not in types
    rules = [rule for rule in contract.row_rules if columns is None or rule.column is None or rule.column in columns]
    errors = [rule for rule in rules if rule.severity is Severity.ERROR]
    warnings = [rule for rule in rules if rule.severity is Severity.WARNING]
    kept = [quoted(name) for name in (*(column.name for column in wanted), *passed)]

    originals = {column.name: f"_delivered_{column.name}" for column in retyped}

    typed = frame.selectExpr(
        *(_cast(column) if column in retyped else quoted(column.name) for column in wanted),
        *(quoted(name) for name in passed),
        *(f"{quoted(name)} as {quoted(original)}" for name, original in originals.items()),
        *([RAW] if RAW in types else []),
        *([] if readable else [f"{_bad_types(retyped, UNREADABLE in types)} as {_BAD_TYPE}"]),
    )
    flagged = typed.selectExpr(
        "*",
        f"{_any_broken(errors)}{'' if readable else f' or {_BAD_TYPE} is not null'} as {_ERROR}",
        f"{_any_broken(warnings)} as {_WARNING}",
    )
    delivered = json_of_row(
        (name, quoted(originals.get(name, name)), kind) for name, kind in types.items() if name not in {RAW, UNREADABLE}
    )
    return flagged.selectExpr(
        *kept,
        f"case when {_ERROR} or {_WARNING} then {_broken_names(rules, readable=readable)} end as {BROKEN_RULES}",
        f"case when {_ERROR} then {f'coalesce({RAW}, {delivered})' if RAW in types else delivered} end as {RAW}",
        f"not {_ERROR} as {OK}",
    )


def _require_columns(contract: Contract, wanted: Sequence[Column], types: dict[str, str]) -> None:
    missing = [column.name for column in wanted if column.name not in types]
    unknown = [name for name in types if not name.startswith("_") and name not in {column.name for column in wanted}]
    if missing or unknown:
        found = [f"lack {', '.join(missing)}"] if missing else []
        found += [f"have {', '.join(unknown)}, which it doesn't"] if unknown else []
        raise FrameError(
            f"{contract.table}: the rows {' and '.join(found)} (version {contract.version} of the contract): "
            "change the table's function or its contract so that both have the same columns"
        )


def _cast(column: Column) -> str:
    return f"try_cast({quoted(column.name)} as {column.type}) as {quoted(column.name)}"


def _bad_types(retyped: Sequence[Column], unreadable: bool) -> str:
    """An array of the columns that hold no value of their type, null where there is none."""
    names = [f"filter(coalesce({UNREADABLE}, {_NO_NAMES}), name -> name is not null)"] if unreadable else []
    if retyped:
        failed = {
            column.name: f"({quoted(column.name)} is not null and try_cast({quoted(column.name)} as {column.type}) is null)"
            for column in retyped
        }
        each = ", ".join(f"case when {test} then {literal(name)} end" for name, test in failed.items())
        names.append(
            f"case when {' or '.join(failed.values())} then filter(array({each}), name -> name is not null) else {_NO_NAMES} end"
        )
    every = f"array_distinct(concat({', '.join(names)}))" if len(names) > 1 else names[0]
    return f"case when size({every}) > 0 then {every} end"


_NO_NAMES = "cast(array() as array<string>)"


def _any_broken(rules: Sequence[RowRule]) -> str:
    """Whether any of the rules is broken: one conjunction, which is false just when a predicate is, whatever others are null."""
    if not rules:
        return "false"
    return f"coalesce(not ({' and '.join(f'({rule.predicate})' for rule in rules)}), false)"


def _broken_names(rules: Sequence[RowRule], *, readable: bool) -> str:
    """An array of the names of the broken rules."""
    parts = [] if readable else [f"transform(coalesce({_BAD_TYPE}, {_NO_NAMES}), name -> concat(name, '_type'))"]
    if rules:
        each = []
        for rule in rules:
            counts = (
                ""
                if readable or rule.column is None
                else f" and not array_contains(coalesce({_BAD_TYPE}, {_NO_NAMES}), {literal(rule.column)})"
            )
            each.append(f"case when not ({rule.predicate}){counts} then {literal(rule.name)} end")
        parts.append(f"filter(array({', '.join(each)}), name -> name is not null)")
    return f"concat({', '.join(parts)})" if parts else _NO_NAMES
