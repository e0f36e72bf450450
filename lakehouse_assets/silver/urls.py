"""Parts of a URL, as Spark SQL text of expressions over a column.

A URL is cut as RFC 3986 says: the fragment begins at the first `#`, the query at the first `?` before it, and what follows `//` at
the beginning or right after the scheme is the authority. Nothing is checked: what isn't there is null or empty.
Cutting text takes a third of the time of `parse_url`, which also fails on URLs that browsers accept.
"""


def host(url: str) -> str:
    """The host in lower case, without user, password and port; null without one."""
    origin = _origin(url)
    with_port = f"substring_index(substring_index({origin}, '//', -1), '@', -1)"
    # The colons of an IPv6 address stand in brackets.
    alone = (
        f"case when {with_port} like '[%' then concat(substring_index({with_port}, ']', 1), ']')"
        f" else substring_index({with_port}, ':', 1) end"
    )
    return f"case when {_has_authority(url)} then nullif(lower({alone}), '') end"


def path(url: str) -> str:
    """The path as it is written; empty where a URL has none."""
    address = _without_query(url)
    return (
        f"case when {_has_authority(url)} then substring({address}, length({_origin(url)}) + 1)"
        f" else regexp_replace({address}, '^[A-Za-z][A-Za-z0-9+.-]*:', '') end"
    )


def query(url: str) -> str:
    """The text between the first `?` and the fragment; empty without one."""
    return f"substring({_without_fragment(url)}, length({_without_query(url)}) + 2)"


def parameter(query: str, name: str) -> str:
    """What a query first says of a parameter, as it is written; null where that is nothing.

    Args:
        query: text of a query.
        name: of the parameter, in lower case; a query may spell it in any case.
    """
    # Whether a flag for any case goes beyond ASCII is a matter of the engine.
    in_any_case = "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in name)
    first = f"regexp_extract({query}, '(?:^|&){in_any_case}(?:=([^&]*))?(?:&|\\\\z)', 1)"
    # The engine would search nulls too.
    return f"case when {query} is not null then nullif({first}, '') end"


def decoded(value: str) -> str:
    """A parameter's value without its encoding: `+` is a blank, `%41` an A.

    A percent sign that begins no sequence stays. So do all sequences of a value whose bytes are no UTF-8.
    """
    sequences = f"regexp_replace({value}, '%([0-9A-Fa-f]{{2}})', '\\u0001$1')"
    sound = f"replace(replace({sequences}, '%', '%25'), '\\u0001', '%')"
    text = f"try_url_decode({sound})"
    # Bytes that are no UTF-8 are null on one engine, and replacement characters on another.
    readable = f"case when not contains({text}, '\\ufffd') then {text} else replace({value}, '+', ' ') end"
    return f"case when contains({value}, '%') or contains({value}, '+') then {readable} else {value} end"


def _without_fragment(url: str) -> str:
    return f"substring_index({url}, '#', 1)"


def _without_query(url: str) -> str:
    return f"substring_index({_without_fragment(url)}, '?', 1)"


def _origin(url: str) -> str:
    """Scheme and authority, of a URL that has an authority."""
    return f"substring_index({_without_query(url)}, '/', 3)"


def _has_authority(url: str) -> str:
    origin = _origin(url)
    return f"({origin} like '//%' or {origin} like '%://%')"
