"""Bronze contracts for the tests of sources, made by hand so that a source is tested apart from the lake's own contracts."""

import datetime as dt
from dataclasses import replace

from contracts.model import Column, ColumnSource, Contract


def bronze(table: str, source: str, columns: dict[str, str], *, key: tuple[str, ...], cursor: str, **more) -> Contract:
    return Contract(
        table=f"bronze/{table}",
        version="1.0.0",
        title=table,
        description=table,
        grain="a delivered row",
        owner="data",
        columns=(
            *(
                Column(name, kind, name, key=name in key, sources=(ColumnSource(source, name),))
                for name, kind in columns.items()
            ),
            Column("_window", "date", "arrival window", required=True),
            Column("_ingested_at", "timestamp", "when it was loaded"),
            Column("_source", "string", "where it is from"),
        ),
        mode="partitions",
        partition_column="_window",
        available_by=dt.time(2, 15),
        retention_days=3650,
        cursor=cursor,
        **more,
    )


ORDERS = bronze(
    "snowflake_orders",
    "snowflake/orders",
    {
        "order_id": "string",
        "customer_id": "string",
        "order_date": "date",
        "product_id": "string",
        "quantity": "int",
        "amount": "decimal(18,2)",
        "currency": "string",
        "status": "string",
        "last_modified_ts": "timestamp",
    },
    key=("order_id",),
    cursor="last_modified_ts",
    cursor_fallback="order_date",
)
CUSTOMERS = bronze(
    "snowflake_customers",
    "snowflake/customers",
    {
        "customer_id": "string",
        "first_name": "string",
        "last_name": "string",
        "email": "string",
        "phone": "string",
        "country": "string",
        "city": "string",
        "signup_date": "date",
        "is_deleted": "boolean",
        "last_modified_ts": "timestamp",
    },
    key=("customer_id",),
    cursor="last_modified_ts",
    cursor_fallback="signup_date",
    open_to_past=True,
)
PRODUCTS = bronze(
    "snowflake_products",
    "snowflake/products",
    {
        "product_id": "string",
        "name": "string",
        "category": "string",
        "brand": "string",
        "unit_price": "decimal(18,2)",
        "currency": "string",
        "is_active": "boolean",
        "last_modified_ts": "timestamp",
    },
    key=("product_id",),
    cursor="last_modified_ts",
    open_to_past=True,
)
RATES = bronze(
    "fx_rates",
    "fx/rates",
    {"rate_date": "date", "base": "string", "quote": "string", "rate": "decimal(18,10)"},
    key=("rate_date", "base", "quote"),
    cursor="rate_date",
    window_days=8,
)
ALL = (ORDERS, CUSTOMERS, PRODUCTS, RATES)


def renamed(contract: Contract, **names: str) -> Contract:
    """The contract with other names for some source columns."""
    return replace(
        contract,
        columns=tuple(
            replace(column, name=names.get(column.name, column.name)) for column in contract.columns
        ),
    )
