"""silver/behavior: every event on the shop's pages, with the page that it happened on and the channel that it came by.

Grain: event_id. Sequence: loaded_at. Stored by event_date, the day of event_ts.
"""

from pyspark.sql import DataFrame

from contracts.json_text import json_expression
from lakehouse_assets.silver import json_text, urls
from lakehouse_assets.silver.channels import channel

_UTM = ("utm_source", "utm_medium", "utm_campaign")


def behavior(redshift_customer_behavior: DataFrame) -> DataFrame:
    """Every delivered event is a change: its URLs and what the page attached are taken apart.

    Where what the page attached is no JSON object, the row as delivered stands beside it, for quarantine.
    """
    delivered = redshift_customer_behavior.drop("_ingested_at", "_source")
    cut = delivered.selectExpr(
        "*",
        f"{urls.host('url_1')} as page_host",
        f"{urls.path('url_1')} as page_path",
        f"{urls.host('url_2')} as _referrer_host",
        # Few pages carry any of the parameters, and only theirs are looked for.
        f"case when contains(lower(url_1), 'utm_') then {urls.query('url_1')} end as _query",
        f"{json_text.object_or_empty('metadata')} as _parsed",
    )
    written = cut.selectExpr("*", *(f"{urls.parameter('_query', name)} as _{name}" for name in _UTM))
    complete = written.selectExpr("*", *(f"{urls.decoded(f'_{name}')} as {name}" for name in _UTM))
    as_delivered = json_expression(f"struct({', '.join(delivered.columns)})")
    return complete.selectExpr(
        *(name for name in delivered.columns if name != "metadata"),
        "_parsed as metadata",
        "page_host",
        "page_path",
        *_UTM,
        f"{channel('utm_source', 'utm_medium', '_referrer_host', 'page_host')} as channel",
        "cast(event_ts as date) as event_date",
        f"case when _parsed is null then {as_delivered} end as _raw",
    )
