"""JSON objects in text, taken apart by Spark SQL."""

from collections.abc import Sequence

from pyspark.sql import DataFrame

_MAP = "map<string,string>"
_STRICT = "map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')"
_BLANKS = r"[ \\t\\r\\n]*"
_REWRITTEN_NUMBER = rf"""("{_BLANKS}:|,|\\[){_BLANKS}(-?[0-9]+[.eE]|-?[0-9]{{17}}|-0[^0-9])"""
"""Matches text with a number that parsing may spell another way: with a point or an exponent, too long for a double, or -0."""
_AFTER_A_BRACE = "[}][^}]|[}]{2}"
"""Matches text that goes on after a closing brace."""
_TEXTS_AND_NUMBERS = r"""("(?:[^"\\\\]|\\\\.)*")|(-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?)"""
_NUMBER_MARK = "\\ue000"
"""Stands before a number that is kept as text. A character of private use, which no text means anything by."""


def object_of(text: str) -> str:
    """A JSON object as a map of strings; null where the text is none, or more than one.

    Texts stand without quotes, numbers as they are written, nested values as JSON without blanks; a JSON null is a null value.
    """
    # From the slowest to the fastest: ten, two and one times as long. The first is rare.
    return f"""
        case
            when {_has_rewritten_number(text)} then {_with_numbers_as_written(text)}
            when {text} rlike '{_AFTER_A_BRACE}' then {_alone(text, _MAP)}
            else from_json({text}, '{_MAP}', {_STRICT})
        end
    """


def object_or_empty(text: str) -> str:
    """As `object_of`, but a null text is an object without entries."""
    return f"case when {text} is null then cast(map() as {_MAP}) else {object_of(text)} end"


def with_fields(frame: DataFrame, text: str, names: Sequence[str]) -> DataFrame:
    """Takes some fields out of the JSON objects in a column of text.

    Returns:
        The rows with `_is_object`, whether the text is an object and nothing else, and a column `_<name>` a field: what
        `object_of` has under the name, null where the text is no object.
    """
    struct = f"struct<{', '.join(f'{name}:string' for name in names)}>"
    # In steps, since engines compute a nested expression once a field; and mostly by a struct, since maps are searched.
    parsed = frame.selectExpr(
        "*",
        f"{_elements(text, struct)} as _elements",
        f"case when {_has_rewritten_number(text)} then {_with_numbers_as_written(text)} end as _exact",
    )
    found = parsed.selectExpr("*", "case when size(_elements) = 1 then _elements[0] end as _struct")
    return found.selectExpr(
        "*",
        "_struct is not null as _is_object",
        *(f"case when _exact is null then _struct.{name} else _exact['{name}'] end as _{name}" for name in names),
    ).drop("_elements", "_exact", "_struct")


def _has_rewritten_number(text: str) -> str:
    return f"{text} rlike '{_REWRITTEN_NUMBER}'"


def _alone(text: str, type_: str) -> str:
    """An object that is all of a text. An engine may stop reading at its end, and would pass over what follows."""
    # An array of the one value gives it a name, so that it is computed once.
    return f"transform(array({_elements(text, type_)}), found -> case when size(found) = 1 then found[0] end)[0]"


def _elements(text: str, type_: str) -> str:
    """One where an object is all of a text."""
    return f"from_json(concat('[', {text}, ']'), 'array<{type_}>', {_STRICT})"


def _with_numbers_as_written(text: str) -> str:
    """An object whose numbers are parsed as marked texts, and the marks removed."""
    # Neither of the two control characters can be in JSON: each text or number gets both, the number between them.
    cut = f"regexp_replace({text}, '{_TEXTS_AND_NUMBERS}', '$1\\u0001$2\\u0002')"
    quoted = f"replace(replace(replace({cut}, '\\u0001\\u0002', ''), '\\u0001', '\"{_NUMBER_MARK}'), '\\u0002', '\"')"
    unquoted = f"regexp_replace(entry.value, '\"{_NUMBER_MARK}([^\"]*)\"', '$1')"
    entry = f"struct(entry.key, replace({unquoted}, '{_NUMBER_MARK}', ''))"
    return f"map_from_entries(transform(map_entries({_alone(quoted, _MAP)}), entry -> {entry}))"
