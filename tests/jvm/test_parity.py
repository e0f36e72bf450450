"""The engine is invisible in the data: all tables of a lake, and a lake whose engine changes from day to day."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.model import Contract
from tests.lakehouse_assets.tiny_lake import FIRST, GOLD_OF_ORDERS, ORDER_TABLES, SECOND, TinyLake, order
from tests.parity.comparison import Parity, compare_lakes
from tests.support import SharedEngine, active

TABLES = (*ORDER_TABLES, "bronze/fx_rates", "silver/fx_rates", *GOLD_OF_ORDERS)


@pytest.fixture(scope="module")
def compared(loaded_by_sail: str, loaded_by_jvm: str, contracts: Mapping[str, Contract]) -> Mapping[str, Parity]:
    return {one.table: one for one in compare_lakes(loaded_by_sail, loaded_by_jvm, contracts)}


def test_every_table_and_what_it_set_aside_is_the_same_on_both_engines(
    compared: Mapping[str, Parity], contracts: Mapping[str, Contract]
) -> None:
    assert {one.table: one.differences for one in compared.values() if one.differences} == {}
    assert [table for table in contracts if not compared[table].rows] == []
    assert [name for name in compared if name.endswith("__quarantine")] != []


@pytest.mark.parametrize("turns", [("sail", "spark"), ("spark", "sail")])
def test_the_engine_may_change_between_two_days(
    turns: tuple[str, str],
    sail_engine: SharedEngine,
    jvm_engine: SharedEngine,
    contracts: Mapping[str, Contract],
    tmp_path: Path,
) -> None:
    engines = {engine.name: engine for engine in (sail_engine, jvm_engine)}
    few = {name: contract for name, contract in contracts.items() if name in TABLES}
    roots = []
    for name, used in (("alone", ("sail", "sail")), ("changing", turns)):
        lakes = []
        for engine in used:
            lake = TinyLake(tmp_path / name, engines[engine], contracts)
            lakes.append(lake)
        lakes[0].deliver("snowflake/orders", "first", order("one", FIRST), order("two", FIRST, amount="7.25"))
        lakes[0].deliver(
            "fx/rates",
            "first",
            *({"rate_date": str(day), "base": "EUR", "quote": "USD", "rate": "1.1"} for day in (FIRST, SECOND)),
        )
        with active(lakes[0].engine.session()):
            assert lakes[0].materialize(TABLES, FIRST).failures == {}
        lakes[1].deliver(
            "snowflake/orders",
            "second",
            order("three", SECOND),
            order("one", FIRST, status="CANCELLED", last_modified_ts=f"{SECOND}T01:00:00Z"),
        )
        with active(lakes[1].engine.session()):
            assert lakes[1].materialize(TABLES, FIRST, SECOND).failures == {}
        roots.append(lakes[1].lake.storage.root)
    assert {one.table: one.differences for one in compare_lakes(*roots, few) if one.differences} == {}
