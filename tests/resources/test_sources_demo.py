"""The generated retailer: the same whatever is loaded with it, of the promised size, and as imperfect as production."""

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import replace

import pyarrow as pa
import pytest

from contracts.model import Column, ColumnSource
from resources.sources.demo.draws import Draws
from resources.sources.demo.source import DemoSource
from resources.sources.demo.vocabulary import ORDER_STATUSES
from resources.sources.interface import SourceError
from tests.demo_loads import CONTRACTS, START, day, load

GENERATED = ("bronze/snowflake_", "bronze/crm_", "bronze/kafka_")
BRONZE = {name: contract for name, contract in CONTRACTS.items() if name.startswith(GENERATED)}
ORDERS = BRONZE["bronze/snowflake_orders"]
CUSTOMERS = BRONZE["bronze/snowflake_customers"]
PRODUCTS = BRONZE["bronze/snowflake_products"]
EVERY = pytest.mark.parametrize("contract", BRONZE.values(), ids=BRONZE.keys())


@EVERY
def test_a_day_is_the_same_alone_and_within_a_range(contract):
    together = load(contract, 0, 4)
    alone = pa.concat_tables([load(contract, number, number) for number in range(5)])
    assert together.equals(alone)


@EVERY
def test_days_after_the_first_do_not_depend_on_where_the_lake_starts(contract):
    assert load(contract, 5, 6).equals(load(contract, 5, 6, start=day(-300)))


@EVERY
def test_another_seed_is_another_retailer(contract):
    assert not load(contract, 1, 1).equals(load(contract, 1, 1, seed=43))


@EVERY
def test_the_source_counts_what_it_delivers_without_delivering_it(contract):
    source = DemoSource(START, scale=0.3)
    extraction = source.extract(contract, day(0), day(3))
    windows = Counter(window for batch in extraction.batches for window in batch.column("_window").to_pylist())
    assert dict(extraction.rows_by_window) == dict(windows)
    assert source.count(contract, day(0), day(3)) == extraction.rows_by_window


@EVERY
def test_every_row_lies_in_its_window_by_its_cursor(contract):
    for row in load(contract, 0, 3).select([contract.cursor, "_window"]).to_pylist():
        cursor = row[contract.cursor]
        if cursor is None:
            assert row["_window"] == START
        elif contract.open_to_past and row["_window"] == START:
            assert cursor.date() <= START
        else:
            assert cursor.date() == row["_window"]


@pytest.mark.parametrize("contract", [ORDERS, CUSTOMERS, *(BRONZE[name] for name in BRONZE if "/crm_" in name)])
def test_rows_without_cursor_come_with_the_first_window_and_are_counted_by_every_load(contract):
    source = DemoSource(START)
    assert source.extract(contract, day(9), day(9)).rows_without_cursor == 2
    assert load(contract, 0, 0, scale=1).column(contract.cursor).null_count == 2
    assert load(contract, 9, 9, scale=1).column(contract.cursor).null_count == 0


def test_scale_1_has_about_a_thousand_orders_and_two_thousand_customers_a_day():
    placed = load(ORDERS, 0, 6, scale=1).to_pylist()
    orders = {row["order_id"] for row in placed if row["status"] == "PLACED" and row["order_id"]}
    assert 900 * 7 < len(orders) < 1_100 * 7
    assert 1_800 < load(CUSTOMERS, 3, 3, scale=1).num_rows < 2_200
    assert 200 <= load(PRODUCTS, 0, 0, scale=1).num_rows < 250


def test_weekends_differ_from_weekdays():
    source = DemoSource(START, scale=1)
    placed = Counter()
    for batch in source.extract(ORDERS, day(1), day(14)).batches:
        for row in batch.select(["status", "_window"]).to_pylist():
            placed[row["_window"].weekday()] += row["status"] == "PLACED"
    assert placed[5] > 1.15 * placed[2]


def test_orders_run_through_their_statuses_within_thirty_days():
    versions = defaultdict(dict)
    for row in load(ORDERS, 0, 45, scale=0.1).to_pylist():
        if None not in (row["order_id"], row["status"], row["order_date"], row["last_modified_ts"]):
            versions[row["order_id"]][row["last_modified_ts"]] = row
    paths = Counter()
    for versions_of_order in versions.values():
        ordered = [versions_of_order[moment] for moment in sorted(versions_of_order)]
        moments = sorted(versions_of_order)
        assert moments[-1] - moments[0] < dt.timedelta(days=30)
        assert len({row["customer_id"] for row in ordered if row["customer_id"]}) <= 1
        paths[tuple(row["status"] for row in ordered)] += 1
    for path in (
        ("PLACED", "CANCELLED"),
        ("PLACED", "PAID", "CANCELLED"),
        ("PLACED", "PAID", "SHIPPED", "DELIVERED"),
        ("PLACED", "PAID", "SHIPPED", "DELIVERED", "RETURNED"),
    ):
        assert paths[path] > 20, path


def test_some_orders_are_dated_anew_by_a_later_version():
    dates = defaultdict(set)
    for row in load(ORDERS, 1, 10, scale=1).to_pylist():
        valid = row["order_date"] and row["last_modified_ts"] and row["order_date"] <= row["last_modified_ts"].date()
        if valid and row["order_id"]:
            dates[row["order_id"]].add(row["order_date"])
    moved = [days for days in dates.values() if len(days) > 1]
    assert len(moved) > 10
    assert all(max(days) - min(days) <= dt.timedelta(days=3) for days in moved)


def test_customers_change_are_deleted_and_some_come_back():
    versions = defaultdict(list)
    for row in load(CUSTOMERS, 0, 60, scale=0.2).sort_by("last_modified_ts").to_pylist():
        if row["customer_id"] and row["is_deleted"] is not None:
            versions[row["customer_id"]].append(row)
    deletions = [tuple(row["is_deleted"] for row in rows) for rows in versions.values()]
    assert sum(any(flags) for flags in deletions) > 100
    assert sum(any(flags) and not flags[-1] for flags in deletions) > 10
    assert sum(len({row["city"] for row in rows}) > 1 for rows in versions.values()) > 100
    assert sum(len({row["email"] for row in rows}) > 1 for rows in versions.values()) > 20


def test_the_first_window_brings_the_customers_from_before_once():
    before = [
        row
        for row in load(CUSTOMERS, 0, 0).to_pylist()
        if row["last_modified_ts"] and row["last_modified_ts"].date() < START
    ]
    repeats = len(before) - len({row["customer_id"] for row in before})
    assert len(before) > 7_000
    assert repeats < 0.02 * len(before)


def test_orders_are_placed_by_customers_who_are_known_and_around():
    customers = {row["customer_id"] for row in load(CUSTOMERS, 0, 5, scale=1).to_pylist()}
    ordering = [row["customer_id"] for row in load(ORDERS, 5, 5, scale=1).to_pylist() if row["customer_id"]]
    unknown = sum(customer not in customers for customer in ordering)
    assert 0 < unknown < 0.02 * len(ordering)


def test_prices_change_and_products_are_taken_off_sale():
    prices, on_sale = defaultdict(set), set()
    for row in load(PRODUCTS, 0, 90, scale=1).to_pylist():
        prices[row["product_id"]].add(row["unit_price"])
        on_sale.add(row["is_active"])
    assert sum(len(values) > 1 for values in prices.values()) > 100
    assert on_sale == {True, False}


def test_about_one_row_in_a_hundred_is_delivered_twice():
    rows = [tuple(row.values()) for row in load(ORDERS, 3, 6, scale=1).drop_columns(["_unreadable"]).to_pylist()]
    share = (len(rows) - len(set(rows))) / len(rows)
    assert 0.007 < share < 0.013


def is_broken(row: dict) -> bool:
    """Whether an order breaks one of the rules of the data model."""
    required = (
        "order_id",
        "customer_id",
        "order_date",
        "product_id",
        "quantity",
        "amount",
        "currency",
        "status",
        "last_modified_ts",
    )
    return (
        row["_unreadable"] is not None
        or any(row[name] is None for name in required)
        or row["amount"] < 0
        or row["quantity"] <= 0
        or row["currency"] == "ZZZ"
        or row["status"] not in ORDER_STATUSES
        or row["order_date"] > row["last_modified_ts"].date()
    )  # fmt: skip


@pytest.mark.parametrize("scale", [0.05, 0.2, 1])
def test_broken_orders_are_few_on_every_day_but_there_are_some(scale):
    broken, rows = Counter(), Counter()
    for row in load(ORDERS, 0, 9, scale=scale).to_pylist():
        rows[row["_window"]] += 1
        broken[row["_window"]] += is_broken(row)
    assert sum(broken.values()) > 0
    assert max(broken[window] / rows[window] for window in rows) < 0.01


def test_orders_are_broken_in_every_way_that_a_rule_names():
    rows = load(ORDERS, 0, 29, scale=1).to_pylist()
    for name in (
        "order_id",
        "customer_id",
        "order_date",
        "product_id",
        "quantity",
        "amount",
        "currency",
        "status",
        "last_modified_ts",
    ):
        assert any(row[name] is None and row["_unreadable"] is None for row in rows), name
    for name in ("order_date", "amount", "last_modified_ts"):
        assert any(row["_unreadable"] == [name] for row in rows), name
    assert any(row["amount"] is not None and row["amount"] < 0 for row in rows)
    assert any(row["quantity"] == 0 for row in rows)
    assert {"ZZZ", "EUR", "JPY", "ZAR"} <= {row["currency"] for row in rows}
    assert "UNKNOWN" in {row["status"] for row in rows}
    assert any(
        row["order_date"] and row["last_modified_ts"] and row["order_date"] > row["last_modified_ts"].date() for row in rows
    )  # fmt: skip


def test_a_large_catalogue_has_broken_products_too_but_few():
    rows = load(PRODUCTS, 1, 10, scale=30).to_pylist()
    broken = [row for row in rows if row["_unreadable"] or not row["product_id"] or not row["unit_price"]]
    assert 0 < len(broken) < 0.01 * len(rows)


def test_yen_have_no_minor_unit_and_namibia_is_a_country():
    for row in load(ORDERS, 1, 3, scale=1).to_pylist():
        if row["currency"] == "JPY" and row["amount"] is not None and row["amount"] > 0:
            assert row["amount"] == int(row["amount"])
    assert "NA" in load(CUSTOMERS, 0, 0).column("country").to_pylist()


def test_a_table_that_is_not_generated_is_an_error_that_names_it():
    column = Column("event_id", "string", "", sources=(ColumnSource("redshift/clicks", "event_id"),))
    with pytest.raises(SourceError, match=r"redshift/clicks.*LAKEHOUSE_REDSHIFT"):
        DemoSource(START).count(replace(ORDERS, columns=(column,)), START, START)


def test_draws_are_functions_of_their_identity_alone():
    draws = Draws(1)
    days = range(5)
    assert [float(draws.share("x", day, 7)) for day in days] == [
        float(share) for share in draws.share("x", list(days), 7)
    ]
    assert float(draws.share("x", 1, 2)) != float(draws.share("x", 2, 1))
    assert float(draws.share("x", 1)) != float(draws.share("y", 1))
    assert abs(float(draws.share("x", list(range(100_000))).mean()) - 0.5) < 0.01


def test_the_generated_figures_are_those_of_every_machine_and_version():
    assert int(Draws(42).bits("orders of the day", 20_000)) == 12950769657587110063
    first = load(ORDERS, 1, 1, scale=1).to_pylist()[0]
    assert (first["order_id"], str(first["amount"]), first["last_modified_ts"].isoformat()) == (
        "O20491000467",
        "414.78",
        "2026-03-02T16:28:02.251507+00:00",
    )
