"""`lakehouse sql`: asks the lake a question in SQL, as of now, of a version or of a time."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import pyarrow as pa
import typer

from lakehouse_assets.command.output import console, count, say, write_json
from lakehouse_assets.command.query import (
    AsOf,
    Query,
    over_views,
    parse_as_of,
    parse_query,
    view_names,
    with_as_of,
)
from lakehouse_assets.command.requests import RequestError
from lakehouse_assets.command.rows import print_rows, to_records
from lakehouse_assets.command.views import view
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NAME = "sql"
LIMIT = 50
_LONGEST_ERROR = 600
_PARSED_NAME = re.compile(r"ObjectName\(\[(.*?)\]\)")
"""How the embedded engine writes the name of a column in a message."""
_QUOTED = re.compile(r'"(.*?)"')


@dataclass(frozen=True)
class Answer:
    """The rows of a query, the first of them where it has more than were asked for."""

    rows: pa.Table
    left_out: int


def command(
    query: Annotated[
        str, typer.Argument(help='One query, e.g. "select status, count(*) from silver.orders group by status".')
    ],
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME|VERSION",
            help="Every table as it was at a time (2026-10-05T12:00:00Z), or the one table of the query at a version (12).",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"How many rows to show. [default: {LIMIT}, with --json all]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array, one object a row.")] = False,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show restricted columns as they are.")] = False,
) -> None:
    """Asks the lake a question in Spark SQL.

    Tables are named as in silver.orders, and the rows that one set aside as in silver.orders__quarantine. Behind a
    table's name, "version as of 12" and "timestamp as of '2026-10-05 12:00:00'" (UTC) read it as it was. Restricted
    columns are masked before the query sees them.

    JSON: an array with an object a row. Numbers have all their digits, decimals too; dates and times are ISO 8601
    text; null is null.
    """
    lake = Lake(load_settings())
    moment = None if as_of is None else parse_as_of(as_of)
    wanted = limit if limit is not None else None if as_json else LIMIT
    try:
        answer = ask(lake, parse_query(query), as_of=moment, limit=wanted, unmasked=unmasked)
    finally:
        lake.engine.close()
    if as_json:
        write_json(to_records(answer.rows))
    else:
        print_answer(answer)


def print_answer(answer: Answer) -> None:
    """Prints rows and how many there are."""
    print_rows(answer.rows, console)
    rows = answer.rows.num_rows
    if answer.left_out:
        total = count(rows + answer.left_out, "row")
        say(f"[dim]{count(rows)} of {total}, {count(answer.left_out)} left out: --limit shows more[/]")
    else:
        say(f"[dim]{count(rows, 'row')}[/]")


def ask(lake: Lake, query: Query, *, as_of: AsOf | None = None, limit: int | None, unmasked: bool = False) -> Answer:
    """Runs a query over views of the tables that it names, each pinned to one version.

    Args:
        lake: where the tables are.
        query: what is asked.
        as_of: reads every table as it was, where the query itself says nothing else of it.
        limit: how many rows to bring, all by default.
        unmasked: leaves restricted columns as they are.

    Raises:
        RequestError: a table isn't there, or not as of then, or the engine refuses the query.
    """
    from pyspark.errors import AnalysisException, PySparkException

    from io_managers.failures import engine_failure

    meant = with_as_of(query.references, as_of)
    views = {named: view(lake, one, unmasked=unmasked) for named, one in meant.items()}
    names = view_names(query)
    try:
        for named, frame in views.items():
            frame.createOrReplaceTempView(names[named])
        return _answer(lake.session.sql(over_views(query, names)), limit)
    except PySparkException as error:
        known = engine_failure(error)
        refused = str(known) if known else f"the engine can't answer it: {_shortened(str(error))}"
        if isinstance(error, AnalysisException) and known is None:
            columns = [f"{meant[named].name} has {', '.join(frame.columns)}" for named, frame in views.items()]
            refused = "; ".join([refused, *columns])
        raise RequestError(refused) from None


def _answer(frame: "DataFrame", limit: int | None) -> Answer:
    if limit is None:
        return Answer(frame.toArrow(), 0)
    # One more row than is wanted tells whether there are others, which only then are counted.
    rows = frame.limit(limit + 1).toArrow()
    if rows.num_rows <= limit:
        return Answer(rows, 0)
    return Answer(rows.slice(0, limit), frame.count() - limit)


def _shortened(message: str) -> str:
    """An engine's message without its stack, and with names as people write them."""
    text = message.split("JVM stacktrace:", maxsplit=1)[0].strip()
    text = _PARSED_NAME.sub(lambda name: ".".join(_QUOTED.findall(name[1])), text)
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]} ..."
