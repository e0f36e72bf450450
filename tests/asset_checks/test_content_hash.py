"""Laws of a content's hash, in random contents of every kind of type."""

import datetime as dt
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from audited_tables import DAY, ORDERS, frame_of
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from asset_checks.content_hash import combined, content_hashes, hashed_partitions
from contracts.model import Column

COLUMNS = (
    Column("order_date", "date", "partition"),
    Column("a", "string", "text"),
    Column("b", "string", "more text"),
    Column("n", "bigint", "number"),
    Column("money", "decimal(18,2)", "money"),
    Column("wide", "decimal(38,18)", "more digits than a bigint"),
    Column("share", "double", "share"),
    Column("at", "timestamp", "time"),
    Column("yes", "boolean", "truth"),
    Column("words", "array<string>", "list"),
    Column("more", "array<string>", "another list"),
    Column("tags", "map<string,string>", "map"),
    Column("parts", "array<struct<name:string,orders:bigint>>", "structs"),
    Column("_note", "string", "outside"),
)
EVERYTHING = replace(ORDERS, columns=COLUMNS, row_rules=())

text = st.none() | st.sampled_from(["", "a", "b", "ab", "é"])
small = st.none() | st.integers(-2, 2)
rows = st.fixed_dictionaries(
    {
        "order_date": st.sampled_from([DAY, DAY + dt.timedelta(days=1)]),
        "a": text,
        "b": text,
        "n": small,
        "money": st.none() | st.sampled_from([Decimal("0.00"), Decimal("0.01"), Decimal("-9999999999999999.99")]),
        "wide": st.none() | st.sampled_from([Decimal(0), Decimal("1E-18"), Decimal("12345678901234567890.5")]),
        "share": st.none() | st.sampled_from([0.0, 0.5, 1e300]),
        "at": st.none()
        | st.sampled_from([dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(1969, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)]),
        "yes": st.none() | st.booleans(),
        "words": st.none() | st.lists(text, max_size=2),
        "more": st.none() | st.lists(text, max_size=2),
        "tags": st.none()
        | st.lists(st.tuples(st.sampled_from(["x", "y"]), text), max_size=2, unique_by=lambda entry: entry[0]),
        "parts": st.none() | st.lists(st.none() | st.fixed_dictionaries({"name": text, "orders": small}), max_size=2),
        "_note": text,
    }
)
contents = st.lists(rows, max_size=5)
thorough = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def hashes(spark: Any, content: list[dict[str, Any]]) -> dict[str, int]:
    return content_hashes(frame_of(spark, content, EVERYTHING.arrow_schema), EVERYTHING)


def as_set(content: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """What the hash must tell apart: the data of each partition's rows, maps without order."""
    found: dict[str, Counter[str]] = {}
    for row in content:
        data = {name: value for name, value in row.items() if name != "_note"}
        data["tags"] = None if row["tags"] is None else sorted(row["tags"])
        found.setdefault(str(row["order_date"]), Counter())[repr(sorted(data.items()))] += 1
    return found


@thorough
@given(contents, st.randoms(use_true_random=False), text)
def test_neither_order_nor_technical_columns_matter(
    spark: Any, content: list[dict[str, Any]], random: Any, note: str | None
) -> None:
    other = [{**row, "_note": note, "tags": row["tags"] and row["tags"][::-1]} for row in content]
    random.shuffle(other)
    assert hashes(spark, other) == hashes(spark, content)


@thorough
@given(contents, contents)
def test_contents_share_a_hash_just_when_they_are_the_same(
    spark: Any, one: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    first, second = hashes(spark, one), hashes(spark, other)
    ones, others = as_set(one), as_set(other)
    for day in {*ones, *others}:
        assert (first.get(day) == second.get(day)) == (ones.get(day) == others.get(day))


@thorough
@given(st.lists(rows, min_size=1, max_size=4), st.data())
def test_a_changed_or_doubled_row_changes_its_partition_alone(
    spark: Any, content: list[dict[str, Any]], data: Any
) -> None:
    index = data.draw(st.integers(0, len(content) - 1))
    name = data.draw(st.sampled_from([column.name for column in COLUMNS if column.name not in ("order_date", "_note")]))
    value = data.draw(rows)[name]
    changed = [*content]
    changed[index] = {**content[index], name: value}
    assume(as_set(changed) != as_set(content))
    before, day = hashes(spark, content), str(content[index]["order_date"])
    for after in (hashes(spark, changed), hashes(spark, [*content, content[index]])):
        assert {one for one in {*before, *after} if before.get(one) != after.get(one)} == {day}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": None, "b": "x"}, {"a": "x", "b": None}),
        ({"words": ["x", None]}, {"words": [None, "x"]}),
        ({"words": ["x"], "more": []}, {"words": [], "more": ["x"]}),
        ({"words": None}, {"words": []}),
        ({"tags": None}, {"tags": []}),
        ({"tags": [("x", None)]}, {"tags": []}),
        ({"parts": [None]}, {"parts": [{"name": None, "orders": None}]}),
        ({"parts": None}, {"parts": [None]}),
    ],
)
def test_nulls_and_ends_of_lists_are_told_apart(spark: Any, one: dict[str, Any], other: dict[str, Any]) -> None:
    row = {column.name: None for column in COLUMNS} | {"order_date": DAY}
    assert hashes(spark, [{**row, **one}]) != hashes(spark, [{**row, **other}])


def test_hash_is_the_same_on_every_engine(spark: Any) -> None:
    """The figure is what JVM Spark 4.1.1 gives for these rows."""
    row = {column.name: None for column in COLUMNS} | {"order_date": DAY}
    full = {
        "order_date": DAY,
        "a": "é",
        "b": "",
        "n": -2,
        "money": Decimal("-9999999999999999.99"),
        "wide": Decimal("12345678901234567890.5"),
        "share": 0.5,
        "at": dt.datetime(1969, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC),
        "yes": False,
        "words": ["a", None],
        "more": [],
        "tags": [("x", None), ("y", "é")],
        "parts": [None, {"name": None, "orders": 3}],
        "_note": "ignored",
    }
    found = hashed_partitions(frame_of(spark, [row, full, full], EVERYTHING.arrow_schema), EVERYTHING)[str(DAY)]
    assert (found.rows, found.value) == (3, 3791402683839511016)


def test_hash_fits_a_transaction_version() -> None:
    assert all(0 <= combined(rows, high, high) < 2**63 for rows in (0, 1, 10**9) for high in (0, 1, 2**62))
