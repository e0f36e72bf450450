"""The `lakehouse` command: one module a subcommand, and the entry point that joins them."""

import sys

import typer

from contracts.errors import LakehouseError
from lakehouse_assets.command import contracts, quarantine, run, status
from lakehouse_assets.command.output import errors

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Runs the lakehouse and shows what is in it.")
for subcommand in (run, status, quarantine, contracts):
    app.command(subcommand.NAME)(subcommand.command)


def main() -> None:
    """Runs the command; a failure that the lakehouse knows is a message and exit status 1, never a traceback."""
    try:
        app()
    except LakehouseError as error:
        errors.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        errors.print(str(error), markup=False)
        sys.exit(1)
