"""Regular expressions as the standard means them (ECMA-262), spelt so that Java's and Rust's engines read them alike."""

import re

_NOT_ALIKE = re.compile(r"\\[A-Za-z0-9]|\(\?")
"""Classes such as `\\d` (Unicode's digits or ASCII's), `\\b`, references, and groups that look around or set flags."""
_OUTSIDE = {"$": r"\z", ".": "[^\n\r\u2028\u2029]"}
_INSIDE = {"[": r"\[", "&": r"\&", "~": r"\~"}


def engine_pattern(pattern: str) -> str:
    """The pattern with what engines read differently spelt out.

    `$` is the end alone, where Java also takes the place before a last line break; `.` is no line break, of which engines
    know different ones; in a class, `[`, `&` and `~` are themselves.

    Raises:
        ValueError: it is no regular expression, or uses what engines don't agree on and has a plain spelling.
    """
    if found := _NOT_ALIKE.search(pattern):
        raise ValueError(f"engines read '{found[0]}' differently: write [0-9], [A-Za-z] and the like")
    text, inside, position = "", False, 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            text += pattern[position : position + 2]
            position += 2
            continue
        if character == "[" and not inside:
            inside = True
            text += character
        elif character == "]" and inside:
            inside = False
            text += character
        else:
            text += (_INSIDE if inside else _OUTSIDE).get(character, character)
        position += 1
    try:
        re.compile(text.replace(r"\z", r"\Z"))
    except re.error as error:
        raise ValueError(f"'{pattern}' is no regular expression: {error}") from error
    return text
