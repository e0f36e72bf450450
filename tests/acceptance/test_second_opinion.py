"""A plain DuckDB script, which shares no code with the lakehouse, makes the same gold tables of the same files."""

import datetime as dt
from collections.abc import Mapping

import duckdb
import pytest
from conftest import MakeLake
from lake_support import SALT

from contracts.model import Contract
from tests.bench import second_opinion
from tests.bench.comparison import Comparison, compare, compare_gold
from tests.bench.export import export_demo

FIRST, LAST = dt.date(2026, 10, 10), dt.date(2026, 10, 23)
TABLES = (*second_opinion.FACTS, *second_opinion.SNAPSHOTS)


@pytest.fixture(scope="module")
def compared(
    contracts: Mapping[str, Contract], make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Comparison]:
    lake = make_lake(tmp_path_factory.mktemp("second_opinion"), FIRST)
    export_demo(contracts, lake.folder / "files", FIRST, FIRST, LAST, scale=0.05)
    lake.settle(LAST + dt.timedelta(days=1))
    second_opinion.run(lake.folder / "files", lake.folder / "gold", FIRST, LAST, SALT)
    return compare_gold(contracts, str(lake.folder / "lake"), lake.folder / "gold")


@pytest.mark.parametrize("table", TABLES)
def test_both_make_the_same_rows(compared: Mapping[str, Comparison], table: str) -> None:
    assert compared[table].rows[0] > 0
    assert compared[table].examples == ()


def test_each_gold_table_has_a_second_opinion(contracts: Mapping[str, Contract]) -> None:
    gold = {contract.name for contract in contracts.values() if contract.layer == "gold"}
    assert gold - set(TABLES) == {"customer_monthly"}


def reasons(first: str, second: str) -> list[str]:
    """How two tables differ, each given as the rows of `id, amount, share, items`."""
    with duckdb.connect() as database:
        for name, rows in (("first", first), ("second", second)):
            database.execute(
                f"create table {name} (id text, amount decimal(18, 2), share double, items struct(n int)[])"
            )
            database.execute(f"insert into {name} values {rows}")
        compared = compare(database, "first", "second", ["id"])
        assert compared.equal == (compared.differing == 0) == (not compared.examples)
        return [f"{one.key.get('id')} {one.reason}" for one in compared.examples]


def test_rows_are_the_same_in_any_order_and_doubles_nearly() -> None:
    one, other = "('a', 1.10, 0.3, [{'n': 1}])", "('b', null, null, null)"
    nearly = "('a', 1.1, 0.30000000000000004, [{'n': 1}])"
    assert reasons(f"{one}, {other}", f"{other}, {nearly}") == []


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ("('a', 1.11, 0.3, [{'n': 1}])", "a amount: Decimal('1.10') and Decimal('1.11')"),
        ("('a', null, 0.3, [{'n': 1}])", "a amount: Decimal('1.10') and None"),
        ("('a', 1.10, 0.300001, [{'n': 1}])", "a share: 0.3 and 0.300001"),
        ("('a', 1.10, null, [{'n': 1}])", "a share: 0.3 and None"),
        ("('a', 1.10, 0.3, [{'n': 2}])", "a items: [{'n': 1}] and [{'n': 2}]"),
        ("('a', 1.10, 0.3, [])", "a items: [{'n': 1}] and []"),
        ("('a', 1.10, 0.3, [{'n': 1}]), ('b', 1, 1, [])", "b only in the second"),
        ("('a', 1.10, 0.3, [{'n': 1}]), ('a', 1.10, 0.3, [{'n': 1}])", "a repeated in the second"),
        ("('b', 1.10, 0.3, [{'n': 1}])", "a only in the first"),
    ],
)
def test_a_difference_is_told_by_key_and_columns(second: str, reason: str) -> None:
    assert reason in reasons("('a', 1.10, 0.3, [{'n': 1}])", second)


def test_a_column_that_one_side_lacks_is_a_difference() -> None:
    with duckdb.connect() as database:
        database.execute("create table first as select 1 as id, 2 as extra; create table second as select 1 as id")
        assert [one.reason for one in compare(database, "first", "second", ["id"]).examples] == [
            "column extra only in the first"
        ]
