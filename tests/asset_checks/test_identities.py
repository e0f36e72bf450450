"""Identities of gold tables made from the same orders, and what they say when one is changed by hand."""

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from asset_checks.identities import (
    IDENTITIES,
    DailySum,
    Identity,
    Verdict,
    describe,
    evaluate_identities,
    identities_of,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

X, Y = dt.date(2026, 10, 1), dt.date(2026, 10, 2)


@pytest.fixture
def published(spark: Any) -> "dict[str, DataFrame]":
    """Two days of facts and the tables made from them."""
    facts = spark.sql(
        """select * from values
        (date'2026-10-01', 'DE', 'p1', cast(10.10 as decimal(18,2)), true),
        (date'2026-10-01', 'FR', 'p1', cast(20.20 as decimal(18,2)), true),
        (date'2026-10-01', 'FR', 'p2', cast(5.00 as decimal(18,2)), false),
        (date'2026-10-02', 'DE', 'p1', cast(99999999999999.99 as decimal(18,2)), true)
        as facts(order_date, country, product_id, amount_eur, is_net)"""
    )
    sums = (
        "sum(if(is_net, amount_eur, 0)) as net_eur",
        "sum(amount_eur) as gross_eur",
        "sum(if(is_net, 1, 0)) as orders",
    )
    facts.createOrReplaceTempView("facts")

    def grouped(by: str, where: str = "true") -> "DataFrame":
        return spark.sql(
            f"select order_date as activity_date, {by}, {', '.join(sums)} from facts where {where} group by order_date, {by}"
        )

    return {
        "gold/fct_orders": facts,
        "gold/revenue_by_geography": grouped("country", "is_net"),
        "gold/product_perf_daily": grouped("product_id"),
    }


def test_tables_of_the_same_orders_agree_to_the_cent(published: "dict[str, DataFrame]") -> None:
    results = evaluate_identities(published, [X, Y], {})
    assert len(results) == 2 * len(IDENTITIES)
    assert {result.verdict for result in results} == {Verdict.HOLDS}
    net = {
        (result.day, result.left)
        for result in results
        if result.identity.name == "net_eur of gold/revenue_by_geography"
    }
    assert net == {(X, Decimal("30.30")), (Y, Decimal("99999999999999.99"))}


@pytest.mark.parametrize("table", ["gold/revenue_by_geography", "gold/product_perf_daily"])
def test_a_cent_changed_by_hand_breaks_the_day_of_that_table_alone(
    published: "dict[str, DataFrame]", table: str
) -> None:
    frame = published[table]
    others = [name for name in frame.columns if name != "net_eur"]
    changed = frame.selectExpr(*others, "net_eur + if(activity_date = date'2026-10-02', 0.01, 0) as net_eur")
    results = evaluate_identities({**published, table: changed}, [X, Y], {})
    broken = [result for result in results if not result.passed]
    assert {(result.identity.right.table, result.day) for result in broken} == {(table, Y)}
    assert f"net_eur of {table}" in describe(results)


def test_a_lost_row_breaks_counts_and_sums(published: "dict[str, DataFrame]") -> None:
    lost = published["gold/fct_orders"].where("product_id <> 'p2'")
    broken = {
        result.identity.name
        for result in evaluate_identities({**published, "gold/fct_orders": lost}, [X, Y], {})
        if not result.passed
    }
    assert broken == {"gross_eur of gold/product_perf_daily"}


def test_stale_days_are_not_red(published: "dict[str, DataFrame]") -> None:
    empty = published["gold/product_perf_daily"].where("false")
    results = evaluate_identities(
        {**published, "gold/product_perf_daily": empty}, [X, Y], {"gold/product_perf_daily": {X, Y}}
    )
    assert all(result.passed for result in results)
    assert {result.verdict for result in results if result.identity.right.table == "gold/product_perf_daily"} == {
        Verdict.STALE
    }
    assert "6 not judged" in describe(results)


def test_tables_that_do_not_exist_yet_are_left_out(published: "dict[str, DataFrame]") -> None:
    two = {name: published[name] for name in ("gold/fct_orders", "gold/revenue_by_geography")}
    names = {result.identity.name for result in evaluate_identities(two, [X], {})}
    assert names == {"net_eur of gold/revenue_by_geography", "orders of gold/revenue_by_geography"}
    assert evaluate_identities({"gold/fct_orders": two["gold/fct_orders"]}, [X], {}) == []


def test_a_day_without_rows_sums_to_nothing(published: "dict[str, DataFrame]") -> None:
    results = evaluate_identities(published, [dt.date(2026, 10, 3)], {})
    assert {(result.left, result.right, result.verdict) for result in results} == {(0, 0, Verdict.HOLDS)}


def test_a_table_joins_by_stating_its_sums(spark: Any) -> None:
    frames = {
        "gold/a": spark.sql("select date'2026-10-01' as d, 3L as n"),
        "gold/b": spark.sql("select date'2026-10-01' as e, explode(array(1L, 2L)) as m"),
    }
    identity = Identity("n", DailySum("gold/a", "d", "n"), DailySum("gold/b", "e", "m"))
    (result,) = evaluate_identities(frames, [X], {}, [identity])
    assert (result.left, result.right, result.verdict) == (3, 3, Verdict.HOLDS)


def test_identities_of_a_table_are_those_it_is_a_side_of() -> None:
    assert identities_of("gold/fct_orders") == IDENTITIES
    assert {one.right.table for one in identities_of("gold/product_perf_daily")} == {"gold/product_perf_daily"}
    assert identities_of("gold/dim_products") == ()
