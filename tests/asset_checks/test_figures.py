"""When two sums agree."""

from decimal import Decimal

from asset_checks.figures import same


def test_decimals_agree_only_to_the_last_digit() -> None:
    assert same(Decimal("1.10"), Decimal("1.1"))
    assert same(Decimal(0), 0)
    assert not same(Decimal("99999999999999999999.99"), Decimal("99999999999999999999.98"))


def test_doubles_agree_whatever_the_order_of_their_rows() -> None:
    assert same(0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1)
    assert not same(1.0, 1.001)
