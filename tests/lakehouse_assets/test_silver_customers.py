"""silver/customers on rows made by hand."""

import pytest

from lakehouse_assets.silver.customers import customers
from tests.support import MakeFrame, collected


@pytest.mark.parametrize(
    ("delivered", "expected"), [(" Ann@Example.COM ", "ann@example.com"), ("", None), ("  ", None), (None, None)]
)
def test_an_email_is_lower_cased_and_trimmed_and_none_when_empty(rows_of: MakeFrame, delivered, expected) -> None:
    frame = customers(rows_of("bronze/snowflake_customers", {"customer_id": "c1", "email": delivered}))
    assert collected(frame, "email") == [(expected,)]


@pytest.mark.parametrize(("delivered", "expected"), [(True, True), (False, False), (None, False)])
def test_a_customer_is_deleted_only_when_the_source_says_so(rows_of: MakeFrame, delivered, expected) -> None:
    assert collected(customers(rows_of("bronze/snowflake_customers", {"is_deleted": delivered})), "is_deleted") == [
        (expected,)
    ]


def test_names_and_countries_stay_as_delivered(rows_of: MakeFrame) -> None:
    row = {"customer_id": "0042", "first_name": " Ann", "country": "NA"}
    assert collected(customers(rows_of("bronze/snowflake_customers", row)), *row) == [("0042", " Ann", "NA")]
