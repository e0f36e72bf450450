"""silver/order_events: what happened to every order, an event a row.

Grain: event_id. Sequence: ts. Stored by event_date, the day of ts.
"""

from pyspark.sql import DataFrame

from contracts.json_text import json_expression
from lakehouse_assets.silver import json_text
from lakehouse_assets.silver.instants import instant_of

_FIELDS = ("event_id", "order_id", "customer_id", "event_type", "ts", "metadata")


def order_events(kafka_order_events: DataFrame) -> DataFrame:
    """Every message is a change: its value is taken apart. One that is no JSON object gives an event without content.

    The message as delivered stands beside the event, for quarantine.
    """
    said = json_text.with_fields(kafka_order_events, "value", _FIELDS)
    events = said.selectExpr(
        "_event_id as event_id",
        "coalesce(_order_id, key) as order_id",
        "_customer_id as customer_id",
        "_event_type as event_type",
        f"{instant_of('_ts')} as ts",
        f"case when _is_object then {json_text.object_or_empty('_metadata')} end as metadata",
        f"{json_expression('struct(key, value, topic, partition, offset, timestamp)')} as _raw",
        "_window",
    )
    return events.selectExpr("*", "cast(ts as date) as event_date")
