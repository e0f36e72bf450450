"""A query as people write it, and the same query over views: which tables it names, and as of when. Nothing is read here.

Names are found by an SQL parser; the text around them stays as it was written, so that the engine answers the question
that was asked.
"""

import datetime as dt
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_assets.command.requests import RequestError

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

AsOf = int | dt.datetime
"""A version of a table, or a time (UTC) at which one was the newest."""

TABLE_FUNCTIONS = frozenset(
    {"range", "explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack"}
)
"""What a query may read besides tables: functions that make rows of values. Others could read any file, unmasked."""
_DIALECT = "spark"


@dataclass(frozen=True, slots=True)
class Reference:
    """A table as of some version, or as it is now."""

    table: str
    """`<layer>/<name>`, in lower case; not necessarily one that exists."""
    as_of: AsOf | None = None

    @property
    def name(self) -> str:
        """As queries name it."""
        return self.table.replace("/", ".")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a query names a table: from which character up to which, a version clause included."""

    reference: Reference
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Query:
    """One query and the tables that it names."""

    text: str
    places: tuple[Place, ...]
    """Where rows come from."""
    qualifiers: tuple[Place, ...]
    """Where a column is named with its table and layer (`silver.orders.amount`)."""
    common_names: frozenset[str]
    """The names of its common table expressions."""

    @property
    def references(self) -> list[Reference]:
        """What is read, each once, in the order of the query."""
        return list(dict.fromkeys(place.reference for place in self.places))


def parse_query(text: str) -> Query:
    """Finds the tables that one query names.

    Raises:
        RequestError: it can't be parsed, is no single query, or reads something other than named tables.
    """
    from sqlglot import exp

    tree = _only_query(text)
    common = frozenset(name.lower() for name in _common_names(tree))
    tokens = _tokens(text)
    places = [place for table in tree.find_all(exp.Table) if (place := _place(table, common, tokens))]
    named = {place.reference.table for place in places}
    in_order = tuple(sorted(places, key=lambda place: place.start))
    return Query(text, in_order, tuple(_qualifiers(tree, named)), common)


def parse_as_of(text: str) -> AsOf:
    """A version's number, or a time in ISO 8601, UTC where it has no offset.

    Raises:
        RequestError: it is neither.
    """
    if text.strip().isdigit():
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise RequestError(
            f"'{text}' is neither the number of a version (12) nor a time (2026-10-05T12:00:00Z, 2026-10-05)"
        ) from None
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def with_as_of(references: Sequence[Reference], as_of: AsOf | None) -> dict[Reference, Reference]:
    """What each reference means where the whole query is asked as of a version or time; its own clause stands.

    Raises:
        RequestError: a version is asked for, and not exactly one table is named.
    """
    names = {reference.name for reference in references}
    if isinstance(as_of, int) and len(names) != 1:
        named = ", ".join(sorted(names)) or "none"
        raise RequestError(
            f"--as-of {as_of} is a version of one table, and the query names {named}: give a time, or write "
            "'version as of' behind each table"
        )
    return {one: one if one.as_of is not None else Reference(one.table, as_of) for one in references}


def view_names(query: Query) -> dict[Reference, str]:
    """A name for each view that stands for a reference: the table's own, so that it qualifies columns, where nothing else has it."""
    names: dict[Reference, str] = {}
    bare = [reference.table.split("/")[1] for reference in query.references]
    for number, reference in enumerate(query.references):
        layer, name = reference.table.split("/")
        taken = bare.count(name) > 1 or name in query.common_names
        names[reference] = f"{layer}__{name}__{number}" if taken else name
    return names


def over_views(query: Query, names: Mapping[Reference, str]) -> str:
    """The query with the views' names in the places of the tables'."""
    text = query.text
    of_table = {reference.table: names[reference] for reference in reversed(query.references)}
    replaced = [
        *((place, names[place.reference]) for place in query.places),
        *((place, of_table[place.reference.table]) for place in query.qualifiers),
    ]
    for place, name in sorted(replaced, key=lambda one: one[0].start, reverse=True):
        text = f"{text[: place.start]}`{name}`{text[place.end :]}"
    return text


def _statements(text: str) -> "list[exp.Expr]":
    import sqlglot
    from sqlglot.errors import ParseError, TokenError

    # The parser warns of statements that it passes on unread; here they are refused.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        return [statement for statement in sqlglot.parse(text, read=_DIALECT) if statement is not None]
    except ParseError as error:
        raise RequestError(_explain(error.errors[0], text)) from None
    except TokenError:
        raise RequestError("the query can't be split into words: a quotation mark or a comment has no end") from None


def _explain(problem: Mapping[str, object], text: str) -> str:
    """What the parser says, and the line with a mark under the place."""
    line, end, found = int(str(problem["line"])), int(str(problem["col"])), str(problem["highlight"])
    said = re.sub(r"<Token .*?>", f"'{found}'", str(problem["description"]))
    shown = text.splitlines()[line - 1]
    mark = " " * (end - len(found)) + "^" * max(1, len(found))
    return f"the query can't be parsed at line {line}, column {end - len(found) + 1}: {said}\n\n  {shown}\n  {mark}"


def _only_query(text: str) -> "exp.Query":
    """The one statement, if it only reads.

    Raises:
        RequestError: there is none, there are several, or it does something else.
    """
    from sqlglot import exp

    statements = _statements(text)
    if len(statements) != 1:
        raise RequestError(f"one query is run at a time, and these are {len(statements) or 'none'}")
    (statement,) = statements
    writes = (exp.DML, exp.DDL, exp.Into, exp.Command, exp.QueryTransform)
    if not isinstance(statement, exp.Query) or statement.find(*writes):
        raise RequestError(
            f"only queries are run: '{text.split(maxsplit=1)[0]} ...' does something else. Loads alone change the lake; "
            "ask by select"
        )
    return statement


def _common_names(tree: "exp.Query") -> list[str]:
    from sqlglot import exp

    return [expression.alias for expression in tree.find_all(exp.CTE)]


def _place(table: "exp.Table", common: frozenset[str], tokens: "Sequence[Token]") -> Place | None:
    """Where a table is named; None for the name of a common table expression, or a function that makes rows.

    Raises:
        RequestError: it is a function that isn't known to make rows of values alone, or its version is no literal.
    """
    from sqlglot import exp

    if isinstance(table.this, exp.Func):
        function = table.this.name.lower() if isinstance(table.this, exp.Anonymous) else table.this.sql_name().lower()
        if function not in TABLE_FUNCTIONS:
            raise RequestError(
                f"'{function}' may not be read from: only tables, and {', '.join(sorted(TABLE_FUNCTIONS))}"
            )
        return None
    names = [part.name.lower() for part in table.parts]
    if len(names) == 1 and names[0] in common:
        return None
    start, end = table.parts[0].meta["start"], table.parts[-1].meta["end"]
    as_of = None
    if table.args.get("version") is not None:
        as_of, end = _version_clause(tokens, end)
    return Place(Reference(".".join(names).replace(".", "/", 1), as_of), start, end + 1)


def _version_clause(tokens: "Sequence[Token]", name_end: int) -> tuple[AsOf, int]:
    """What the clause behind a table's name says, and where it ends."""
    words = [token for token in tokens if token.start > name_end]
    if words[0].text.lower() == "for":
        words = words[1:]
    kind, *_, value = words[:4]
    if kind.text.lower() != "version" and value.text.lower() in {"timestamp", "date"}:
        value = words[4]
    numeric = value.text.isdigit()
    if (kind.text.lower() == "version") != numeric:
        raise RequestError(
            f"'{value.text}' is no literal: write version as of 12, or timestamp as of '2026-10-05 12:00:00'"
        )
    return parse_as_of(value.text), value.end


def _qualifiers(tree: "exp.Query", tables: set[str]) -> list[Place]:
    from sqlglot import exp

    found = []
    for column in tree.find_all(exp.Column):
        layer, name, *more = (*column.parts, None)
        if name is None or not any(more):
            continue
        table = f"{layer.name}/{name.name}".lower()
        if table in tables:
            found.append(Place(Reference(table), layer.meta["start"], name.meta["end"] + 1))
    return found


def _tokens(text: str) -> "Sequence[Token]":
    import sqlglot

    return sqlglot.tokenize(text, read=_DIALECT)
