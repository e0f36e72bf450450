"""JSON objects in text as maps, against Python's own reading of them."""

import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse_assets.silver.json_text import object_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def parsed(spark: "SparkSession", texts: list[str | None]) -> list[dict[str, str | None] | None]:
    rows = spark.createDataFrame(list(enumerate(texts)), "number int, delivered string")
    made = rows.selectExpr("number", f"{object_of('delivered')} as parsed").toArrow().to_pylist()
    maps = [row["parsed"] for row in sorted(made, key=lambda row: row["number"])]
    return [None if one is None else dict(one) for one in maps]


def one_each(spark: "SparkSession", expected: dict[str | None, dict[str, str | None] | None]) -> None:
    assert dict(zip(expected, parsed(spark, list(expected)), strict=True)) == expected


def test_an_object_becomes_a_map_of_strings(spark: "SparkSession") -> None:
    one_each(
        spark,
        {
            "{}": {},
            ' {"product_id": "P1"}\n': {"product_id": "P1"},
            '{"a": true, "b": false, "c": null, "d": ""}': {"a": "true", "b": "false", "c": None, "d": ""},
            '{"a": {"z": "x y", "b": [1, null]}, "c": []}': {"a": '{"z":"x y","b":[1,null]}', "c": "[]"},
            r'{"a": "\u00e9\n\"\\", "": "ü"}': {"a": 'é\n"\\', "": "ü"},
            '{"a": 1, "a": 2}': {"a": "2"},
        },
    )


def test_numbers_stay_as_written(spark: "SparkSession") -> None:
    numbers = [
        "1",
        "1.0",
        "19.90",
        "-0",
        "-0.50",
        "1e5",
        "1.0E+2",
        "12345678901234567890",
        "12345678901234567890123",
        "0.00001",
    ]
    one_each(
        spark,
        {f'{{"a": {number}, "b": "x"}}': {"a": number, "b": "x"} for number in numbers}
        | {f'{{"a": [{{"b": {number}}}]}}': {"a": f'[{{"b":{number}}}]'} for number in numbers},
    )


def test_text_that_looks_like_numbers_stays_text(spark: "SparkSession") -> None:
    text = r'{"a": "price: 1.50, \"2.0\"", "b:1.0": "1e5", "c": 2.50}'
    one_each(spark, {text: {"a": 'price: 1.50, "2.0"', "b:1.0": "1e5", "c": "2.50"}})


def test_anything_else_is_null(spark: "SparkSession") -> None:
    others = [
        None, "", " ", "null", "undefined", "1", "1.0", '"text"', "true", "[]", '[{"a": 1}]', "{", '{"a": 1', '{"a": 1.0', '{"a"}',
        '{"a": 1}}', '{"a": 1} x', '{"a": 1} {"b": 2}', '{"a": 1}, {"b": 2}', '{"a": 1.50} x', "{a: 1}", "{'a': 1}", '{"a": 01.5}', '{"a": 1.}', '{"a": 1,}', '{"a": NaN}', '{"a": 1-2.0}',
    ]  # fmt: skip
    one_each(spark, dict.fromkeys(others))


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?\Z").map(Number)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Co"], exclude_characters="\0"), max_size=8) | st.sampled_from(
    ['"1.0"', ": 1.0,", "\\", "1e5", "-0", "{}"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    NUMBERS | TEXTS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def written(value: Any) -> str:
    """A value as JSON without blanks, numbers as they are."""
    match value:
        case Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{written(one)}" for name, one in value.items()) + "}"
        case list():
            return f"[{','.join(map(written, value))}]"
        case _:
            return json.dumps(value)


def as_string(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return str(value).lower()
        case _:
            return written(value)


def same(found: str | None, expected: str | None) -> bool:
    """Whether two values are alike; nested ones may escape characters in more than one way."""
    if found is None or expected is None or expected[:1] not in {"{", "["} or found == expected:
        return found == expected
    return json.loads(found, parse_float=Number, parse_int=Number) == json.loads(
        expected, parse_float=Number, parse_int=Number
    )


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), min_size=10, max_size=30))
def test_every_object_is_read_as_it_is_written(spark: "SparkSession", objects: list[dict[str, Any]]) -> None:
    for found, delivered in zip(parsed(spark, [written(one) for one in objects]), objects, strict=True):
        assert found is not None
        assert found.keys() == delivered.keys()
        assert all(same(found[name], as_string(value)) for name, value in delivered.items()), (found, delivered)
