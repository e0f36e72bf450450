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
    """Two days of facts and the tables made from them; one customer was deleted on the second day."""
    facts = spark.sql(
        """select * from values
        (date'2026-10-01', 'DE', 'p1', 'c1', 'a1', cast(10.10 as decimal(18,2)), true),
        (date'2026-10-01', 'FR', 'p1', 'c2', null, cast(20.20 as decimal(18,2)), true),
        (date'2026-10-01', 'FR', 'p2', 'c2', null, cast(5.00 as decimal(18,2)), false),
        (date'2026-10-02', 'DE', 'p1', 'c1', 'a1', cast(99999999999999.99 as decimal(18,2)), true)
        as facts(order_date, country, product_id, customer_id, account_id, amount_eur, is_net)"""
    )
    sums = (
        "sum(if(is_net, amount_eur, 0)) as net_eur",
        "sum(amount_eur) as gross_eur",
        "sum(if(is_net, 1, 0)) as orders",
        "sum(if(is_net, 0, 1)) as cancelled_orders",
    )
    facts.createOrReplaceTempView("facts")

    def grouped(by: str, where: str = "true") -> "DataFrame":
        return spark.sql(
            f"select order_date as activity_date, {by}, {', '.join(sums)} from facts where {where} group by order_date, {by}"
        )

    versions = "values ('c1', timestamp'2026-01-01', timestamp'2026-10-02 08:00:00', false), ('c1', timestamp'2026-10-02 08:00:00', null, true)"
    return {
        "gold/fct_orders": facts,
        "gold/revenue_by_geography": grouped("country", "is_net"),
        "gold/revenue_by_industry": grouped("account_id", "is_net and account_id is not null"),
        "gold/product_perf_daily": grouped("product_id"),
        "gold/customer_daily": grouped("customer_id"),
        "gold/customer_monthly": spark.sql(
            "select 'c1' as customer_id, date'2026-09-01' as month_start, cast(1.00 as decimal(18,2)) as net_eur"
        ),
        "gold/marketing_attribution": spark.sql(
            """select order_date as activity_date, model, 1.0D as credit, if(is_net, amount_eur, 0) as net_eur
            from facts cross join (values ('first_touch'), ('last_touch'), ('linear')) as models(model)"""
        ),
        "silver/customers": spark.sql(f"select * from {versions} as v(customer_id, valid_from, valid_to, is_deleted)"),
        "gold/dim_customers": spark.sql("select date'2026-10-01' as snapshot_date, 'c1' as customer_id"),
        "gold/customer_360": spark.sql(
            """select * from values
            (date'2026-10-01', 'c1', timestamp'2026-01-01', cast(11.10 as decimal(18,2))),
            (date'2026-10-01', 'c2', null, cast(20.20 as decimal(18,2))),
            (date'2026-10-02', 'c2', null, cast(20.20 as decimal(18,2)))
            as p(snapshot_date, customer_id, last_modified_ts, lifetime_net_eur)"""
        ),
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


def test_a_lifetime_is_what_was_before_and_the_days_since_less_deleted_customers(
    published: "dict[str, DataFrame]",
) -> None:
    results = evaluate_identities(published, [X, Y], {})
    lifetimes = [(one.day, one.left) for one in results if one.identity.name.startswith("lifetime_net_eur")]
    assert lifetimes == [(X, Decimal("31.30")), (Y, Decimal("20.20"))]


def test_a_lifetime_is_not_judged_while_an_earlier_month_is_stale(published: "dict[str, DataFrame]") -> None:
    results = evaluate_identities(published, [X, Y], {"gold/customer_monthly": {dt.date(2026, 9, 30)}})
    stale = {one.identity.name for one in results if one.verdict is Verdict.STALE}
    assert stale == {"lifetime_net_eur of gold/customer_360"}


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda one: one.name)
def test_each_identity_breaks_where_a_row_of_its_table_is_lost(
    published: "dict[str, DataFrame]", identity: Identity
) -> None:
    lost = {**published, identity.right.table: published[identity.right.table].where("false")}
    broken = [one for one in evaluate_identities(lost, [X], {}, [identity]) if not one.passed]
    assert [one.identity for one in broken] == [identity]


@pytest.mark.parametrize("table", ["gold/revenue_by_geography", "gold/product_perf_daily", "gold/customer_daily"])
def test_a_cent_changed_by_hand_breaks_the_day_of_that_table_alone(
    published: "dict[str, DataFrame]", table: str
) -> None:
    frame = published[table]
    others = [name for name in frame.columns if name != "net_eur"]
    changed = frame.selectExpr(*others, "net_eur + if(activity_date = date'2026-10-02', 0.01, 0) as net_eur")
    own = [identity for identity in IDENTITIES if identity.right.table == table]
    results = evaluate_identities({**published, table: changed}, [X, Y], {}, own)
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
    assert broken == {
        "gross_eur of gold/product_perf_daily",
        "gross_eur of gold/customer_daily",
        "cancelled_orders of gold/customer_daily",
        *(f"credit of gold/marketing_attribution by {model}" for model in ("first_touch", "last_touch", "linear")),
    }


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
    of_days = [one for one in IDENTITIES if isinstance(one.left, DailySum)]
    results = evaluate_identities(published, [dt.date(2026, 10, 3)], {}, of_days)
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
    profiles = identities_of("gold/customer_360")
    assert set(identities_of("gold/fct_orders")) == set(IDENTITIES) - set(profiles)
    assert {one.right.table for one in identities_of("gold/product_perf_daily")} == {"gold/product_perf_daily"}
    assert identities_of("gold/dim_products") == ()
