"""Rows as JSON: decimals of any size keep all their digits, wherever they stand in a value."""

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.json_text import json_of_row

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LONG = "12345678901234567890123456789012345.10"


def written(spark: "SparkSession", value: str, kind: str) -> Any:
    text = spark.sql(
        f"select {json_of_row([('given', 'value', kind)])} from (select cast({value} as {kind}) as value)"
    ).collect()[0][0]
    return json.loads(text).get("given")


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (f"'{LONG}'", "decimal(38,2)", LONG),
        ("5176", "decimal(12,2)", "5176.00"),
        ("null", "decimal(12,2)", None),
        ("7", "bigint", 7),
        (f"array('{LONG}', null)", "array<decimal(38,2)>", [LONG, None]),
        (f"map('k', '{LONG}')", "map<string,decimal(38,2)>", {"k": LONG}),
        (
            f"array(named_struct('a', array('{LONG}'), 'b', 1))",
            "array<struct<a:array<decimal(38,2)>,b:int>>",
            [{"a": [LONG], "b": 1}],
        ),
        ("null", "struct<a:decimal(38,2)>", None),
        ("map('k', 'no decimal')", "map<string,string>", {"k": "no decimal"}),
    ],
)
def test_a_decimal_keeps_its_digits(spark: "SparkSession", value: str, kind: str, expected: object) -> None:
    assert written(spark, value, kind) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**27), max_value=10**27))
def test_any_decimal_is_read_back_as_it_was(spark: "SparkSession", value: Decimal) -> None:
    assert Decimal(written(spark, f"'{value:f}'", "decimal(38,10)")) == value
