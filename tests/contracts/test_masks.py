"""Masks: what they show, and that tables and listings show the same."""

import hashlib

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.masks import mask_expression, mask_value
from contracts.model import Mask

SALT = "s'a\\lt"
MASKS = [Mask("hash"), Mask("initial"), Mask("last_two_digits"), Mask("hide")]

texts = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.from_regex(r"\+?[0-9() -]{0,15}", fullmatch=True)
)


@pytest.mark.parametrize(
    ("kind", "value", "masked"),
    [
        ("hash", "ada@example.com", hashlib.sha256(b"s'a\\ltada@example.com").hexdigest()),
        ("initial", "ada", "A"),
        ("initial", "éloïse", "É"),
        ("initial", "ßa", "SS"),
        ("initial", "", ""),
        ("last_two_digits", "+49 30 1234-5 6 (home)", "56"),
        ("last_two_digits", "0 9", "09"),
        ("last_two_digits", "7", "7"),
        ("last_two_digits", "none", ""),
        ("hide", "anything", "***"),
    ],
)
def test_what_a_mask_shows(kind: str, value: str, masked: str) -> None:
    assert mask_value(Mask(kind), value, SALT) == masked


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask.kind)
def test_null_stays_null(mask: Mask) -> None:
    assert mask_value(mask, None, SALT) is None


def test_the_salt_is_no_part_of_the_expression() -> None:
    assert ":salt" in mask_expression(Mask("hash"), "email", ":salt")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts, min_size=20, max_size=60))
def test_engine_and_python_show_the_same(spark, values) -> None:
    frame = spark.createDataFrame(pa.table({"n": range(len(values)), "a `b`": pa.array(values, pa.string())}))
    shown = ", ".join(f"{mask_expression(mask, 'a `b`', ':salt')} as {mask.kind}" for mask in MASKS)
    rows = spark.sql(f"select n, {shown} from {{frame}} order by n", args={"salt": SALT}, frame=frame).collect()
    assert [tuple(row)[1:] for row in rows] == [
        tuple(mask_value(mask, value, SALT) for mask in MASKS) for value in values
    ]
