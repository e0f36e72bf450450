"""Tells a breaking change of a contract from a compatible one.

Breaking is what takes something away from those who read the table (a column, a type, a promise about its values), and
what the stored table can't follow without a rebuild. A breaking change needs a higher major version.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from contracts.expectations import stated
from contracts.model import (
    AggregateRule,
    Bounds,
    Constraint,
    Contract,
    ExpectationRule,
    RowRule,
    Severity,
    TableRule,
    UniqueRule,
)

_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_STORAGE: Mapping[str, Callable[[Contract], object]] = {
    "key": lambda contract: contract.key,
    "sequence": lambda contract: contract.sequence,
    "write mode": lambda contract: contract.mode,
    "history": lambda contract: contract.history,
    "storage partition": lambda contract: contract.partition_column,
    "business date": lambda contract: contract.business_date,
    "delete condition": lambda contract: contract.delete_condition,
}


def breaking_changes(before: Contract, after: Contract) -> list[str]:
    """What of `before` readers can no longer rely on or the stored table can't follow, a sentence each.

    Nothing where the major version rose. A changed predicate counts as looser: which rows it lets through is not decided
    here.
    """
    if _major(after) > _major(before):
        return []
    return [*_storage_changes(before, after), *_column_changes(before, after), *_rule_changes(before, after)]


def _major(contract: Contract) -> int:
    return int(contract.version.split(".")[0])


def _storage_changes(before: Contract, after: Contract) -> Iterator[str]:
    for name, of in _STORAGE.items():
        if of(before) != of(after):
            yield f"the {name} was {_shown(of(before))} and is {_shown(of(after))}"
    if before.mode == after.mode == "changes":
        # Equal sequences are decided by a hash of these columns in order; a column that is new and null leaves it as it was.
        was = [name for name in before.payload if name in after.by_name]
        now = [name for name in after.payload if name in before.by_name]
        if was != now:
            yield f"the columns that break ties were {_shown(tuple(was))} and are {_shown(tuple(now))}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _column_changes(before: Contract, after: Contract) -> Iterator[str]:
    for old in before.columns:
        new = after.by_name.get(old.name)
        if new is None:
            yield f"column '{old.name}' was removed"
            continue
        if not _widens(old.type, new.type):
            yield f"column '{old.name}' was {old.type} and is {new.type}"
        if old.required and not new.required:
            yield f"column '{old.name}' may be null now"
        if new.required and not old.required:
            yield f"column '{old.name}' must not be null now, and stored rows may be"
        if before.layer == "gold" and old.mask != new.mask:
            yield f"column '{old.name}' is masked differently"
    for new in after.columns:
        if new.required and new.name not in before.by_name:
            yield f"column '{new.name}' is new and must not be null, and stored rows have none"


def _widens(old: str, new: str) -> bool:
    """Whether every value of the old type is one of the new type, and the stored table can be told so."""
    if old == new or (old, new) == ("int", "bigint"):
        return True
    was, now = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(new)
    return bool(was and now and was[2] == now[2] and int(was[1]) <= int(now[1]))


def _rule_changes(before: Contract, after: Contract) -> Iterator[str]:
    for rule in before.row_rules:
        if _said_of_column(rule, before, after):
            continue
        if not any(_keeps_row_rule(rule, candidate) for candidate in after.row_rules):
            yield _lost(rule.name, {candidate.name for candidate in after.row_rules})
    for table_rule in before.table_rules:
        if not any(_keeps_table_rule(table_rule, candidate) for candidate in after.table_rules):
            yield _lost(table_rule.name, {candidate.name for candidate in after.table_rules})
    for counted in before.counted_rules:
        if counted.name not in {candidate.name for candidate in after.counted_rules}:
            yield _lost(counted.name, set())


def _said_of_column(rule: RowRule, before: Contract, after: Contract) -> bool:
    """Whether the rule went because its column did, or was only that the column is required."""
    if rule.constraint is None or rule.column is None:
        return False
    return rule.column not in after.by_name or (
        rule.constraint.kind == "required" and before.by_name[rule.column].required
    )


def _lost(name: str, names: set[str]) -> str:
    return f"rule '{name}' was loosened" if name in names else f"rule '{name}' was dropped"


def _as_severe(old: Severity, new: Severity) -> bool:
    return new == Severity.ERROR or old == Severity.WARNING


def _keeps_row_rule(old: RowRule, new: RowRule) -> bool:
    """Whether every row that meets the new rule meets the old one."""
    if not _as_severe(old.severity, new.severity):
        return False
    if old.constraint is not None and new.constraint is not None:
        return old.column == new.column and _implies(new.constraint, old.constraint)
    return old.predicate == new.predicate


def _implies(new: Constraint, old: Constraint) -> bool:
    """Whether every value within the new constraint is within the old one."""
    lower, upper = ("minimum", "exclusive_minimum"), ("maximum", "exclusive_maximum")
    limit: Any = new.limit
    for kinds, sign in ((lower, 1), (upper, -1)):
        if new.kind in kinds and old.kind in kinds:
            inside = limit > old.limit if sign > 0 else limit < old.limit
            return inside or (limit == old.limit and (new.kind == old.kind or new.kind.startswith("exclusive")))
    if new.kind != old.kind:
        return False
    match new.kind:
        case "known":
            return bool(limit <= old.limit)
        case "min_length":
            return bool(limit >= old.limit)
        case "max_length":
            return bool(limit <= old.limit)
        case _:
            return bool(limit == old.limit)


def _keeps_table_rule(old: TableRule, new: TableRule) -> bool:
    """Whether all rows that meet the new rule together meet the old one."""
    if not _as_severe(old.severity, new.severity):
        return False
    if isinstance(old, UniqueRule) and isinstance(new, UniqueRule):
        return set(new.columns) <= set(old.columns)
    if isinstance(old, AggregateRule) and isinstance(new, AggregateRule):
        return old.expression == new.expression and _within(new.bounds, old.bounds)
    if isinstance(old, ExpectationRule) and isinstance(new, ExpectationRule):
        same = old.expectation == new.expectation and stated(old) == stated(new)
        return same and _within(new.bounds, old.bounds)
    return False


def _within(new: Bounds, old: Bounds) -> bool:
    """Whether every figure within the new bounds is within the old ones."""
    if old == new:
        return True
    if new.equal is not None:
        return old.hold(new.equal)
    kept = (
        old.equal is None,
        old.not_equal is None or not new.hold(old.not_equal),
        old.above is None or _least(new) > (old.above, False),
        old.at_least is None or _least(new) >= (old.at_least, False),
        old.below is None or _most(new) < (old.below, True),
        old.at_most is None or _most(new) <= (old.at_most, True),
        old.not_between is None or old.not_between == new.not_between,
    )
    return all(kept)


def _least(bounds: Bounds) -> tuple[float, bool]:
    """The lower bound, and whether it is itself outside; the strictest of several."""
    lowest = (float("-inf"), False)
    at_least = lowest if bounds.at_least is None else (bounds.at_least, False)
    above = lowest if bounds.above is None else (bounds.above, True)
    return max(at_least, above)


def _most(bounds: Bounds) -> tuple[float, bool]:
    """The upper bound, and whether it is itself inside; the strictest of several."""
    highest = (float("inf"), True)
    at_most = highest if bounds.at_most is None else (bounds.at_most, True)
    below = highest if bounds.below is None else (bounds.below, False)
    return min(at_most, below)
