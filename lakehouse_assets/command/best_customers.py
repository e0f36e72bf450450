"""The customers that are shown after a run: a first look at gold, without the engine."""

import pyarrow as pa

from io_managers.direct_reads import query
from io_managers.snapshot import find_snapshot
from lakehouse_assets.lake import Lake

TABLE = "gold/customer_360"
COLUMNS = (
    "customer_id", "country", "industry", "lifetime_orders", "lifetime_net_eur", "orders_30d", "favourite_category",
    "favourite_channel", "lifecycle", "churn_risk", "value_tier",
)  # fmt: skip
"""What reads well of a customer; nothing personal."""
SHOWN = 5


def best_customers(lake: Lake) -> pa.Table | None:
    """Of the newest snapshot the customers with the greatest lifetime value; None where there is no snapshot yet."""
    snapshot = find_snapshot(lake.storage, TABLE) if TABLE in lake.contracts else None
    days = snapshot.rows_by_partition() if snapshot else {}
    if snapshot is None or not days:
        return None
    column = lake.contracts[TABLE].partition_column
    return query(
        snapshot.delta,
        f"select {', '.join(COLUMNS)} from rows where {column} = date '{max(days)}' "  # noqa: S608
        f"order by lifetime_net_eur desc, customer_id limit {SHOWN}",
    )
