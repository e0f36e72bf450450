"""Row rules: a compiled predicate says of every value what the constraint says in plain Python, on a real engine."""

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.model import Column, Constraint
from contracts.patterns import engine_pattern
from contracts.row_rules import column_rules, describe, literal, predicate, rule
from contracts.types import arrow_type

COMPARISONS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(characters, max_size=5) | st.sampled_from(["", "'", "\\", "a'b\\n", "\n", "é", "\U0001d4b3"])
moments = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31), timezones=st.just(dt.UTC))
decimals = st.decimals(-(10**6), 10**6, places=2)
doubles = st.floats(-1e6, 1e6, allow_nan=False) | st.sampled_from([0.0, 0.1, math.nan, math.inf])
values_of: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "decimal(18,2)": decimals,
    "double": doubles,
    "date": st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)),
    "timestamp": moments,
    "string": texts,
}
number_limits = st.integers(-1000, 1000) | st.decimals(-1000, 1000, places=3)
limits_of: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("int", "bigint", "decimal(18,2)", "double"), number_limits),
    "date": values_of["date"],
    "timestamp": moments,
}


@st.composite
def cases(draw: st.DrawFn) -> tuple[Column, list[Constraint], list[Any]]:
    """A column, constraints that it can have, and values for it, some of them at the limits."""
    kind = draw(st.sampled_from(sorted(values_of)))
    if kind == "string":
        lengths = st.builds(Constraint, st.sampled_from(["min_length", "max_length"]), st.integers(0, 6))
        known = st.builds(Constraint, st.just("known"), st.frozensets(texts, min_size=1, max_size=4))
        constraints = draw(st.lists(lengths | known, min_size=1, max_size=3))
    else:
        constraints = draw(
            st.lists(st.builds(Constraint, st.sampled_from(COMPARISONS), limits_of[kind]), min_size=1, max_size=3)
        )
    values = draw(st.lists(st.none() | values_of[kind], min_size=1, max_size=20))
    for constraint in constraints:
        values.extend(sorted(constraint.limit) if isinstance(constraint.limit, frozenset) else [])
        if kind in ("date", "timestamp", "int", "bigint") and type(constraint.limit) in (int, dt.date, dt.datetime):
            values.append(constraint.limit)
    required = draw(st.booleans())
    return Column("some `col`", kind, "", required=required), constraints, values


def holds(constraint: Constraint, value: Any) -> bool:
    """What a constraint says of a value, in plain Python."""
    limit: Any = constraint.limit
    if constraint.kind == "required":
        return value is not None
    if value is None:
        return True
    if constraint.kind == "not_nan":
        return not math.isnan(value)
    if isinstance(value, float) and math.isnan(value):
        # That it is no number is a rule of its own.
        return True
    if isinstance(value, float):
        limit = float(limit)
    return {
        "minimum": lambda: value >= limit,
        "maximum": lambda: value <= limit,
        "exclusive_minimum": lambda: value > limit,
        "exclusive_maximum": lambda: value < limit,
        "min_length": lambda: len(value) >= limit,
        "max_length": lambda: len(value) <= limit,
        "known": lambda: value in limit,
        "calendar": lambda: True,
    }[constraint.kind]()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases())
def test_predicates_say_what_constraints_say(spark, case) -> None:
    column, constraints, values = case
    calendar = [Constraint("calendar")] if column.type in ("date", "timestamp") else []
    rules = column_rules(column, [*constraints, *calendar])
    table = pa.table({"n": range(len(values)), column.name: pa.array(values, arrow_type(column.type))})
    broken = [f"coalesce(not ({row_rule.predicate}), false) as r{index}" for index, row_rule in enumerate(rules)]
    rows = spark.createDataFrame(table).selectExpr("n", *broken).orderBy("n").collect()
    for row, value in zip(rows, values, strict=True):
        for index, row_rule in enumerate(rules):
            assert row[index + 1] is not holds(row_rule.constraint, value), (row_rule.predicate, value)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("^[A-Z]{3}$", ["EUR"], ["EUR\n", "eur", "xEUR", "EU", "EURO", "ÄUR", ""]),
        ("^a.c$", ["abc", "a😀c", "a\tc"], ["a\nc", "a\rc", "a\u2028c", "ac"]),
        ("b|c$", ["xbx", "xc"], ["cx", "x"]),
        (r"^\$[$.]\.$", ["$$.", "$.."], ["$$x", "x$."]),
        ("^[a&&b[~]$", ["a", "&", "b", "[", "~"], ["c", "ab"]),
        ("^'\\\\$", ["'\\"], ["'", "\\"]),
        ("[0-9]", ["a1"], ["a", "٣"]),
    ],
)
def test_patterns_are_found_as_the_standard_says(spark, pattern: str, matching: list[str], other: list[str]) -> None:
    column = Column("c", "string", "")
    test = predicate(column, Constraint("pattern", pattern))
    frame = spark.createDataFrame(pa.table({"c": matching + other}))
    assert {row[0] for row in frame.where(test).collect()} == set(matching)


@pytest.mark.parametrize("pattern", ["\\d", "a\\b", "(a)\\1", "(?i)a", "(?=a)", "[\\w]"])
def test_patterns_that_engines_read_differently_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="differently"):
        engine_pattern(pattern)


def test_rules_are_named_by_column_and_constraint() -> None:
    column = Column("share", "double", "", required=True)
    assert [row_rule.name for row_rule in column_rules(column, [Constraint("maximum", 1)])] == [
        "share_required",
        "share_not_nan",
        "share_maximum",
    ]


def test_a_rule_says_what_it_asks_for() -> None:
    column = Column("share", "double", "")
    assert rule(column, Constraint("exclusive_minimum", Decimal("0.5"))).description == "share is more than 0.5"
    assert describe(column, Constraint("known", frozenset("abc"))) == "share is one of a, b, c"
    assert describe(column, Constraint("known", frozenset(map(str, range(99))))) == "share is one of 99 known codes"


def test_times_are_written_in_utc() -> None:
    berlin = dt.timezone(dt.timedelta(hours=2))
    assert literal(dt.datetime(2026, 7, 1, 1, 30, tzinfo=berlin)) == "timestamp'2026-06-30 23:30:00+00:00'"


def test_years_that_no_calendar_has_are_broken(spark) -> None:
    column = Column("c", "date", "")
    test = predicate(column, Constraint("calendar"))
    frame = spark.sql(
        "select date_add(date'9999-12-31', 1) as c union all select date_sub(date'0001-01-01', 1) union all select date'2026-01-01'"
    )
    assert [str(row[0]) for row in frame.where(test).collect()] == ["2026-01-01"]


def test_a_constraint_without_its_limit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"column 'c'.*has no predicate"):
        predicate(Column("c", "string", ""), Constraint("minimum"))
