"""Every table of silver and gold holds what the data model defines, over months of data that has all that definitions speak of.

Row by row and column by column, against a second implementation that shares no code with the first: once for a lake that
is loaded at once, and once for one that is loaded as time passes.
"""

from collections import Counter, defaultdict
from decimal import Decimal
from functools import cache

import pytest
from conftest import MakeLake
from lake_support import SALT, OwnLake, Row
from oracle import Oracle
from oracle_comparison import (
    FACT_KEYS,
    KEYS,
    SILVER_KEYS,
    SNAPSHOT_KEYS,
    Expect,
    differences,
    expected_of_mornings,
    expected_quarantine,
    grouped_by_day,
    quarantined,
)
from oracle_silver import DAY, Delivered, Greatest, Unreadable, valid_order
from whole_model_data import END, MORNINGS, START, followed_up, whole_model_data, write_into


@pytest.fixture(scope="module")
def data() -> Delivered:
    return whole_model_data(seed=20280229)


@pytest.fixture(scope="module")
def expect(data: Delivered, greatest: Greatest) -> Expect:
    """What is known when everything up to a day is loaded."""
    return cache(lambda end: Oracle(data, START, end, SALT, greatest))


@pytest.fixture(scope="module")
def at_once(data: Delivered, make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> OwnLake:
    lake = make_lake(tmp_path_factory.mktemp("at_once"), START)
    write_into(lake, data, seed=1)
    summary = lake.run(END + DAY)
    assert (summary.failures, summary.failed_checks, lake.stale(END + DAY)) == ([], [], set())
    return lake


@pytest.fixture(scope="module")
def as_time_passed(data: Delivered, make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> OwnLake:
    lake = make_lake(tmp_path_factory.mktemp("as_time_passed"), START)
    write_into(lake, data, seed=2)
    for morning in MORNINGS:
        lake.settle(morning)
    return lake


def test_the_data_has_whatever_definitions_tell_apart(data: Delivered, expect: Expect) -> None:
    oracle = expect(END)
    customers = oracle.rows("gold/customer_360")
    assert {row["lifecycle"] for row in customers} == {"prospect", "new", "active", "at_risk", "churned"}
    assert {row["churn_risk"] for row in customers} == {None, "low", "medium", "high"}
    assert {row["value_tier"] for row in customers} == {"none", "low", "medium", "high", "top"}
    assert {row["lifetime_net_eur"] for row in customers} >= {Decimal(edge) for edge in (0, 250, 1_000, 5_000)}
    segments = oracle.rows("gold/customer_segments")
    assert {row["segment"] for row in segments} == {
        "champions", "loyal", "recent", "needs_attention", "at_risk", "hibernating",
    }  # fmt: skip
    assert {len(rows) % 5 for rows in grouped_by_day(segments).values()} == {0, 1, 2, 3, 4}
    channels = {entry["channel"] for row in oracle.rows("gold/customer_daily") for entry in row["channels"]}
    assert channels == {
        "paid_search", "paid_social", "email", "affiliate", "organic_search", "organic_social", "referral", "direct",
    }  # fmt: skip
    assert len({row["industry"] for row in oracle.rows("gold/revenue_by_industry")}) > 3
    assert {row["order_id"] for row in oracle.orders_without_rate} >= {"gap 8"}
    assert {row["order_id"] for row in oracle.rows("gold/fct_orders")} >= {"gap 7", "leap"}


def test_no_order_changes_too_late_to_be_followed_up(data: Delivered) -> None:
    histories: dict[str, list[Row]] = defaultdict(list)
    for order in data.orders:
        readable = not any(isinstance(value, Unreadable) for value in order.values())
        if readable and order.get("last_modified_ts") and valid_order(order):
            histories[order["order_id"]].append(order)

    assert [
        version
        for history in histories.values()
        for version in history
        if not all(
            followed_up(one["order_date"], version["last_modified_ts"].date())
            for one in history
            if one["last_modified_ts"] <= version["last_modified_ts"]
        )
    ] == []


@pytest.mark.parametrize("table", KEYS)
def test_a_table_holds_what_the_data_model_defines(at_once: OwnLake, expect: Expect, table: str) -> None:
    assert differences(at_once.rows(table), expect(END).rows(table), KEYS[table]) == []


def test_what_cannot_be_used_is_set_aside_and_nothing_else(at_once: OwnLake, expect: Expect) -> None:
    found, expected = quarantined(at_once), expected_quarantine(expect(END))

    assert (found - expected, expected - found) == (Counter(), Counter())


@pytest.mark.parametrize("table", SILVER_KEYS)
def test_silver_is_the_same_however_it_was_loaded(as_time_passed: OwnLake, expect: Expect, table: str) -> None:
    assert differences(as_time_passed.rows(table), expect(END).rows(table), KEYS[table]) == []


@pytest.mark.parametrize("table", FACT_KEYS | SNAPSHOT_KEYS)
def test_gold_is_what_was_known_when_a_day_was_loaded_or_restated_last(
    as_time_passed: OwnLake, expect: Expect, table: str
) -> None:
    expected = expected_of_mornings(expect, MORNINGS, table)

    assert differences(as_time_passed.rows(table), expected, KEYS[table]) == []
