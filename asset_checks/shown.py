"""What people may see of rows: values as text, with restricted ones hidden and long ones cut."""

from collections.abc import Iterable, Mapping

from contracts.json_text import json_expression
from contracts.model import BROKEN_RULES, Contract
from contracts.row_rules import quoted

_LONGEST_VALUE = 200
_HIDDEN = "***"


def as_text(contract: Contract, columns: Iterable[tuple[str, str]]) -> list[str]:
    """Columns of any type as text that people may see. The engine spells them, since not each of its dates is one in Python."""
    hidden = {column.name for column in contract.restricted}
    texts = []
    for name, kind in columns:
        value = json_expression(quoted(name)) if "<" in kind else f"cast({quoted(name)} as string)"
        shown = f"case when {quoted(name)} is not null then '{_HIDDEN}' end" if name in hidden else value
        texts.append(f"{shown} as {quoted(name)}")
    return texts


def shortened(row: Mapping[str, str | None]) -> dict[str, str | None]:
    """A row of such texts, without the rules that it broke."""
    return {
        name: value if value is None or len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}..."
        for name, value in row.items()
        if name != BROKEN_RULES
    }
