"""Tells a breaking change of a contract from a compatible one.

Breaking is what takes something away from those who read the table (a column, a type, a promise about its values), and
what the stored table can't follow without being rebuilt. A breaking change needs a higher major version.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from contracts.model import (
    AggregateRule,
    Bounds,
    Column,
    Constraint,
    Contract,
    CountedRule,
    RowRule,
    Severity,
    TableRule,
    UniqueRule,
)

Rule = RowRule | TableRule | CountedRule
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_STORAGE: Mapping[str, Callable[[Contract], object]] = {
    "key": lambda contract: contract.key,
    "sequence": lambda contract: contract.sequence,
    "write mode": lambda contract: contract.mode,
    "history": lambda contract: contract.history,
    "storage partition": lambda contract: contract.partition_column,
    "business date": lambda contract: contract.business_date,
    "delete condition": lambda contract: contract.delete_condition,
    "tie-break columns": lambda contract: tuple(
        name for name in contract.payload if contract.mode == "changes" and not contract.by_name[name].technical
    ),
}


def breaking_changes(before: Contract, after: Contract) -> list[str]:
    """What of `before` a reader can no longer rely on, or the stored table can't follow; nothing if the major version rose."""
    if _major(after) > _major(before):
        return []
    return [*_storage_changes(before, after), *_column_changes(before, after), *_rule_changes(before, after)]
