"""silver/fx_rates on rows made by hand."""

from decimal import Decimal

import pytest

from lakehouse_assets.silver.fx_rates import fx_rates
from tests.support import MakeFrame, collected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("1.0842", Decimal("0.9223390518")),
        ("163.5200000000", Decimal("0.0061154599")),
        ("0", None),
        ("-1", None),
        (None, None),
    ],
)
def test_a_rate_is_turned_into_euro_for_one_unit(rows_of: MakeFrame, rate, expected) -> None:
    frame = fx_rates(
        rows_of(
            "bronze/fx_rates",
            {"rate_date": "2026-03-10", "base": "EUR", "quote": "USD", "rate": rate, "_window": "2026-03-11"},
        )
    )
    assert collected(frame, "currency", "eur_per_unit", "rate_month") == [("USD", expected, "2026-03")]


def test_a_rate_that_is_not_for_the_euro_has_no_reciprocal(rows_of: MakeFrame) -> None:
    row = {"rate_date": "2026-03-10", "base": "USD", "quote": "GBP", "rate": "0.8"}
    assert collected(fx_rates(rows_of("bronze/fx_rates", row)), "currency", "eur_per_unit") == [("GBP", None)]
