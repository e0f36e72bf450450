"""What is landed of a source's rows: every one, in as few row groups as may be."""

from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.bronze.extraction import filled

MOST = 8


@settings(deadline=None)
@given(st.lists(st.integers(0, 2 * MOST)))
def test_small_batches_are_put_together_in_order_and_large_ones_stay(sizes: list[int]) -> None:
    numbers = list(range(sum(sizes)))
    batches = [
        pa.record_batch({"number": pa.array(numbers[sum(sizes[:place]) :][:size], pa.int64())})
        for place, size in enumerate(sizes)
    ]

    groups = list(filled(batches, MOST))

    assert [number for group in groups for number in group["number"].to_pylist()] == numbers
    rows = [group.num_rows for group in groups]
    assert all(one <= MOST or one in sizes for one in rows)
    assert all(one + other > MOST for one, other in pairwise(rows))
