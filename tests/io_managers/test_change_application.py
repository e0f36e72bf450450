"""Change application on the engine against a model: any order, repetition and split of the same changes gives the same table.

A history is all changes of one key, and many histories are folded at once. Each key of the scd1 table has days of its
own, further than the drift from any other key's, so that no key's changes make the fold read what another one needs.
"""

import datetime as dt
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from contracts.model import CURRENT, Column, Contract
from io_managers.change_application import (
    ChangesNotConservedError,
    apply_changes,
    change_dates,
    conflicting_versions,
    content,
    decide,
    incoming_by_window,
    outcome_of,
    partitions_to_read,
    superseded,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DRIFT = 5
FIRST_DAY = dt.date(2026, 1, 1)
FIRST_TIME = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PAYLOADS: list[tuple[str | None, str | None, Mapping[str, str] | None]] = [
    ("x", None, {}),
    (None, "x", {}),  # hashes like the one before: a hash passes over null
    ("x", "y", {"k": "v", "a": "b"}),
    (None, None, None),
]

Row = dict[str, Any]
Truth = dict[Any, Row]


def column(name: str, kind: str, **options: Any) -> Column:
    return Column(name=name, type=kind, description=name, **options)


BASE = (
    column("id", "string", required=True, key=True),
    column("number", "bigint", required=True, key=True),
    column("changed_at", "timestamp", required=True),
    column("day", "date"),
    column("first", "string"),
    column("second", "string"),
    column("attributes", "map<string,string>"),
)
VALIDITY = (
    column("valid_from", "timestamp", derived=True),
    column("valid_to", "timestamp", derived=True),
    column("is_current", "boolean", derived=True),
    column("valid_to_month", "string", derived=True),
)


def contract_of(history: Any, columns: Sequence[Column], partition: str) -> Contract:
    return Contract(
        table="silver/things",
        version="1.0.0",
        title="Things",
        description="Things",
        grain="a thing",
        owner="us",
        columns=tuple(columns),
        mode="changes",
        partition_column=partition,
        available_by=dt.time(2),
        retention_days=1,
        sequence="changed_at",
        history=history,
        drift_days=DRIFT,
    )


LATEST = contract_of("scd1", BASE, "day")
HISTORY = contract_of("scd2", BASE + VALIDITY, "valid_to_month")


def frame(
    spark: "SparkSession", rows: Sequence[Row], contract: Contract, *, arriving: bool = False
) -> "DataFrame | None":
    """Rows as the engine's, None for no rows; arriving ones have a window, and no validity yet."""
    fields = [
        f.with_nullable(True) for f in contract.arrow_schema if not (arriving and f.name in {c.name for c in VALIDITY})
    ]
    schema = pa.schema(
        [*fields, pa.field("_window", pa.date32())] if arriving and "_window" not in contract.by_name else fields
    )
    return spark.createDataFrame(pa.Table.from_pylist(rows, schema=schema)) if rows else None


def rows_of(made: "DataFrame") -> list[Row]:
    rows = made.toArrow().to_pylist()
    return [{name: dict(value) if isinstance(value, list) else value for name, value in row.items()} for row in rows]


def in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=version_of)


# The model: which version stands, from all changes at once.


@dataclass(frozen=True)
class Ties:
    """The order of payloads, as the rule for ties has it; hashes come from the engine, a literal in a test of its own."""

    hashes: Mapping[Any, int] = field(repr=False)

    def __call__(self, change: Row) -> tuple[Any, ...]:
        payload = (change["day"], change["first"], change["second"], entries(change["attributes"]))
        text = {
            name: value
            for name, value in (("day", str(change["day"])), ("first", change["first"]), ("second", change["second"]))
            if value
        }
        return change["changed_at"], self.hashes[payload], json.dumps(text)


def entries(attributes: Mapping[str, str] | None) -> Any:
    return None if attributes is None else tuple(sorted(attributes.items()))


def truth(contract: Contract, changes: Sequence[Row], ties: Ties) -> Truth:
    """The table that these changes make, by key (scd1) or key and sequence (scd2)."""
    standing: Truth = {}
    for change in changes:
        row = {name: change[name] for name in ("id", "number", "changed_at", "day", "first", "second", "attributes")}
        identity = version_of(row)[:2] if contract is LATEST else version_of(row)
        if identity not in standing or ties(row) > ties(standing[identity]):
            standing[identity] = row
    if contract is HISTORY:
        for _, versions in itertools.groupby(sorted(standing), key=lambda identity: identity[:2]):
            ordered = list(versions)
            for identity, following in itertools.zip_longest(ordered, ordered[1:]):
                until = following and following[2]
                month = until.strftime("%Y-%m") if until else CURRENT
                standing[identity] |= {
                    "valid_from": identity[2],
                    "valid_to": until,
                    "is_current": until is None,
                    "valid_to_month": month,
                }
    return standing


def version_of(row: Row) -> tuple[Any, ...]:
    return row["id"], row["number"], row["changed_at"]


def home(contract: Contract, row: Row) -> str:
    return str(row[contract.partition_column])


@dataclass
class Table:
    """A table as its partitions' rows, changed by nothing but the functions under test."""

    spark: "SparkSession"
    contract: Contract
    ties: Ties
    partitions: dict[str, list[Row]] = field(default_factory=dict)
    arrived: list[Row] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        return [row for rows in self.partitions.values() for row in rows]

    def load(self, batch: Sequence[Row]) -> None:
        """Applies a batch, and compares all that the fold reports with the difference of the model's tables."""
        contract = self.contract
        before = truth(contract, self.arrived, self.ties)
        self.arrived += batch
        after = truth(contract, self.arrived, self.ties)

        changes = frame(self.spark, batch, contract, arriving=True)
        read = partitions_to_read(contract, change_dates(changes, contract), self.partitions)
        existing = frame(self.spark, [row for partition in read for row in self.partitions[partition]], contract)
        decisions = decide(changes, existing, contract)
        outcome = outcome_of(decisions, contract)
        incoming = incoming_by_window(changes)

        different = [(before.get(identity), row) for identity, row in after.items() if before.get(identity) != row]
        assert outcome.added == len(after) - len(before)
        assert outcome.replaced == {home(contract, row) for pair in different for row in pair if row}
        assert outcome.touched == {day for old, new in different for day in touched(contract, old, new)}
        assert outcome.applied == first_arrivals(batch, after, contract)
        assert incoming == Counter(row["_window"] for row in batch)
        assert {
            w: outcome.applied.get(w, 0) + n for w, n in superseded(incoming, outcome.applied, contract).items()
        } == incoming
        assert conflicting_versions(changes, existing, contract) == conflicts(batch, self.rows)

        new = rows_of(content(decisions, existing, contract, outcome.replaced)) if outcome.replaced else []
        for partition in outcome.replaced:
            self.partitions[partition] = [row for row in new if home(contract, row) == partition]
        assert {home(contract, row) for row in new} <= outcome.replaced
        assert in_order(self.rows) == in_order(after.values())


def touched(contract: Contract, old: Row | None, new: Row) -> set[dt.date]:
    if contract is LATEST:
        return {row["day"] for row in (old, new) if row}
    says = ("day", "first", "second", "attributes")
    return set() if old and all(old[name] == new[name] for name in says) else {new["valid_from"].date()}


def first_arrivals(batch: Sequence[Row], after: Truth, contract: Contract) -> dict[dt.date, int]:
    """Of the changes that stand, one a row of the table, in the window of the first."""
    standing: dict[Any, dt.date] = {}
    for change in batch:
        identity = version_of(change)[:2] if contract is LATEST else version_of(change)
        if all(after[identity][name] == change[name] for name in change if name != "_window"):
            standing[identity] = min(standing.get(identity, change["_window"]), change["_window"])
    return dict(Counter(standing.values()))


def conflicts(batch: Sequence[Row], stored: Sequence[Row]) -> int:
    payloads: dict[Any, set[Any]] = {}
    for row in [*batch, *stored]:
        payload = (row["day"], row["first"], row["second"], entries(row["attributes"]))
        payloads.setdefault(version_of(row), set()).add(payload)
    arriving = {version_of(row) for row in batch}
    return sum(len(found) > 1 for version, found in payloads.items() if version in arriving)


@pytest.fixture(scope="module")
def ties(spark: "SparkSession") -> Ties:
    """Hashes of every payload on every day that histories draw."""
    days = [FIRST_DAY + dt.timedelta(days=day) for day in range(KEYS * REGION)]
    rows = [row_of(0, 0, day, payload) for day in days for payload in range(len(PAYLOADS))]
    made = frame(spark, rows, LATEST, arriving=True)
    hashed = (
        made.selectExpr("xxhash64(day, first, second, sort_array(map_entries(attributes))) as hash")
        .toArrow()["hash"]
        .to_pylist()
    )
    return Ties(
        {
            (row["day"], row["first"], row["second"], entries(row["attributes"])): value
            for row, value in zip(rows, hashed, strict=True)
        }
    )


KEYS = 40
REGION = 3 * DRIFT
"""Days apart: each key's own, and the drift on both sides."""


def row_of(key: int, time: int, day: dt.date, payload: int) -> Row:
    """A change; ten times make a month."""
    first, second, attributes = PAYLOADS[payload]
    return {
        "id": f"k{key // 2}",
        "number": key % 2,
        "changed_at": FIRST_TIME + dt.timedelta(days=3 * time),
        "day": day,
        "first": first,
        "second": second,
        "attributes": attributes,
    }


@dataclass
class Arrivals:
    batches: list[list[Row]] = field(repr=False)


@st.composite
def arrivals(draw: st.DrawFn, keys: int) -> Arrivals:
    """The changes of many keys as they arrive: in any order, some repeated, in any batches, each in a window."""
    change = st.tuples(st.integers(0, 30), st.integers(0, DRIFT), st.integers(0, len(PAYLOADS) - 1))
    batches: list[list[Row]] = [[] for _ in range(draw(st.integers(2, 4)))]
    placed = st.lists(st.tuples(st.integers(0, len(batches) - 1), st.integers(0, 2)), min_size=1, max_size=3)
    for key in range(keys):
        for time, day, payload in draw(st.lists(change, max_size=5)):
            row = row_of(key, time, FIRST_DAY + dt.timedelta(days=key * REGION + day), payload)
            for batch, window in draw(placed):
                batches[batch].append(row | {"_window": FIRST_DAY + dt.timedelta(days=window)})
    return Arrivals([draw(st.permutations(batch)) for batch in batches if batch])


thorough = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)


@settings(thorough, max_examples=10)
@given(arriving=arrivals(KEYS))
def test_latest_versions_stand_whatever_the_order_repetition_and_split(
    spark: "SparkSession", ties: Ties, arriving: Arrivals
) -> None:
    table = Table(spark, LATEST, ties)
    for batch in arriving.batches:
        table.load(batch)


@settings(thorough, max_examples=12)
@given(arriving=arrivals(3))
def test_all_versions_stand_whatever_the_order_repetition_and_split(
    spark: "SparkSession", ties: Ties, arriving: Arrivals
) -> None:
    table = Table(spark, HISTORY, ties)
    for batch in arriving.batches:
        table.load(batch)


@settings(thorough, max_examples=8)
@given(arriving=arrivals(KEYS))
def test_a_history_needs_no_month_before_its_own_oldest_change(
    spark: "SparkSession", ties: Ties, arriving: Arrivals
) -> None:
    """Every key is a table of its own, which reads its own partitions; all are folded at once."""
    stored: list[Row] = []
    arrived: list[Row] = []
    for batch in arriving.batches:
        oldest: dict[Any, dt.datetime] = {}
        for change in batch:
            key = change["id"], change["number"]
            oldest[key] = min(oldest.get(key, change["changed_at"]), change["changed_at"])
        months = {key: set(partitions_to_read(HISTORY, [time.date()], MONTHS)) for key, time in oldest.items()}
        read = [row for row in stored if row["valid_to_month"] in months.get((row["id"], row["number"]), ())]
        folded = rows_of(
            apply_changes(frame(spark, batch, HISTORY, arriving=True), frame(spark, read, HISTORY), HISTORY)
        )

        before = truth(HISTORY, arrived, ties)
        arrived += batch
        after = truth(HISTORY, arrived, ties)
        for row in folded:
            changed, applied = row.pop("_changed"), row.pop("_applied")
            assert changed == (before.get(version_of(row)) != row)
            assert applied == any(
                all(row[name] == value for name, value in change.items() if name != "_window") for change in batch
            )
        stored = [row for row in stored if row not in read] + folded
        assert in_order(stored) == in_order(after.values())


MONTHS = ["2026-01", "2026-02", "2026-03", "2026-04", CURRENT]


# What the histories don't say, in single cases.


def fold(
    spark: "SparkSession", batch: Sequence[Row], stored: Sequence[Row] = (), contract: Contract = LATEST
) -> list[Row]:
    return rows_of(
        apply_changes(frame(spark, batch, contract, arriving=True), frame(spark, stored, contract), contract)
    )


def arriving(row: Row, window: dt.date = FIRST_DAY) -> Row:
    return row | {"_window": window}


def test_of_equal_sequences_the_greatest_signed_hash_stands(spark: "SparkSession") -> None:
    contract = contract_of("scd1", [c for c in BASE if c.name not in ("second", "attributes")], "day")
    words = HASHED_WORDS
    rows = [
        {"id": "k", "number": 1, "changed_at": FIRST_TIME, "day": None, "first": word, "_window": FIRST_DAY}
        for word in words
    ]
    [standing] = fold(spark, rows, contract=contract)
    assert standing["first"] == max(words, key=words.__getitem__)


HASHED_WORDS = {
    "a": -8582455328737087284,
    "b": -6391946315847899181,
    "c": -3446348257159517350,
    "d": 4409375254388155230,
}
"""xxhash64 of each with seed 42, as Spark computes it."""


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_of_equal_hashes_the_greatest_json_stands(spark: "SparkSession", *, turned: bool, apart: bool) -> None:
    first, second = row_of(1, 1, FIRST_DAY, 0), row_of(1, 1, FIRST_DAY, 1)
    rows = [second, first] if turned else [first, second]
    folded = fold(spark, [arriving(rows[0])], rows[1:]) if apart else fold(spark, [arriving(row) for row in rows])
    assert [(row["first"], row["second"]) for row in folded] == [(None, "x")]


def test_a_copy_counts_for_the_window_that_brought_it_first(spark: "SparkSession") -> None:
    row = row_of(1, 1, FIRST_DAY, 0)
    later = FIRST_DAY + dt.timedelta(days=1)
    changes = frame(spark, [arriving(row, later), arriving(row)], LATEST, arriving=True)
    outcome = outcome_of(decide(changes, None, LATEST), LATEST)
    assert superseded(incoming_by_window(changes), outcome.applied, LATEST) == {FIRST_DAY: 0, later: 1}


def test_more_applied_than_came_in_is_an_error() -> None:
    with pytest.raises(ChangesNotConservedError, match=r"silver/things, window 2026-01-01: 2 changes .* only 1"):
        superseded({FIRST_DAY: 1}, {FIRST_DAY: 2}, LATEST)


def test_an_unchanged_rate_delivered_again_moves_its_window_and_touches_no_date(
    spark: "SparkSession", contracts: Mapping[str, Contract]
) -> None:
    contract = contracts["silver/fx_rates"]
    day, later = dt.date(2026, 2, 27), dt.date(2026, 3, 1)
    rate = {
        "rate_date": day,
        "currency": "USD",
        "rate": Decimal("1.1"),
        "eur_per_unit": Decimal("0.9090909091"),
        "rate_month": "2026-02",
        "_window": day,
    }
    other = rate | {"currency": "CHF"}
    changes = frame(spark, [rate | {"_window": later}], contract, arriving=True)
    existing = frame(spark, [rate, other], contract)
    decisions = decide(changes, existing, contract)
    outcome = outcome_of(decisions, contract)
    assert (outcome.replaced, outcome.touched, outcome.applied) == ({"2026-02"}, frozenset(), {later: 1})
    made = {
        row["currency"]: row["_window"] for row in rows_of(content(decisions, existing, contract, outcome.replaced))
    }
    assert made == {"USD": later, "CHF": day}


def test_content_has_the_columns_and_types_of_the_contract_in_order(
    spark: "SparkSession", contracts: Mapping[str, Contract]
) -> None:
    contract = contracts["silver/customers"]
    changes = frame(
        spark,
        [{"customer_id": "c", "last_modified_ts": FIRST_TIME, "is_deleted": True, "_window": FIRST_DAY}],
        contract,
        arriving=True,
    )
    made = content(decide(changes, None, contract), None, contract, {CURRENT}).toArrow()
    assert made.schema.names == contract.arrow_schema.names
    assert made.schema.types == contract.arrow_schema.types
    assert made["is_deleted"].to_pylist() == [True]


def test_a_moved_order_leaves_its_old_day_in_a_delta_table(spark: "SparkSession", root: str) -> None:
    old, new = FIRST_DAY, FIRST_DAY + dt.timedelta(days=DRIFT)
    row, neighbour = row_of(1, 1, old, 2), row_of(2, 1, new, 0)
    for name, rows in {
        "table": [row, neighbour, row_of(4, 1, old + dt.timedelta(days=50), 0)],
        "changes": [arriving(row_of(1, 2, new, 2)), arriving(neighbour)],
    }.items():
        made = frame(spark, rows, LATEST, arriving=name == "changes")
        made.write.format("delta").mode("error").partitionBy("day").save(f"{root}/{name}")
    changes = spark.read.format("delta").load(f"{root}/changes")
    stored = [str(old), str(new), str(old + dt.timedelta(days=50))]
    read = partitions_to_read(LATEST, change_dates(changes, LATEST), stored)
    assert read == stored[:2]
    existing = (
        spark.read.format("delta")
        .load(f"{root}/table")
        .where(F.col("day").isin([F.lit(day).cast("date") for day in read]))
    )
    decide(changes, existing, LATEST).write.format("delta").mode("error").save(f"{root}/decisions")
    decisions = spark.read.format("delta").load(f"{root}/decisions")
    outcome = outcome_of(decisions, LATEST)
    assert outcome.replaced == {str(old), str(new)}
    assert outcome.touched == {old, new}
    content(decisions, existing, LATEST, outcome.replaced).write.format("delta").mode("error").partitionBy("day").save(
        f"{root}/content"
    )
    made = spark.read.format("delta").load(f"{root}/content").select(*[c.name for c in LATEST.columns])
    assert in_order(rows_of(made)) == in_order([row_of(1, 2, new, 2), neighbour])


@pytest.mark.parametrize(
    ("contract", "dates", "expected"),
    [
        (LATEST, ["2026-01-10"], ["2026-01-05", "2026-01-15"]),
        (LATEST, [], []),
        (LATEST, ["0001-01-01", "9999-12-31"], []),
        (HISTORY, ["2026-01-31", "2026-03-01"], ["2026-01", "2026-02", CURRENT]),
        (HISTORY, [], []),
    ],
)
def test_partitions_to_read(contract: Contract, dates: list[str], expected: list[str]) -> None:
    days = ["2026-01-16", "2026-01-15", "2026-01-04", "2026-01-05"]
    months = [CURRENT, "2026-02", "2026-01", "2025-12"]
    given_dates = [dt.date.fromisoformat(date) for date in dates]
    assert partitions_to_read(contract, given_dates, days if contract is LATEST else months) == expected
