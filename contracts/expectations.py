"""What contracts may say through Great Expectations: the kinds of expectations that every engine judges alike, and their arguments.

It isn't imported here, which takes seconds: contracts are judged by this list. Left out are kinds that an engine can't do
(median, quantiles, order of rows) and what checks and row rules of every table say already (columns, types, row counts).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.model import Bounds, Dimension, ExpectationRule, Severity
from contracts.problems import Problems

UNEXPECTED_ROWS = "unexpected_rows_expectation"
Reader = Callable[[Any], None]
"""Raises ValueError for what is no value of the argument."""

_OBSERVED = ("observed_value",)
_UNEXPECTED = ("unexpected_count",)
_MISSING = ("missing_count",)
_LIMITS = frozenset({"min_value", "max_value"})
_ALL_ROWS = 1.0


def _number(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 (all readers raise ValueError)


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")  # noqa: TRY004 (all readers raise ValueError)


def _text(value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not text")


def _share(value: Any) -> None:
    _number(value)
    if not 0 <= value < _ALL_ROWS:
        raise ValueError(f"{value!r} is not a share from 0 to below 1; without it all rows count")


def _texts(value: Any) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise ValueError(f"{value!r} is not a list of texts")


def _values(value: Any) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(one, str | int | float) for one in value):
        raise ValueError(f"{value!r} is not a list of texts or numbers")


def _pairs(value: Any) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):  # noqa: PLR2004
        raise ValueError(f"{value!r} is not a list of pairs")


def _choice(*choices: str) -> Reader:
    def read(value: Any) -> None:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")

    return read


def _query(value: Any) -> None:
    if (
        not isinstance(value, str)
        or "{batch}" not in value
        or not value.lower().lstrip().startswith(("select", "with"))
    ):
        raise ValueError("it is a query that gives the rows that must not be: SELECT ... FROM {batch} ...")


_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True)
class _Kind:
    """A kind of expectation: its arguments, and the fields of its results that add up to its figure."""

    needed: Mapping[str, Reader]
    optional: Mapping[str, Reader]
    figure: tuple[str, ...]
    numeric: bool = False
    """Whether it computes with the values of its columns."""


def _aggregate(*, numeric: bool) -> _Kind:
    limits = {"min_value": _number, "max_value": _number, "strict_min": _flag, "strict_max": _flag}
    return _Kind({"column": _text}, limits, _OBSERVED, numeric)


def _value_set(*figure: str) -> _Kind:
    return _Kind({"column": _text, "value_set": _values}, {}, figure)


def _values_of_rows(*, numeric: bool = False, **needed: Reader) -> _Kind:
    return _Kind({"column": _text, **needed}, {"mostly": _share}, _UNEXPECTED, numeric)


def _pair(*, numeric: bool = False, optional: Mapping[str, Reader] | None = None, **needed: Reader) -> _Kind:
    missing = _choice("both_values_are_missing", "either_value_is_missing", "never")
    return _Kind(
        {"column_A": _text, "column_B": _text, **needed},
        {"mostly": _share, "ignore_row_if": missing, **(optional or {})},
        _UNEXPECTED,
        numeric,
    )


def _several(*, numeric: bool = False, **needed: Reader) -> _Kind:
    missing = _choice("all_values_are_missing", "any_value_is_missing", "never")
    return _Kind({"column_list": _texts, **needed}, {"mostly": _share, "ignore_row_if": missing}, _UNEXPECTED, numeric)


KINDS: Mapping[str, _Kind] = {
    "expect_column_mean_to_be_between": _aggregate(numeric=True),
    "expect_column_stdev_to_be_between": _aggregate(numeric=True),
    "expect_column_sum_to_be_between": _aggregate(numeric=True),
    "expect_column_min_to_be_between": _aggregate(numeric=True),
    "expect_column_max_to_be_between": _aggregate(numeric=True),
    "expect_column_unique_value_count_to_be_between": _aggregate(numeric=False),
    "expect_column_proportion_of_unique_values_to_be_between": _aggregate(numeric=False),
    "expect_column_proportion_of_non_null_values_to_be_between": _aggregate(numeric=False),
    "expect_column_distinct_values_to_be_in_set": _value_set(*_UNEXPECTED),
    "expect_column_distinct_values_to_contain_set": _value_set(*_MISSING),
    "expect_column_distinct_values_to_equal_set": _value_set(*_UNEXPECTED, *_MISSING),
    "expect_column_pair_values_a_to_be_greater_than_b": _pair(optional={"or_equal": _flag}),
    "expect_column_pair_values_to_be_equal": _pair(),
    "expect_column_pair_values_to_be_in_set": _pair(value_pairs_set=_pairs),
    "expect_compound_columns_to_be_unique": _several(),
    "expect_select_column_values_to_be_unique_within_record": _several(),
    "expect_multicolumn_values_to_be_equal": _several(),
    "expect_multicolumn_sum_to_equal": _several(numeric=True, sum_total=_number),
    "expect_column_values_to_be_in_set": _values_of_rows(value_set=_values),
    "expect_column_values_to_not_be_in_set": _values_of_rows(value_set=_values),
    "expect_column_values_to_match_regex": _values_of_rows(regex=_text),
    "expect_column_values_to_not_match_regex": _values_of_rows(regex=_text),
    "expect_column_value_z_scores_to_be_less_than": _values_of_rows(
        numeric=True, threshold=_number, double_sided=_flag
    ),
    UNEXPECTED_ROWS: _Kind({"unexpected_rows_query": _query}, {}, _OBSERVED),
}


def computes(rule: ExpectationRule) -> bool:
    """Whether the rule's columns must be numbers."""
    return KINDS[rule.expectation].numeric


def stated(rule: ExpectationRule) -> Mapping[str, object]:
    """What the rule says apart from its bounds."""
    bounds = {"mostly", *_LIMITS, "strict_min", "strict_max"} if _LIMITS & rule.arguments.keys() else {"mostly"}
    return {name: value for name, value in rule.arguments.items() if name not in bounds}


def expectation_rule(
    entry: Mapping[str, Any], severity: Severity, dimension: Dimension, problems: Problems
) -> ExpectationRule | None:
    """The rule of an entry of `quality` with the engine great-expectations; None where it is wrong, which is reported."""
    implementation, place = entry["implementation"], problems.at("implementation")
    if not isinstance(implementation, dict) or implementation.keys() != {"type", "kwargs"}:
        place.add("an expectation has a `type`, such as expect_column_mean_to_be_between, and its `kwargs`")
        return None
    kind, arguments = KINDS.get(implementation["type"]), implementation["kwargs"]
    if kind is None:
        place.at("type").add(
            f"the lakehouse runs no expectation '{implementation['type']}'; it runs {', '.join(sorted(KINDS))}"
        )
        return None
    if not isinstance(arguments, dict) or not _read(kind, arguments, place.at("kwargs")):
        return None
    return ExpectationRule(
        name=entry["name"],
        expectation=implementation["type"],
        arguments=arguments,
        columns=_columns(arguments),
        figure=_figure(kind, arguments),
        bounds=_bounds(arguments),
        severity=severity,
        dimension=dimension,
        description=entry["description"],
    )


def _read(kind: _Kind, arguments: Mapping[str, Any], place: Problems) -> bool:
    """Whether the arguments are those of the kind; problems are reported."""
    before = len(place.found)
    readers = {**kind.needed, **kind.optional}
    for name in sorted(kind.needed.keys() - arguments.keys()):
        place.add(f"{name} is missing")
    if kind.optional.keys() >= _LIMITS and not _LIMITS & arguments.keys():
        place.add("min_value or max_value is missing")
    for name, value in arguments.items():
        if name not in readers:
            place.at(name).add(f"the expectation has no such argument; it has {', '.join(sorted(readers))}")
            continue
        try:
            readers[name](value)
        except ValueError as error:
            place.at(name).add(str(error))
    return len(place.found) == before


def _columns(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    named = [arguments[name] for name in _COLUMN_ARGUMENTS if name in arguments]
    return tuple(name for one in named for name in (one if isinstance(one, list) else [one]))


def _figure(kind: _Kind, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    return ("unexpected_percent_nonmissing",) if "mostly" in arguments else kind.figure


def _bounds(arguments: Mapping[str, Any]) -> Bounds:
    """What the figure must be: within the limits of an aggregate, a share of rows in percent, or 0."""
    if "mostly" in arguments:
        return Bounds(at_most=round(100 * (_ALL_ROWS - arguments["mostly"]), 9))
    if not _LIMITS & arguments.keys():
        return Bounds(equal=0)
    least, most = arguments.get("min_value"), arguments.get("max_value")
    strict_min, strict_max = arguments.get("strict_min", False), arguments.get("strict_max", False)
    return Bounds(
        above=least if strict_min else None,
        at_least=None if strict_min else least,
        below=most if strict_max else None,
        at_most=None if strict_max else most,
    )
