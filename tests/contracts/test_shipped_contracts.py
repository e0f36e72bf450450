"""The contracts that the project ships: that they are read, and say what the data model says."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from contracts.code_lists import CODE_LISTS
from contracts.model import Conservation, Contract, Mask, PartitionGrain, Read
from contracts.parse import load_contracts

Contracts = Mapping[str, Contract]


def names(contract: Contract) -> list[str]:
    return [column.name for column in contract.columns]


def rule_names(contract: Contract) -> set[str]:
    return {rule.name for rule in contract.row_rules}


def test_every_file_is_a_table_and_tables_are_sorted(contracts: Contracts) -> None:
    folder = Path(load_contracts.__code__.co_filename).parent
    files = {f"{path.parent.name}/{path.name.split('.')[0]}" for path in folder.glob("*/*.odcs.yaml")}
    assert list(contracts) == sorted(files)
    assert all(table == contract.table for table, contract in contracts.items())


def test_every_schema_is_arrow_with_comments(contracts: Contracts) -> None:
    for contract in contracts.values():
        schema = contract.arrow_schema
        assert schema.names == names(contract)
        assert all(field.metadata[b"comment"] for field in schema)
        assert [field.name for field in schema if not field.nullable] == [
            c.name for c in contract.columns if c.required
        ]


def test_schema_of_orders(contracts: Contracts) -> None:
    wanted = pa.schema(
        [
            ("order_id", pa.string()), ("customer_id", pa.string()), ("order_date", pa.date32()), ("product_id", pa.string()),
            ("quantity", pa.int32()), ("amount", pa.decimal128(18, 2)), ("currency", pa.string()), ("status", pa.string()),
            ("last_modified_ts", pa.timestamp("us", tz="UTC")),
        ]
    )  # fmt: skip
    assert contracts["silver/orders"].arrow_schema.equals(
        pa.schema(field.with_nullable(False) for field in wanted), check_metadata=False
    )


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("gold/fct_orders", "order_id customer_id product_id order_date quantity amount currency status last_modified_ts amount_eur is_net category brand country account_id industry"),
        ("gold/product_perf_daily", "product_id activity_date orders units gross_eur net_eur cancelled_eur buyers views add_to_carts conversion"),
        ("gold/revenue_by_geography", "country activity_date orders customers net_eur avg_order_value_eur"),
        ("silver/fx_rates", "rate_date currency rate eur_per_unit rate_month _window"),
    ],
)  # fmt: skip
def test_columns_that_others_rely_on(contracts: Contracts, table: str, columns: str) -> None:
    assert set(columns.split()) <= set(names(contracts[table]))


def test_availability_by_layer(contracts: Contracts) -> None:
    times = {"bronze": dt.time(2, 15), "silver": dt.time(2, 30), "gold": dt.time(3)}
    assert all(contract.available_by == times[contract.layer] for contract in contracts.values())


@pytest.mark.parametrize(
    ("table", "key", "sequence", "history", "grain", "drift"),
    [
        ("silver/orders", ("order_id",), "last_modified_ts", "scd1", PartitionGrain.DAY, 30),
        ("silver/customers", ("customer_id",), "last_modified_ts", "scd2", PartitionGrain.VALID_TO_MONTH, 0),
        ("silver/products", ("product_id",), "last_modified_ts", "scd2", PartitionGrain.VALID_TO_MONTH, 0),
        ("silver/fx_rates", ("rate_date", "currency"), "_window", "scd1", PartitionGrain.MONTH, 0),
    ],
)
def test_silver_is_stored_as_the_data_model_says(
    contracts: Contracts,
    table: str,
    key: tuple[str, ...],
    sequence: str,
    history: str,
    grain: PartitionGrain,
    drift: int,
) -> None:
    contract = contracts[table]
    assert contract.mode == "changes"
    assert (contract.key, contract.sequence, contract.history) == (key, sequence, history)
    assert (contract.partition_grain, contract.drift_days) == (grain, drift)
    assert [counted.name for counted in contract.counted_rules] == ["conflicting_versions"]


def test_bronze_requires_nothing_but_its_cursor_and_window(contracts: Contracts) -> None:
    for contract in contracts.values():
        if contract.layer == "bronze":
            assert {column.name for column in contract.columns if column.required} == {contract.cursor, "_window"}
            assert {rule.column for rule in contract.row_rules} == {contract.cursor, "_window"}
            assert contract.reconcile


def test_windows_of_bronze(contracts: Contracts) -> None:
    assert contracts["bronze/fx_rates"].window_days == 8
    assert contracts["bronze/snowflake_customers"].open_to_past
    assert contracts["bronze/snowflake_products"].open_to_past
    assert not contracts["bronze/snowflake_orders"].open_to_past
    assert contracts["bronze/snowflake_orders"].cursor_fallback == "order_date"
    assert contracts["bronze/snowflake_customers"].cursor_fallback == "signup_date"


def test_rules_of_silver(contracts: Contracts) -> None:
    orders = contracts["silver/orders"]
    assert all(column.required for column in orders.columns)
    assert {
        "amount_minimum",
        "quantity_exclusive_minimum",
        "status_known",
        "currency_known",
        "order_date_not_after_modification",
    } <= rule_names(orders)
    assert {"rate_required", "rate_exclusive_minimum", "eur_per_unit_required", "currency_not_base"} <= rule_names(
        contracts["silver/fx_rates"]
    )
    assert "unit_price_exclusive_minimum" in rule_names(contracts["silver/products"])
    customers = contracts["silver/customers"]
    assert "country_known" in rule_names(customers)
    assert "country_required" not in rule_names(customers)
    assert customers.delete_condition == "is_deleted"


def test_no_row_rule_judges_what_change_application_adds(contracts: Contracts) -> None:
    history = {"valid_from", "valid_to", "is_current", "valid_to_month"}
    assert not any(rule.column in history for contract in contracts.values() for rule in contract.row_rules)


def test_orders_break_ties_by_what_they_say(contracts: Contracts) -> None:
    assert contracts["silver/orders"].payload == (
        "customer_id",
        "order_date",
        "product_id",
        "quantity",
        "amount",
        "currency",
        "status",
    )
    assert contracts["silver/fx_rates"].payload == ("rate",)
    assert not {"valid_from", "valid_to", "is_current", "valid_to_month"} & set(contracts["silver/customers"].payload)


def test_gold_reads_and_conserves(contracts: Contracts) -> None:
    facts = contracts["gold/fct_orders"]
    assert facts.reads == (
        Read("silver/orders", "days", 0, 0), Read("silver/products", "as_of"), Read("silver/customers", "as_of"),
        Read("silver/contacts", "as_of"), Read("silver/accounts", "as_of"), Read("silver/fx_rates", "days", -7, 0),
    )  # fmt: skip
    assert facts.conserves == Conservation("silver/orders")
    assert contracts["gold/product_perf_daily"].conserves == Conservation("gold/fct_orders", "gross_eur", "amount_eur")
    assert all(contract.key and contract.table_rules for contract in contracts.values() if contract.layer == "gold")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("gold/fct_orders", ("order_id",)),
        ("gold/dim_customers", ("customer_id",)),
        ("gold/product_perf_daily", ("product_id",)),
        ("gold/revenue_by_geography", ("country",)),
    ],
)
def test_the_key_of_gold_is_unique_in_each_partition(
    contracts: Contracts, table: str, columns: tuple[str, ...]
) -> None:
    """The partition's own column is left out: it is the same in all rows that are compared."""
    unique = contracts[table].table_rules[0]
    assert (unique.name, unique.columns) == ("key_unique", columns)


def test_restatement_is_long_for_facts_and_short_for_snapshots(contracts: Contracts) -> None:
    for contract in contracts.values():
        if contract.layer == "gold":
            assert contract.restatement_days == (3 if contract.partition_column == "snapshot_date" else 30)


def test_personal_data_is_restricted_and_masked_in_gold(contracts: Contracts) -> None:
    personal = ("first_name", "last_name", "email", "phone")
    masks = [Mask("initial"), Mask("initial"), Mask("hash"), Mask("last_two_digits")]
    for table in ("bronze/snowflake_customers", "silver/customers"):
        assert [column.name for column in contracts[table].restricted] == list(personal)
        assert all(column.mask is not None for column in contracts[table].restricted)
    assert [contracts["gold/dim_customers"].by_name[name].mask for name in personal] == masks
    assert not any(contract.restricted for contract in contracts.values() if contract.layer == "gold")


def test_code_lists_name_real_countries_and_currencies_only() -> None:
    assert {"EUR", "USD", "JPY"} <= CODE_LISTS["ISO-4217"]
    assert not {"XXX", "XTS", "BTC"} & CODE_LISTS["ISO-4217"]
    assert {"NA", "DE", "GB"} <= CODE_LISTS["ISO-3166"]
    assert not {"UK", "EU"} & CODE_LISTS["ISO-3166"]


def test_bronze_says_how_far_its_open_day_may_be_behind_and_how_often_its_source_may_be_asked(
    contracts: Mapping[str, Contract],
) -> None:
    bronze = {table: one for table, one in contracts.items() if one.layer == "bronze"}
    assert {one.latency for one in bronze.values()} == {dt.timedelta(minutes=5)}
    assert {table for table, one in bronze.items() if one.frequency is None} == {"bronze/kafka_order_events"}
    assert bronze["bronze/crm_accounts"].frequency == dt.timedelta(hours=1)
