"""The `lakehouse` command: one module a subcommand, and the entry point that joins them."""

import os
import sys
from typing import Any

import structlog
import typer
from rich.markup import escape

from contracts.errors import LakehouseError
from lakehouse_assets.command import check, contracts, doctor, quarantine, run, sql, status, upkeep
from lakehouse_assets.command.output import errors

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # Rewraps all of a docstring's paragraphs.
    rich_markup_mode="markdown",
    # A traceback with the values of variables could show rows, and secrets.
    pretty_exceptions_enable=False,
    help="Runs the lakehouse and shows what is in it.",
)
for subcommand in (run, status, check, sql, quarantine, contracts, doctor, upkeep):
    app.command(subcommand.NAME)(subcommand.command)


def main() -> None:
    """Runs the command; a failure that the lakehouse knows is a message and exit status 1, never a traceback."""
    # What is printed is for whoever asked; what is logged goes to the other stream, and only if it matters to them.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("warning"), logger_factory=_log_to_standard_error
    )
    # Opening Dagster's instance switches on a log in which Spark repeats errors that are told anyway.
    os.environ.setdefault("SPARK_CONNECT_LOG_LEVEL", "critical")
    try:
        app()
    except LakehouseError as error:
        errors.print(f"[bold red]{type(error).__name__}[/]: {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


def _log_to_standard_error(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)
