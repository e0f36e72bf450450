"""silver/products on rows made by hand."""

from lakehouse_assets.silver.products import products
from tests.support import MakeFrame, collected


def test_every_delivered_version_is_a_change_of_its_window(rows_of: MakeFrame) -> None:
    versions = [
        {
            "product_id": " 0042",
            "last_modified_ts": f"2026-03-11T0{hour}:00:00",
            "_window": "2026-03-11",
            "_source": "x",
        }
        for hour in (1, 1, 2)
    ]
    frame = products(rows_of("bronze/snowflake_products", *versions))
    assert collected(frame, "product_id") == [(" 0042",)] * 3
    assert "_window" in frame.columns
    assert not {"_source", "_ingested_at"} & set(frame.columns)
