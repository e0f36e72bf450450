"""Reads of a table's rows without an engine: for a few rows of it, which a person looks at or a table's own upkeep needs."""

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder


def query(table: DeltaTable, statement: str, schema: pa.Schema | None = None) -> pa.Table:
    """What a statement finds in a table, which it calls `rows`, as columns of a schema where one is given.

    Raises:
        DeltaError: the statement asks for what the table doesn't have.
        OSError: a file can't be read.
    """
    # Not by `to_pyarrow_table`: there the files are Python objects, and Arrow's threads, which may still hold some when the
    # interpreter ends, then abort a process that has done all it had to.
    rows = QueryBuilder().register("rows", table).execute(statement)
    try:
        found = pa.table(rows)
    except pa.ArrowException as error:
        raise OSError(f"rows of {table.table_uri} can't be read: {error}") from error
    return found if schema is None else found.cast(schema)


def text_literal(value: str) -> str:
    """A text as a statement writes it."""
    return "'" + value.replace("'", "''") + "'"
