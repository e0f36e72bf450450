"""Storage partitions, some at a time: which rows lie in them, and how many of them an engine is given at once."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from contracts.model import Contract, PartitionGrain
from contracts.row_rules import literal, quoted

Part = TypeVar("Part", dt.date, str)


def in_partitions(contract: Contract, partitions: Collection[str]) -> str:
    """The predicate of some storage partitions, in literals of the column's own type so that other files stay closed."""
    if not partitions:
        return "false"
    by_day = contract.partition_grain is PartitionGrain.DAY
    values = (literal(dt.date.fromisoformat(value) if by_day else value) for value in sorted(partitions))
    return f"{quoted(contract.partition_column)} in ({', '.join(values)})"


def chunks(
    parts: Sequence[Part],
    rows: Mapping[str, int],
    most_rows: int,
    partition_of: Callable[[Part], str] = str,
    most: int | None = None,
) -> Iterator[list[Part]]:
    """Cuts days or partitions into groups of so many rows and parts at most, in order, unless a single one has more.

    What is of one storage partition is never cut in two.
    """
    group: list[Part] = []
    held = 0
    for _, together in groupby(parts, key=partition_of):
        members = list(together)
        more = sum(rows.get(str(part), 0) for part in members)
        if group and (held + more > most_rows or len(group) + len(members) > (most or len(parts))):
            yield group
            group, held = [], 0
        group += members
        held += more
    if group:
        yield group
