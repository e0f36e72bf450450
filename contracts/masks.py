"""How restricted values are made safe to see: each mask as Spark SQL, for tables, and as Python, for samples and listings.

Both give the same text for the same value. Null stays null.
"""

import hashlib
import re

from contracts.model import Mask
from contracts.row_rules import quoted

HIDDEN = "***"
_NO_DIGIT = "[^0-9]"


def mask_expression(mask: Mask, column: str, salt: str) -> str:
    """The masked text of a text column.

    Args:
        mask: the kind of mask.
        column: the column's name.
        salt: SQL that gives the secret salt, such as a parameter's marker (`:salt`) or a column; never the salt
            itself, since expressions appear in plans and logs. Only `hash` uses it.
    """
    value = quoted(column)
    match mask.kind:
        case "hash":
            return f"sha2(concat({salt}, {value}), 256)"
        case "initial":
            return f"upper(substring({value}, 1, 1))"
        case "last_two_digits":
            return f"right(regexp_replace({value}, '{_NO_DIGIT}', ''), 2)"
        case "hide":
            return f"case when {value} is not null then '{HIDDEN}' end"


def mask_value(mask: Mask, value: object, salt: str) -> str | None:
    """The masked text of a value; what isn't text is masked as Python writes it."""
    if value is None:
        return None
    text = str(value)
    match mask.kind:
        case "hash":
            return hashlib.sha256((salt + text).encode()).hexdigest()
        case "initial":
            return text[:1].upper()
        case "last_two_digits":
            return re.sub(_NO_DIGIT, "", text)[-2:]
        case "hide":
            return HIDDEN
