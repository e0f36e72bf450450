"""Measured figures and when two of them are the same."""

import math
from decimal import Decimal

Figure = int | float | Decimal


def same(one: Figure, other: Figure) -> bool:
    """Whether two sums agree: whole numbers and decimals exactly, doubles up to what the order of their rows changes."""
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return one == other
