"""`lakehouse check`: asks the checks of published tables now, those of whole tables included, and says what they find."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from asset_checks.runbooks import runbook_of
from contracts.model import Contract
from lakehouse_assets.command.checks import findings_of
from lakehouse_assets.command.output import console, count, errors, say, table, write_json
from lakehouse_assets.command.requests import named_contract
from lakehouse_assets.command.run import QUIET
from lakehouse_assets.command.summary import CheckFinding
from lakehouse_assets.instance.home import prepare_home
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import load_settings

NAME = "check"
_JOB = "asked_for"


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="The table to check, e.g. silver/orders; by default all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an array with an object a check.")] = False,
) -> None:
    """Checks what is published, and loads nothing: freshness, identities of all days, keys and completeness of whole silver tables.

    The exit status is 1 if a check fails. What a load checks before it publishes is told by lakehouse status.

    JSON: table, check, passed, warning, message.
    """
    lake = Lake(load_settings())
    wanted = [named_contract(name, lake.contracts)] if name else list(lake.contracts.values())
    with errors.status(f"checking {count(len(wanted), 'table')}"):
        found = ask(lake, wanted)
    if as_json:
        write_json(asdict(one) for one in found)
    else:
        _print(found)
    if not all(one.passed for one in found):
        raise typer.Exit(1)


def ask(lake: Lake, wanted: list[Contract]) -> list[CheckFinding]:
    """What the checks of published tables find; Dagster remembers it, as of any run."""
    import dagster as dg

    from lakehouse_assets.definitions import build_definitions
    from lakehouse_assets.instance.left_behind import host_tags
    from lakehouse_assets.published_checks import published_check_keys

    tables = [contract.table for contract in wanted]
    selection = dg.AssetSelection.checks(*published_check_keys(tables, lake.contracts))
    job = dg.define_asset_job(_JOB, selection)
    definitions = dg.Definitions.merge(build_definitions(lake), dg.Definitions(jobs=[job]))
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def(_JOB).execute_in_process(
            instance=instance, tags=host_tags(), run_config=QUIET, raise_on_error=False
        )
    lake.engine.close()
    return sorted(findings_of(result, tables), key=lambda one: (tables.index(one.table), one.check))


def _print(found: list[CheckFinding]) -> None:
    listing = table("", "table", "check", "what it found", whole=("", "table", "check"))
    for one in found:
        colour, word = ("green", "passed") if one.passed else ("red", "failed")
        runbook = "" if one.passed else f" ({runbook_of(one.check)})"
        listing.add_row(f"[{colour}]{word}[/]", one.table, one.check, escape(one.message) + runbook)
    console.print(listing)
    console.print()
    failed = sum(not one.passed for one in found)
    if failed:
        say(f"[bold red]{count(failed, 'check')} failed.[/] The runbook named beside each says what to do.")
    else:
        say(f"[bold green]{count(len(found), 'check')} passed.[/]")
