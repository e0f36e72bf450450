"""Loading days of a table up to the point where it could be published: chunks, counts, masks, and what is different."""

import contextlib
import datetime as dt
import hashlib
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from asset_checks.report import RunCounts
from contracts.errors import ConfigurationError
from contracts.model import Column, Contract, Read, RowRule, Severity
from io_managers.publish import Publication, publish
from io_managers.quarantine import publish_with_quarantine, read_quarantine
from io_managers.snapshot import open_snapshot
from io_managers.storage import Storage
from lakehouse_assets.load import (
    Load,
    Prepared,
    chunks,
    conserved,
    masked,
    narrow,
    prepare_partitions,
    stored_hash,
    totals,
)
from tests.io_managers.publish_support import AT_ONCE, CLOCK, KEY, VALUE, arrow, make_contract, new_run, stage_arrow
from tests.support import MakeFrame

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RULES = (
    RowRule("day_required", "day is not null", Severity.ERROR, "completeness", "The day is given.", "day"),
    RowRule("value_minimum", "value >= 0", Severity.ERROR, "conformity", "The value is at least 0.", "value"),
)
THINGS = replace(
    make_contract(Column("day", "date", "The day.", required=True), KEY, VALUE, table="gold/things"), row_rules=RULES
)
DAYS = [dt.date(2026, 10, day) for day in (1, 2, 3, 4)]
FIRST, SECOND, THIRD, FOURTH = DAYS
MOST = 1_000_000
SALT = "a salt that nobody may see"

Row = tuple[dt.date | None, str, int]
ROWS: list[Row] = [(FIRST, "a", 1), (FIRST, "b", 2), (SECOND, "c", 3), (FOURTH, "d", 4), (FOURTH, "e", -5)]


@pytest.fixture
def storage(root: str) -> Storage:
    return Storage(root)


def a_load(
    storage: Storage, spark: "SparkSession", days: Sequence[dt.date] = DAYS, contract: Contract = THINGS, at_once: int = AT_ONCE,
) -> Load:  # fmt: skip
    return Load(
        contract,
        storage,
        spark,
        open_snapshot(storage, contract),
        days,
        new_run(),
        CLOCK,
        at_once,
        inputs={"silver/a": 7},
    )


def prepared(
    storage: Storage, spark: "SparkSession", rows: Sequence[Row], days: Sequence[dt.date] = DAYS, built: list[Any] | None = None,
    at_once: int = AT_ONCE,
) -> Prepared:  # fmt: skip
    """Loads the rows of some days, and notes which days were made together."""
    frame = spark.createDataFrame(arrow(rows or [(FIRST, "none", 0)], THINGS)).where("true" if rows else "false")

    def build(some: Sequence[dt.date]) -> "DataFrame":
        if built is not None:
            built.append(list(some))
        return frame.where(f"day between date'{some[0]}' and date'{some[-1]}' or day is null")

    read = {str(day): sum((row[0] or days[0]) == day for row in rows) for day in days}
    return prepare_partitions(a_load(storage, spark, days, at_once=at_once), build, RunCounts(staged={}, read=read))


def published(storage: Storage, made: Prepared) -> list[Row]:
    """Publishes, and returns what the table then holds."""
    assert made.report.passed, made.report.outcomes
    publish_with_quarantine(
        storage, open_snapshot(storage, THINGS), made.table.publication, made.table.broken.toArrow() if made.table.broken else None
    )  # fmt: skip
    rows = DeltaTable(storage.table_uri("gold/things")).to_pyarrow_table().to_pylist()
    return sorted((row["day"], row["key"], row["value"]) for row in rows)


# Chunks


@given(st.lists(st.integers(0, 2 * MOST), max_size=30))
def test_chunks_keep_order_and_bound_rows_and_are_no_more_than_needed(rows: list[int]) -> None:
    parts = [f"{number:02}" for number in range(len(rows))]
    held = dict(zip(parts, rows, strict=True))
    groups = list(chunks(parts, held, MOST))
    assert [part for group in groups for part in group] == parts
    assert all(groups)
    for group in groups:
        assert len(group) == 1 or sum(held[part] for part in group) <= MOST
    for group, following in itertools.pairwise(groups):
        assert sum(held[part] for part in group) + held[following[0]] > MOST


def test_days_whose_rows_are_not_known_are_one_chunk() -> None:
    assert list(chunks(DAYS, {}, MOST)) == [DAYS]


def test_several_chunks_that_are_published_together_equal_one(root: str, spark: "SparkSession") -> None:
    whole, cut = Storage(f"{root}/whole"), Storage(f"{root}/cut")
    made, alone, together = [], [], []
    made.append(prepared(whole, spark, ROWS, built=alone))
    made.append(prepared(cut, spark, ROWS, built=together, at_once=2 * len(THINGS.columns)))
    assert alone == [DAYS]
    assert together == [[FIRST], [SECOND, THIRD], [FOURTH]]
    assert made[0].report == made[1].report
    one, several = (replace(load.table.publication, staged=(), run_id="", clock=CLOCK) for load in made)
    assert one == several
    assert published(whole, made[0]) == published(cut, made[1]) == sorted(ROWS[:-1])
    for storage in (whole, cut):
        assert open_snapshot(storage, THINGS).version == 1
        assert read_quarantine(storage, THINGS)["_window"].to_pylist() == ["2026-10-04"]


def test_a_load_is_published_with_what_it_counted_and_read(storage: Storage, spark: "SparkSession") -> None:
    made = prepared(storage, spark, ROWS)
    publication = made.table.publication
    assert publication.replaced == {str(day) for day in DAYS}
    assert publication.counts == totals(made.report)
    assert publication.counts == {"incoming": 5, "published": 4, "superseded": 0, "quarantined": 1, "retained": 0}
    assert (publication.inputs, publication.step, publication.clock) == ({"silver/a": 7}, "things", CLOCK)
    assert publication.content_hashes is not None
    assert set(publication.content_hashes) == {"2026-10-01", "2026-10-02", "2026-10-04"}


def test_nothing_is_visible_before_it_is_published(storage: Storage, spark: "SparkSession") -> None:
    prepared(storage, spark, ROWS)
    snapshot = open_snapshot(storage, THINGS)
    assert (snapshot.version, snapshot.row_count(), dict(snapshot.transactions)) == (0, 0, {})


def test_rows_that_were_lost_on_the_way_block(storage: Storage, spark: "SparkSession") -> None:
    frame = spark.createDataFrame(arrow(ROWS, THINGS))
    counts = RunCounts(staged={}, read={"2026-10-01": 2})
    made = prepare_partitions(a_load(storage, spark, [FIRST]), lambda _: frame.where("key = 'a'"), counts)
    assert not made.report.passed
    assert "2026-10-01: 2 and 1" in made.report.outcome("conserved").message


# Quarantine


def test_rows_without_a_window_are_quarantined_under_the_first_day(storage: Storage, spark: "SparkSession") -> None:
    made = prepared(storage, spark, [(None, "lost", 1), (SECOND, "b", 1)], days=[SECOND, THIRD])
    assert published(storage, made) == [(SECOND, "b", 1)]
    (row,) = read_quarantine(storage, THINGS).to_pylist()
    assert (row["_window"], row["_broken_rules"]) == ("2026-10-02", ["day_required"])
    assert '"key":"lost"' in row["_raw"]


def test_without_broken_rows_there_is_nothing_for_quarantine(storage: Storage, spark: "SparkSession") -> None:
    assert prepared(storage, spark, ROWS[:3]).table.broken is None


# Touched


def touched(storage: Storage, spark: "SparkSession", rows: Sequence[Row]) -> set[dt.date]:
    return set(prepared(storage, spark, rows).table.publication.touched)


def test_days_that_never_held_a_row_are_touched_once_they_do(storage: Storage, spark: "SparkSession") -> None:
    assert touched(storage, spark, ROWS) == {FIRST, SECOND, FOURTH}


def test_only_days_whose_rows_differ_are_touched(storage: Storage, spark: "SparkSession") -> None:
    published(storage, prepared(storage, spark, ROWS))
    assert touched(storage, spark, ROWS) == set()
    assert touched(storage, spark, ROWS[::-1]) == set()
    changed: list[Row] = [(FIRST, "a", 1), (FIRST, "b", 9), (THIRD, "c", 3), (FOURTH, "d", 4), (FOURTH, "f", -1)]
    # The fourth differs in a quarantined row alone.
    assert touched(storage, spark, changed) == {FIRST, SECOND, THIRD}
    assert touched(storage, spark, [*ROWS, ROWS[0]]) == {FIRST}


def test_a_day_whose_rows_are_all_alike_is_told_from_one_with_fewer(storage: Storage, spark: "SparkSession") -> None:
    alike: list[Row] = [(FIRST, "a", 1)] * 3
    assert published(storage, prepared(storage, spark, alike)) == alike
    assert touched(storage, spark, alike) == set()
    assert touched(storage, spark, alike[1:]) == {FIRST}


def test_a_day_that_stays_empty_is_not_touched_and_one_that_becomes_empty_is(
    storage: Storage, spark: "SparkSession"
) -> None:
    published(storage, prepared(storage, spark, ROWS))
    published(storage, prepared(storage, spark, []))
    assert touched(storage, spark, []) == set()
    assert touched(storage, spark, ROWS[:1]) == {FIRST}


@pytest.mark.parametrize("hashed_before", [True, False])
def test_a_day_whose_content_is_not_known_by_hash_counts_as_touched(
    storage: Storage, spark: "SparkSession", hashed_before: bool
) -> None:
    if hashed_before:
        published(storage, prepared(storage, spark, ROWS))
    run = new_run()
    staged = stage_arrow(storage, arrow(ROWS[:2], THINGS), run, table="gold/things")
    without = Publication(
        contract=THINGS, run_id=run, step="s", clock=CLOCK, staged=(staged,), replaced=frozenset({str(FIRST)})
    )
    publish(storage, open_snapshot(storage, THINGS), without)
    snapshot = open_snapshot(storage, THINGS)
    assert stored_hash(snapshot, str(FIRST)) is None
    expected = {FIRST} if hashed_before else {FIRST, SECOND, FOURTH}
    assert touched(storage, spark, ROWS) == expected


# Conservation


def test_rows_are_conserved_by_the_day_that_they_are_of(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    orders = rows_of("silver/orders", *({"order_id": key, "order_date": day} for key, day in (("1", FIRST), ("2", FIRST), ("3", THIRD))))  # fmt: skip
    counts = conserved(contracts["gold/fct_orders"], contracts["silver/orders"], orders, DAYS)
    assert (counts.read, counts.measures) == ({"2026-10-01": 2, "2026-10-03": 1}, None)


def test_states_are_conserved_for_each_day_at_whose_end_they_stand(
    rows_of: MakeFrame, contracts: Mapping[str, Contract]
) -> None:
    def version(key: str, start: str, end: str | None, *, deleted: bool = False) -> dict[str, Any]:
        return {"customer_id": key, "valid_from": start, "valid_to": end, "is_deleted": deleted}

    customers = rows_of(
        "silver/customers",
        version("stays", "2026-01-01T00:00:00", None),
        version("changes", "2026-01-01T00:00:00", "2026-10-02T12:00:00"),
        version("changes", "2026-10-02T12:00:00", None),
        version("is deleted", "2026-01-01T00:00:00", "2026-10-03T00:00:00"),
        version("is deleted", "2026-10-03T00:00:00", None, deleted=True),
        version("comes", "2026-10-04T23:59:59", None),
    )
    counts = conserved(contracts["gold/dim_customers"], contracts["silver/customers"], customers, DAYS)
    assert counts.read == {"2026-10-01": 3, "2026-10-02": 3, "2026-10-03": 2, "2026-10-04": 3}


def test_a_measure_is_conserved_by_its_sum(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    facts = rows_of(
        "gold/fct_orders",
        {"order_date": FIRST, "amount_eur": "10.10", "is_net": True},
        {"order_date": FIRST, "amount_eur": "5.05", "is_net": False},
        {"order_date": SECOND, "amount_eur": "7.00", "is_net": True},
    )
    for table, first in (("gold/product_perf_daily", "15.15"), ("gold/revenue_by_geography", "10.10")):
        counts = conserved(contracts[table], contracts["gold/fct_orders"], facts, DAYS)
        assert counts.read is None
        assert {day: str(total) for day, total in (counts.measures or {}).items()} == {
            "2026-10-01": first,
            "2026-10-02": "7.00",
        }


def test_a_contract_that_conserves_nothing_asks_nothing(contracts: Mapping[str, Contract]) -> None:
    contract = replace(contracts["gold/fct_orders"], conserves=None)
    assert conserved(contract, contracts["silver/orders"], None, DAYS) == RunCounts(staged={})  # type: ignore[arg-type]


def test_a_chunk_reads_what_its_own_days_read(
    storage: Storage, spark: "SparkSession", rows_of: MakeFrame, contracts: Mapping[str, Contract]
) -> None:
    contract = replace(THINGS, reads=(Read("silver/orders", "days", -1, 0),))
    orders = rows_of("silver/orders", *({"order_id": str(day), "order_date": day} for day in DAYS))
    frame = narrow(a_load(storage, spark, contract=contract), contracts["silver/orders"], orders, [SECOND, THIRD])
    assert {row["order_date"] for row in frame.collect()} == {FIRST, SECOND, THIRD}


# Masks

CUSTOMER = {
    "customer_id": "c1", "first_name": "élodie", "last_name": "von Ahn", "email": "e@x.org", "phone": "+49 (30) 12-34",
    "country": "FR", "snapshot_date": FIRST,
}  # fmt: skip


def test_personal_data_is_masked_and_all_else_is_not(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    frame = rows_of("gold/dim_customers", CUSTOMER)
    made = masked(frame, contracts["gold/dim_customers"], lambda: SALT)
    assert made.columns == frame.columns
    (row,) = made.collect()
    assert {name: row[name] for name in CUSTOMER} == CUSTOMER | {
        "first_name": "É",
        "last_name": "V",
        "email": hashlib.sha256(f"{SALT}e@x.org".encode()).hexdigest(),
        "phone": "34",
    }


def test_what_is_null_stays_null(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    contract = contracts["gold/dim_customers"]
    (row,) = masked(rows_of("gold/dim_customers", {"customer_id": "c1"}), contract, lambda: SALT).collect()
    assert [column.name for column in contract.columns if column.mask and row[column.name] is not None] == []


def test_no_row_is_lost_or_doubled_by_masks(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    contract = contracts["gold/dim_customers"]
    assert (
        masked(rows_of("gold/dim_customers", CUSTOMER, CUSTOMER, {"customer_id": "c2"}), contract, lambda: SALT).count()
        == 3
    )
    assert masked(rows_of("gold/dim_customers"), contract, lambda: SALT).count() == 0


def test_the_salt_is_in_no_plan(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    made = masked(rows_of("gold/dim_customers", CUSTOMER), contracts["gold/dim_customers"], lambda: SALT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for mode in ("simple", "extended", "formatted", "codegen"):
            with contextlib.suppress(Exception):
                made.explain(mode=mode)
        made.printSchema()
    assert "Plan" in printed.getvalue() or "Exec" in printed.getvalue()
    assert SALT not in f"{printed.getvalue()} {made!r} {made._plan!r}"


def test_a_table_without_masks_needs_no_salt(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    def missing() -> str:
        raise ConfigurationError("no salt is set")

    frame = rows_of("gold/fct_orders", {"order_id": "1"})
    assert masked(frame, contracts["gold/fct_orders"], missing) is frame
