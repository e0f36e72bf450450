"""How a lake is held against the oracle: the tables with their keys, rows that differ, and rows that are set aside."""

import datetime as dt
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from lake_support import OwnLake, Row
from oracle import Oracle
from oracle_silver import DAY, Greatest
from pyspark.sql import SparkSession

from contracts.model import Contract

Expect = Callable[[dt.date], Oracle]
"""Makes the oracle that knows everything up to a day."""

SILVER_KEYS = {
    "silver/orders": ("order_id",),
    "silver/behavior": ("event_id",),
    "silver/order_events": ("event_id",),
    "silver/customers": ("customer_id", "last_modified_ts"),
    "silver/products": ("product_id", "last_modified_ts"),
    "silver/accounts": ("account_id", "system_modstamp"),
    "silver/contacts": ("contact_id", "system_modstamp"),
    "silver/opportunities": ("opportunity_id", "system_modstamp"),
    "silver/fx_rates": ("rate_date", "currency"),
}
FACT_KEYS = {
    "gold/fct_orders": ("order_date", "order_id"),
    "gold/product_perf_daily": ("activity_date", "product_id"),
    "gold/revenue_by_geography": ("activity_date", "country"),
    "gold/revenue_by_industry": ("activity_date", "industry"),
    "gold/order_funnel_daily": ("activity_date", "event_type"),
    "gold/customer_daily": ("activity_date", "customer_id"),
    "gold/marketing_attribution": ("activity_date", "order_id", "model", "channel"),
}
SNAPSHOT_KEYS = {
    "gold/dim_customers": ("snapshot_date", "customer_id"),
    "gold/dim_products": ("snapshot_date", "product_id"),
    "gold/customer_360": ("snapshot_date", "customer_id"),
    "gold/customer_segments": ("snapshot_date", "customer_id"),
    "gold/sales_pipeline": ("snapshot_date", "stage", "industry"),
}
KEYS = SILVER_KEYS | FACT_KEYS | SNAPSHOT_KEYS
"""The key of every table; of gold's, the day first."""
FACTS_RESTATED = 30 * DAY
SNAPSHOTS_RESTATED = 3 * DAY
"""How old days may be that follow changes."""
BRONZE_KEYS = {
    "bronze/snowflake_orders": "order_id",
    "bronze/snowflake_customers": "customer_id",
    "bronze/snowflake_products": "product_id",
    "bronze/redshift_customer_behavior": "event_id",
    "bronze/crm_accounts": "Id",
    "bronze/crm_contacts": "Id",
    "bronze/crm_opportunities": "Id",
    "bronze/kafka_order_events": "offset",
    "bronze/fx_rates": "rate_date",
}
TOLD_BY = BRONZE_KEYS | {"silver/order_events": "offset", "gold/fct_orders": "order_id"}
"""What a row that is set aside is told by, as it was delivered, where that is not its table's key."""


def greatest_by_hash(spark: SparkSession, contracts: Mapping[str, Contract]) -> Greatest:
    """The engine's hash decides between versions with one key and time, since nothing in plain Python computes it."""

    def choose(table: str, rows: list[Row]) -> Row:
        contract = contracts[table]
        names = [name for name in contract.payload if not name.startswith("_")]
        schema = pa.schema([contract.arrow_schema.field(name).with_nullable(True) for name in names])
        values = pa.Table.from_pylist([{name: row[name] for name in names} for row in rows], schema=schema)
        hashed = ", ".join(
            f"array_sort(map_entries({name}))" if pa.types.is_map(schema.field(name).type) else name for name in names
        )
        hashes = [row[0] for row in spark.createDataFrame(values).selectExpr(f"xxhash64({hashed})").collect()]
        assert len(set(hashes)) == len(rows), f"{table}: the hash can't decide between {rows}"
        return rows[hashes.index(max(hashes))]

    return choose


def comparable(value: Any) -> Any:
    """A map as a dictionary, and JSON in it without regard to blanks."""
    match value:
        case [(_, _), *_]:
            return comparable(dict(value))
        case dict():
            return {name: comparable(one) for name, one in value.items()}
        case str() if value.startswith(("{", "[")):
            return json.loads(value)
        case _:
            return value


def agree(found: Any, expected: Any) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return bool(comparable(found) == comparable(expected) or (found == [] and expected == {}))


def differences(found: Iterable[Row], expected: Iterable[Row], key: tuple[str, ...]) -> list[str]:
    """Some of what differs: rows that one side has, and columns of rows that both have."""
    sides: list[dict[tuple[Any, ...], Row]] = []
    said = []
    for rows in (found, expected):
        by_key: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            values = tuple(row[name] for name in key)
            if values in by_key:
                said.append(f"{values} is there twice")
            by_key[values] = row
        sides.append(by_key)
    actual, wanted = sides
    said += [f"{values} should not be there: {actual[values]}" for values in actual.keys() - wanted.keys()]
    said += [f"{values} is missing: {wanted[values]}" for values in wanted.keys() - actual.keys()]
    for values in actual.keys() & wanted.keys():
        row, model = actual[values], wanted[values]
        said += [f"{values}.{name} only on one side" for name in row.keys() ^ model.keys()]
        said += [
            f"{values}.{name}: {row[name]!r} instead of {model[name]!r}"
            for name in row.keys() & model.keys()
            if not agree(row[name], model[name])
        ]
    return sorted(said)[:20]


def day_of(row: Row) -> dt.date:
    """The day of gold that a row is of."""
    day: dt.date = row.get("snapshot_date") or row.get("activity_date") or row["order_date"]
    return day


def grouped_by_day(rows: Iterable[Row]) -> dict[dt.date, list[Row]]:
    by_day: dict[dt.date, list[Row]] = defaultdict(list)
    for row in rows:
        by_day[day_of(row)].append(row)
    return by_day


def expected_of_mornings(expect: Expect, mornings: Sequence[dt.date], table: str) -> list[Row]:
    """Every day of a gold table as of the last of some mornings that loaded it, at first or because it was restated."""
    if table not in SNAPSHOT_KEYS | FACT_KEYS:
        return expect(mornings[-1] - DAY).rows(table)
    restated = SNAPSHOTS_RESTATED if table in SNAPSHOT_KEYS else FACTS_RESTATED
    first_loads = {day: next(one for one in mornings if day < one) for day in expect(mornings[-1] - DAY).days}
    known = {
        day: max(one for one in mornings if one == first or (one > first and day >= one - restated))
        for day, first in first_loads.items()
    }
    rows = {morning: grouped_by_day(expect(morning - DAY).rows(table)) for morning in set(known.values())}
    return [row for day, morning in known.items() for row in rows[morning].get(day, [])]


def quarantined(lake: OwnLake) -> Counter[tuple[str, str, str]]:
    """How many rows each table sets aside, by arrival window and key."""
    found: Counter[tuple[str, str, str]] = Counter()
    for table in (*BRONZE_KEYS, *KEYS):
        key = TOLD_BY.get(table) or KEYS[table][0]
        for window, rules, raw in lake.quarantine(table):
            assert rules
            found[table, window, str(raw.get(key))] += 1
    return found


def expected_quarantine(oracle: Oracle) -> Counter[tuple[str, str, str]]:
    """The same of what the oracle sets aside."""
    expected = Counter(
        {(table, str(window), str(key)): rows for (table, window, key), rows in oracle.silver.all_quarantined().items()}
    )
    for order in oracle.orders_without_rate:
        expected["gold/fct_orders", str(order["order_date"]), order["order_id"]] += 1
    return expected
