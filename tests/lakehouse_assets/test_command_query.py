"""Queries as people write them: the tables they name, what isn't run, and the text over views."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.command.query import (
    Query,
    Reference,
    over_views,
    parse_as_of,
    parse_query,
    view_names,
    with_as_of,
)
from lakehouse_assets.command.requests import RequestError, near_names

ORDERS, FACTS = Reference("silver/orders"), Reference("gold/fct_orders")


def rewritten(text: str) -> str:
    query = parse_query(text)
    return over_views(query, view_names(query))


def refusal(text: str) -> str:
    with pytest.raises(RequestError) as refused:
        parse_query(text)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("select 1", []),
        ("select * from silver.orders;", [ORDERS]),
        ("select * from Silver.ORDERS o join `gold`.`fct_orders` using (order_id)", [ORDERS, FACTS]),
        ("select * from `silver/orders`", [ORDERS]),
        ("select * from silver.orders__quarantine", [Reference("silver/orders__quarantine")]),
        ("with orders as (select * from silver.orders) select * from orders", [ORDERS]),
        ("select 1 where exists (select 1 from silver.orders) union all (select 2 from gold.fct_orders)", [ORDERS, FACTS]),
        ("select * from range(3), silver.orders lateral view explode(array(1)) t as c", [ORDERS]),
        ("select 'silver.orders' as a -- from gold.fct_orders\nfrom silver.orders /* x */", [ORDERS]),
        ("from silver.orders select order_id", [ORDERS]),
    ],
)  # fmt: skip
def test_tables_are_found_wherever_rows_come_from(text: str, references: list[Reference]) -> None:
    assert parse_query(text).references == references


def test_a_version_or_time_may_stand_behind_each_table() -> None:
    noon = dt.datetime(2026, 10, 5, 12, tzinfo=dt.UTC)
    query = parse_query(
        "select * from silver.orders version as of 3 a join silver.orders for version as of 12 as b using (order_id)"
        " join silver.orders timestamp as of '2026-10-05 12:00:00' c using (order_id)"
        " join gold.fct_orders for timestamp as of timestamp '2026-10-05T14:00:00+02:00' using (order_id)"
    )
    assert [one.as_of for one in query.references] == [3, 12, noon, noon]


def test_only_names_of_tables_are_replaced() -> None:
    text = "select silver.orders.amount,\n  'silver.orders' as é -- silver.orders\nfrom  silver.orders  where x = 1"
    assert rewritten(text) == text.replace("silver.orders.amount", "`orders`.amount").replace(
        "from  silver.orders  ", "from  `orders`  "
    )
    assert rewritten("select * from silver.orders for version as of 3 o") == "select * from `orders` o"
    assert rewritten("select o.a.b from silver.orders o") == "select o.a.b from `orders` o"


def test_views_have_names_of_their_own_where_the_tables_would_clash() -> None:
    assert rewritten("select silver.fx.a, bronze.fx.a from silver.fx, bronze.fx") == (
        "select `silver__fx__0`.a, `bronze__fx__1`.a from `silver__fx__0`, `bronze__fx__1`"
    )
    assert rewritten("with orders as (select * from silver.orders) select * from orders") == (
        "with orders as (select * from `silver__orders__0`) select * from orders"
    )
    assert rewritten("select 1 from silver.o version as of 1 a, silver.o version as of 2 b") == (
        "select 1 from `silver__o__0` a, `silver__o__1` b"
    )


@given(st.text(alphabet="abcé '\n\t", max_size=20))
def test_literals_are_left_alone_whatever_they_hold(content: str) -> None:
    literal = "'" + content.replace("'", "''") + "'"
    assert rewritten(f"select {literal} from silver.orders") == f"select {literal} from `orders`"


@pytest.mark.parametrize(
    "text",
    [
        "drop table silver.orders",
        "insert into silver.orders select 1",
        "with a as (select 1) insert into silver.orders select * from a",
        "create table x as select 1",
        "create temporary view x as select 1",
        "explain select 1",
        "set x = 1",
        "cache table silver.orders",
        "values (1)",
        "select transform(a) using 'cat' as (b) from silver.orders",
    ],
)
def test_only_queries_are_run(text: str) -> None:
    assert "only queries are run" in refusal(text)


def test_one_query_is_run_at_a_time() -> None:
    assert "one query" in refusal("select 1; select 2")
    assert "one query" in refusal(" ; ")


def test_files_are_not_read_past_the_tables() -> None:
    assert "'read_files' may not be read from" in refusal("select * from read_files('/etc')")
    assert parse_query("select * from parquet.`/etc/x`").references[0].table.startswith("parquet/")


def test_a_parse_error_shows_the_place() -> None:
    message = refusal("select a,\n  b from silver.orders whre x = 1")
    assert message.startswith("the query can't be parsed at line 2, column 29:")
    line, mark = message.splitlines()[-2:]
    assert line[mark.index("^")] == "x"
    assert "quotation mark" in refusal("select 'a from silver.orders")


def test_a_version_clause_must_be_a_literal() -> None:
    assert "no literal" in refusal("select * from silver.orders version as of last_version")
    assert "neither the number" in refusal("select * from silver.orders timestamp as of 'yesterday'")


def test_times_are_utc_and_whole_numbers_versions() -> None:
    assert parse_as_of("12") == 12
    assert parse_as_of("2026-10-05") == dt.datetime(2026, 10, 5, tzinfo=dt.UTC)
    assert parse_as_of("2026-10-05T12:00:00Z") == parse_as_of("2026-10-05T14:00:00+02:00")
    with pytest.raises(RequestError, match="neither"):
        parse_as_of("-1")


def test_a_version_is_of_one_table_and_a_time_of_all() -> None:
    noon = dt.datetime(2026, 10, 5, 12, tzinfo=dt.UTC)
    own = Reference("silver/orders", 3)
    assert with_as_of([ORDERS, own], 7) == {ORDERS: Reference("silver/orders", 7), own: own}
    assert with_as_of([ORDERS, FACTS], noon)[FACTS].as_of == noon
    assert with_as_of([ORDERS, FACTS], None) == {ORDERS: ORDERS, FACTS: FACTS}
    for references in ([ORDERS, FACTS], []):
        with pytest.raises(RequestError, match="version of one table"):
            with_as_of(references, 7)


def test_near_names_are_those_that_look_alike_with_or_without_their_layer() -> None:
    known = ["silver.orders", "silver.order_events", "gold.fct_orders", "gold.dim_customers", "silver.customers"]
    assert near_names("silver.order", known)[0] == "silver.orders"
    assert near_names("orders", known)[0] == "silver.orders"
    assert near_names("gold/customers", known)[0] in {"gold.dim_customers", "silver.customers"}
    assert near_names("nothing", known) == []


def test_a_query_without_tables_is_left_as_it_is() -> None:
    assert over_views(Query("select 1", (), (), frozenset()), {}) == "select 1"
