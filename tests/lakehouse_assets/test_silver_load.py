"""Change application through real tables: what a run replaces, what it rests on, what it touches, and rebuilds."""

import datetime as dt
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from contracts.model import CURRENT, Contract, RowRule, Severity
from contracts.partitions import in_partitions
from io_managers.change_application import ChangesNotConservedError
from io_managers.log import commit_versions
from io_managers.publish import PublishConflict, Published
from io_managers.quarantine import publish_with_quarantine, read_quarantine
from io_managers.reads import read_frame
from io_managers.snapshot import Snapshot, find_snapshot, open_snapshot
from io_managers.storage import Storage
from lakehouse_assets import silver_load
from lakehouse_assets.load import Load, Prepared
from lakehouse_assets.silver.customers import customers
from lakehouse_assets.silver.orders import orders
from lakehouse_assets.silver_load import prepare_changes, windows_of
from tests.io_managers.publish_support import AT_ONCE, CLOCK, new_run
from tests.support import MakeFrame, Row

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ORDERS, CUSTOMERS = "silver/orders", "silver/customers"
BRONZE = {ORDERS: "bronze/snowflake_orders", CUSTOMERS: "bronze/snowflake_customers"}
FUNCTIONS: Mapping[str, Callable[["DataFrame"], "DataFrame"]] = {ORDERS: orders, CUSTOMERS: customers}
JANUARY = [dt.date(2026, 1, day) for day in range(1, 32)]


def order(key: str, modified: str, **more: Any) -> Row:
    """A version of an order that came the day it was modified on, and is dated that day unless said otherwise."""
    return {
        "order_id": key, "customer_id": "c", "order_date": modified[:10], "product_id": "p", "quantity": 1, "amount": "10.00",
        "currency": "EUR", "status": "PAID", "last_modified_ts": modified, "_window": modified[:10], **more,
    }  # fmt: skip


def customer(key: str, modified: str, **more: Any) -> Row:
    """A version of a customer that came the day it was modified on."""
    return {"customer_id": key, "city": "Bonn", "last_modified_ts": modified, "_window": modified[:10], **more}


@dataclass
class Table:
    """A silver table, and all that came in for it."""

    contract: Contract
    storage: Storage
    session: "SparkSession"
    rows_of: MakeFrame
    arrived: list[Row] = field(default_factory=list)
    values_at_once: int = AT_ONCE

    def prepare(self, rows: Iterable[Row], days: Sequence[dt.date], snapshot: Snapshot, *, rebuild: bool = False) -> Prepared:  # fmt: skip
        table = self.contract.table

        def read_stored(predicate: str) -> "DataFrame":
            path = self.storage.engine_path(snapshot.uri)
            return read_frame(self.session, path, snapshot.version, self.contract, predicate)

        load = Load(
            self.contract, self.storage, self.session, snapshot, days, new_run(), CLOCK, self.values_at_once, rebuild=rebuild
        )  # fmt: skip
        return prepare_changes(load, FUNCTIONS[table](self.rows_of(BRONZE[table], *rows)), read_stored)

    def open(self, *, rebuild: bool = False) -> Snapshot:
        return open_snapshot(self.storage, self.contract, rebuild=rebuild)

    def publish(self, made: Prepared, snapshot: Snapshot) -> Published:
        assert made.report.passed, made.report.outcomes
        broken = made.table.broken.toArrow() if made.table.broken else None
        return publish_with_quarantine(
            self.storage, snapshot, made.table.publication, broken, whole_table=made.table.rebuild
        )

    def apply(self, *rows: Row) -> Prepared:
        """Loads the windows of the given rows."""
        self.arrived += rows
        days = sorted({dt.date.fromisoformat(row["_window"]) for row in rows})
        snapshot = self.open()
        made = self.prepare(rows, days, snapshot)
        self.publish(made, snapshot)
        return made

    def rebuild(self) -> Prepared:
        """Makes the table anew from all that came in."""
        days = sorted({dt.date.fromisoformat(row["_window"]) for row in self.arrived})
        snapshot = self.open(rebuild=True)
        made = self.prepare(self.arrived, days, snapshot, rebuild=True)
        self.publish(made, snapshot)
        return made

    def content(self, *columns: str) -> list[tuple[Any, ...]]:
        names = columns or tuple(column.name for column in self.contract.columns)
        published = DeltaTable(self.storage.table_uri(self.contract.table)).to_pyarrow_table(columns=list(names))
        return sorted((tuple(row[name] for name in names) for row in published.to_pylist()), key=repr)


@pytest.fixture
def make_table(root: str, spark: "SparkSession", rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> Callable[..., Table]:  # fmt: skip
    return lambda table, place="lake": Table(contracts[table], Storage(f"{root}/{place}"), spark, rows_of)


@pytest.fixture
def sold(make_table: Callable[..., Table]) -> Table:
    return make_table(ORDERS)


@pytest.fixture
def known(make_table: Callable[..., Table]) -> Table:
    return make_table(CUSTOMERS)


def days(*texts: str) -> set[dt.date]:
    return {dt.date.fromisoformat(text) for text in texts}


# What is replaced and touched


def test_a_moved_key_leaves_its_old_partition_and_both_are_replaced(sold: Table) -> None:
    sold.apply(order("1", "2026-01-05T10:00:00"), order("2", "2026-01-05T10:00:00"), order("3", "2026-01-06T10:00:00"))
    moved = sold.apply(order("1", "2026-01-08T10:00:00", order_date="2026-01-07")).table.publication
    assert moved.replaced == {"2026-01-05", "2026-01-07"}
    assert moved.touched == days("2026-01-05", "2026-01-07")
    assert [(str(date), key) for key, date in sold.content("order_id", "order_date")] == [
        ("2026-01-07", "1"), ("2026-01-05", "2"), ("2026-01-06", "3"),
    ]  # fmt: skip


def test_a_partition_that_loses_its_last_row_is_emptied(sold: Table) -> None:
    sold.apply(order("1", "2026-01-05T10:00:00"))
    assert sold.apply(order("1", "2026-01-08T10:00:00")).table.publication.replaced == {"2026-01-05", "2026-01-08"}
    snapshot = sold.open()
    assert dict(snapshot.rows_by_partition()) == {"2026-01-08": 1}


@pytest.mark.parametrize("again", [1, 2])
def test_a_redelivery_replaces_nothing_touches_nothing_and_is_still_recorded(sold: Table, again: int) -> None:
    rows = [order("1", "2026-01-05T10:00:00"), order("2", "2026-01-05T11:00:00")]
    sold.apply(*rows)
    before = sold.content()
    made = sold.apply(*[row | {"_window": "2026-01-06"} for row in rows * again])
    assert (made.table.publication.replaced, made.table.publication.touched) == (frozenset(), frozenset())
    assert made.table.publication.counts["published"] == 2
    assert made.table.publication.counts["superseded"] == 2 * (again - 1)
    assert sold.content() == before
    snapshot = sold.open()
    assert (snapshot.version, snapshot.transaction("w:2026-01-06")) == (2, snapshot.transaction("w:2026-01-06") or -1)


def test_a_version_that_is_older_than_the_stored_one_changes_nothing(sold: Table) -> None:
    sold.apply(order("1", "2026-01-05T10:00:00", status="SHIPPED"))
    late = order("1", "2026-01-04T10:00:00", order_date="2026-01-04", _window="2026-01-06")
    made = sold.apply(late)
    assert made.table.publication.replaced == frozenset()
    assert made.table.publication.counts == {
        "incoming": 1,
        "published": 0,
        "superseded": 1,
        "quarantined": 0,
        "retained": 0,
    }
    assert sold.content("status") == [("SHIPPED",)]


def test_a_broken_version_is_quarantined_and_leaves_the_one_before_it(sold: Table) -> None:
    sold.apply(order("1", "2026-01-05T10:00:00"))
    sold.apply(order("1", "2026-01-06T10:00:00", amount="-1.00"), order("2", "2026-01-06T10:00:00"))
    assert sold.content("order_id", "amount") == [("1", 10), ("2", 10)]
    assert read_quarantine(sold.storage, sold.contract)["_window"].to_pylist() == ["2026-01-06"]


def test_windows_of_only_broken_rows_and_of_none_are_recorded(sold: Table) -> None:
    made = sold.apply(order("1", "2026-01-06T10:00:00", amount="-1.00"))
    assert made.table.publication.replaced == frozenset()
    snapshot = sold.open()
    empty = sold.prepare([], [JANUARY[8]], snapshot)
    sold.publish(empty, snapshot)
    assert {"w:2026-01-06", "w:2026-01-09"} == {name for name in sold.open().transactions if name.startswith("w:")}


def test_a_new_version_ends_the_one_before_it_and_touches_its_own_day_alone(known: Table) -> None:
    known.apply(customer("c", "2026-01-05T10:00:00"), customer("d", "2026-01-05T10:00:00"))
    made = known.apply(customer("c", "2026-01-20T10:00:00", city="Kiel"))
    assert made.table.publication.replaced == {CURRENT, "2026-01"}
    assert made.table.publication.touched == days("2026-01-20")
    assert [(key, city, end and str(end)[:10], month) for key, city, end, month in known.content("customer_id", "city", "valid_to", "valid_to_month")] == [
        ("c", "Bonn", "2026-01-20", "2026-01"), ("c", "Kiel", None, CURRENT), ("d", "Bonn", None, CURRENT),
    ]  # fmt: skip


# What a run rests on


def test_partitions_in_reach_are_guarded_whether_stored_or_not(sold: Table) -> None:
    sold.apply(order("1", "2026-01-10T10:00:00"))
    publication = sold.apply(order("2", "2026-03-10T10:00:00")).table.publication
    reach = {str(dt.date(2026, 3, 10) + dt.timedelta(days=number)) for number in range(-30, 31)}
    assert publication.read == reach
    assert "2026-01-10" not in publication.read


def test_a_key_that_another_run_puts_into_a_new_partition_in_reach_is_a_conflict(sold: Table) -> None:
    snapshot = sold.open()
    made = sold.prepare([order("1", "2026-01-20T10:00:00")], [JANUARY[19]], snapshot)
    sold.apply(order("1", "2026-01-10T10:00:00"))
    with pytest.raises(PublishConflict):
        sold.publish(made, snapshot)
    assert len(sold.content()) == 1


def test_what_is_out_of_reach_of_each_other_may_be_published_together(sold: Table) -> None:
    snapshot = sold.open()
    made = sold.prepare([order("1", "2026-06-20T10:00:00")], [dt.date(2026, 6, 20)], snapshot)
    sold.apply(order("2", "2026-01-10T10:00:00"))
    sold.publish(made, snapshot)
    assert len(sold.content()) == 2


def test_a_history_is_guarded_by_its_current_partition_also_before_that_holds_a_row(known: Table) -> None:
    snapshot = known.open()
    made = known.prepare([customer("c", "2026-01-20T10:00:00")], [JANUARY[19]], snapshot)
    assert made.table.publication.read == {CURRENT}
    known.apply(customer("c", "2026-01-10T10:00:00"))
    with pytest.raises(PublishConflict):
        known.publish(made, snapshot)


def test_only_partitions_in_reach_are_read(sold: Table, spark: "SparkSession") -> None:
    sold.apply(order("1", "2026-01-10T10:00:00"), order("2", "2026-05-10T10:00:00"))
    read: list[str] = []
    snapshot = sold.open()

    def read_stored(predicate: str) -> "DataFrame":
        read.append(predicate)
        return read_frame(spark, sold.storage.engine_path(snapshot.uri), snapshot.version, sold.contract, predicate)

    load = Load(sold.contract, sold.storage, spark, snapshot, [JANUARY[11]], new_run(), CLOCK, AT_ONCE)
    changes = orders(sold.rows_of(BRONZE[ORDERS], order("1", "2026-01-12T10:00:00", status="SHIPPED")))
    prepare_changes(load, changes, read_stored)
    assert read == [in_partitions(sold.contract, ["2026-01-10"])]


def test_partitions_are_named_in_the_type_of_their_column(contracts: Mapping[str, Contract]) -> None:
    assert in_partitions(contracts[ORDERS], ["2026-01-02", "2026-01-01"]).endswith(
        "in (date'2026-01-01', date'2026-01-02')"
    )
    assert in_partitions(contracts[CUSTOMERS], [CURRENT, "2026-01"]).endswith("in ('2026-01', 'current')")


# Rebuild


def history(table: str, seed: int) -> list[list[Row]]:
    """What comes in day by day: new keys, later versions, corrected dates, repeats, ties, and broken rows."""
    draw = random.Random(seed)
    arrivals: list[list[Row]] = []
    for day in JANUARY[9:15]:
        rows: list[Row] = []
        for _ in range(draw.randrange(1, 7)):
            key, at = str(draw.randrange(8)), f"{day}T{draw.randrange(24):02}:00:00"
            if table == CUSTOMERS:
                rows.append(customer(key, at, city=draw.choice("abc"), is_deleted=draw.random() < 0.2))
            else:
                date = day - dt.timedelta(days=draw.randrange(6))
                amount = draw.choice(["1.00", "2.00", "3.00", "-1.00"])
                rows.append(order(key, at, order_date=str(date), amount=amount, _window=str(day)))
        repeated = [row | {"_window": str(day)} for row in draw.choice(arrivals)] if arrivals and draw.random() < 0.5 else []  # fmt: skip
        arrivals.append([*rows, *repeated])
    return arrivals


@pytest.mark.parametrize(("table", "seed"), [(ORDERS, 1), (CUSTOMERS, 2)])
def test_a_rebuild_from_all_of_bronze_equals_what_was_loaded_day_by_day(
    make_table: Callable[..., Table], table: str, seed: int
) -> None:
    made = make_table(table)
    for arrivals in history(table, seed):
        made.apply(*arrivals)
    before, quarantined = (
        made.content(),
        read_quarantine(made.storage, made.contract).drop_columns(["_attempt", "_run_id"]),
    )
    windows = {name for name in made.open().transactions if name.startswith("w:")}
    publication = made.rebuild().table.publication
    assert made.content() == before
    assert publication.touched == frozenset()
    assert {f"w:{window}" for window in publication.windows} == windows
    snapshot = made.open()
    assert {snapshot.transaction(name) for name in windows} == {snapshot.transaction("epoch")}
    again = read_quarantine(made.storage, made.contract).drop_columns(["_attempt", "_run_id"])
    assert sorted(map(repr, again.to_pylist())) == sorted(map(repr, quarantined.to_pylist()))


def test_a_rebuild_mends_and_reports_exactly_the_dates_that_differ(sold: Table) -> None:
    sold.apply(*(order(f"{day}", f"{day}T10:00:00") for day in JANUARY[:6]))
    right = sold.content()
    bronze = list(sold.arrived)
    sold.apply(
        order(str(JANUARY[1]), "2026-01-20T10:00:00", order_date="2026-01-02", amount="99.00"),
        order(str(JANUARY[3]), "2026-01-20T10:00:00", order_date="2026-01-09"),
        order("too many", "2026-01-20T10:00:00", order_date="2026-01-15"),
    )
    sold.arrived = bronze
    publication = sold.rebuild().table.publication
    assert sold.content() == right
    assert publication.touched == days("2026-01-02", "2026-01-04", "2026-01-09", "2026-01-15")


def test_a_rebuild_without_a_version_touches_its_day_and_not_that_of_the_one_before_it(known: Table) -> None:
    known.apply(customer("c", "2026-01-05T10:00:00"))
    known.apply(customer("c", "2026-01-20T10:00:00", city="Kiel"))
    known.arrived.pop()
    assert known.rebuild().table.publication.touched == days("2026-01-20")
    assert known.content("city", "valid_to") == [("Bonn", None)]


@pytest.mark.parametrize("table", [ORDERS, CUSTOMERS])
def test_a_rebuild_by_a_tighter_rule_quarantines_what_the_table_held(
    make_table: Callable[..., Table], table: str
) -> None:
    made = make_table(table)
    row, column = (order, "status") if table == ORDERS else (customer, "city")
    made.apply(row("1", "2026-01-05T10:00:00", **{column: "PAID"}), row("2", "2026-01-05T10:00:00", **{column: "PAID"}))
    made.apply(row("1", "2026-01-06T10:00:00", **{column: "RETURNED"}))
    rule = RowRule("never_returned", f"{column} <> 'RETURNED'", Severity.ERROR, "accuracy", "No more returns.", column)
    made.contract = replace(made.contract, version="1.1.0", row_rules=(*made.contract.row_rules, rule))
    publication = made.rebuild().table.publication
    assert made.content(made.contract.key[0], column) == [("1", "PAID"), ("2", "PAID")]
    (held,) = read_quarantine(made.storage, made.contract).to_pylist()
    assert (held["_window"], held["_broken_rules"]) == ("2026-01-06", ["never_returned"])
    assert publication.counts == {"incoming": 3, "published": 2, "superseded": 0, "quarantined": 1, "retained": 0}
    assert publication.touched == (days("2026-01-05", "2026-01-06") if table == ORDERS else days("2026-01-06"))


def test_a_rebuild_over_another_schema_touches_every_date(sold: Table) -> None:
    sold.apply(order("1", "2026-01-05T10:00:00"), order("2", "2026-01-06T10:00:00"))
    columns = tuple(replace(one, type="int") if one.name == "amount" else one for one in sold.contract.columns)
    sold.contract = replace(sold.contract, version="2.0.0", columns=columns)
    sold.arrived[1:] = [order("3", "2026-01-07T10:00:00")]
    assert sold.rebuild().table.publication.touched == days("2026-01-05", "2026-01-06", "2026-01-07")
    assert sold.content("order_id", "amount") == [("1", 10), ("3", 10)]


def test_the_windows_that_bronze_holds_are_its_partitions() -> None:
    transactions = {"p:2026-01-02": 5, "p:2026-01-01": 9, "h:2026-01-03": 1, "w:2026-01-04": 1, "epoch": 2}
    assert windows_of(transactions) == [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]


def staged_steps(made: Prepared) -> set[str]:
    """What a load wrote on its way to what it publishes."""
    [staged] = made.table.publication.staged
    return {folder.name.split("-")[0] for folder in Path(staged.uri).parent.iterdir()}


def test_what_is_decided_is_written_once_where_nothing_is_stored(sold: Table) -> None:
    assert staged_steps(sold.apply(order("1", "2026-01-05T10:00:00"))) == {"changes", "content"}
    assert staged_steps(sold.apply(order("1", "2026-01-06T10:00:00"))) == {"changes", "decisions", "content"}


# Chunks


def cut_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets content be decided and merged in two steps, a chunk at a time, also where nothing is stored."""
    monkeypatch.setattr(silver_load, "DECIDED_AT_ONCE", 0)
    monkeypatch.setattr(silver_load, "COPIED_AT_ONCE", 1)


@pytest.mark.parametrize("table", [ORDERS, CUSTOMERS])
def test_several_chunks_equal_one(
    make_table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    arrivals = history(table, 3)
    whole, cut = make_table(table, "whole"), make_table(table, "cut")
    whole.apply(*(row for rows in arrivals for row in rows))
    cut.values_at_once = 3 * len(whole.contract.columns)
    cut_content(monkeypatch)
    publication = cut.apply(*(row for rows in arrivals for row in rows)).table.publication
    if table == ORDERS:
        (staged,) = publication.staged
        assert commit_versions(cut.storage, f"{staged.uri}/1")
    assert cut.content() == whole.content()
    assert cut.open().version == 1
    cut.rebuild()
    assert cut.content() == whole.content()


# Conservation


def broken_by(monkeypatch: pytest.MonkeyPatch, change: Callable[["DataFrame"], "DataFrame"]) -> None:
    """Lets the fold lose or repeat rows."""
    content = silver_load.content
    monkeypatch.setattr(silver_load, "content", lambda *arguments: change(content(*arguments)))


LOSE_STORED = "last_modified_ts >= timestamp'2026-01-06'"
LOSE_NEW = "last_modified_ts < timestamp'2026-01-06'"


@pytest.mark.parametrize(
    ("table", "rebuild", "change", "staged"),
    [
        (ORDERS, False, lambda frame: frame.where(LOSE_STORED), 1),
        (ORDERS, False, lambda frame: frame.where(LOSE_NEW), 2),
        (ORDERS, False, lambda frame: frame.unionAll(frame), 6),
        (ORDERS, True, lambda frame: frame.where(LOSE_STORED), 1),
        (CUSTOMERS, False, lambda frame: frame.where(LOSE_STORED), 1),
    ],
)
def test_content_with_rows_lost_or_repeated_is_refused(
    make_table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch, table: str, rebuild: bool, change: Any, staged: int,
) -> None:  # fmt: skip
    made, row = make_table(table), order if table == ORDERS else customer
    date = {"order_date": "2026-01-05"} if table == ORDERS else {}
    made.apply(row("1", "2026-01-05T10:00:00"), row("2", "2026-01-05T10:00:00"))
    before = made.content()
    broken_by(monkeypatch, change)
    cut_content(monkeypatch)
    late = row("3", "2026-01-06T10:00:00", **date)
    made.arrived.append(late)
    with pytest.raises(ChangesNotConservedError) as raised:
        made.rebuild() if rebuild else made.apply(late)
    held, new = (0, 3) if rebuild else (2, 1)
    message = str(raised.value)
    assert message.startswith(f"{table}: the 1 partitions to replace hold {held} rows and get {new} new ones, but {staged} rows")  # fmt: skip
    assert "Nothing is published" in message
    assert made.content() == before
    snapshot = find_snapshot(made.storage, table)
    assert snapshot is not None
    assert snapshot.transaction("w:2026-01-06") is None
