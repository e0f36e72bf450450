"""`lakehouse contracts`: reads every contract, and says what would break those who rely on them."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import contracts as package
from contracts.compatibility import breaking_changes
from contracts.errors import ConfigurationError
from contracts.model import Contract
from contracts.parse import load_contracts
from lakehouse_assets.command.output import by_layer, console, count, heading, say, table

NAME = "contracts"
FOLDER = Path(package.__file__).parent


def command(
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION",
            help="A git revision: fail on changes that break who relies on the contracts as they were.",
        ),
    ] = None,
) -> None:
    """Validates every contract, and lists the tables."""
    now = load_contracts(FOLDER)
    heading(f"{count(len(now), 'contract')}, all valid")
    figures = ("columns", "row rules", "table rules")
    listing = table("table", "version", "grain", *figures, "due (UTC)", numbers=figures, whole=("table",))
    for contract in (now[name] for name in by_layer(now)):
        rules = count(len(contract.row_rules)), count(len(contract.table_rules))
        columns, due = count(len(contract.columns)), f"{contract.available_by:%H:%M}"
        listing.add_row(contract.table, contract.version, escape(contract.grain), columns, *rules, due)
    console.print(listing)
    if against is not None:
        _compare(against, now)


def _compare(revision: str, now: Mapping[str, Contract]) -> None:
    broken = breaking(contracts_at(revision), now)
    console.print()
    if not broken:
        say(f"[bold green]No breaking change[/] against {escape(revision)}.")
        return
    heading(f"{count(len(broken), 'breaking change')} against {revision}")
    for line in broken:
        say(f"[red]{escape(line)}[/]")
    say("Raise the contract's major version, or keep what others rely on.")
    raise typer.Exit(1)


def contracts_at(revision: str) -> Mapping[str, Contract]:
    """The contracts as a git revision has them.

    Raises:
        ConfigurationError: git doesn't know the revision, or this is no checkout.
    """
    arguments = ["git", "archive", revision, FOLDER.name]
    archive = subprocess.run(arguments, cwd=FOLDER.parent, capture_output=True, check=False)  # noqa: S603
    if archive.returncode != 0:
        raise ConfigurationError(f"git can't read {FOLDER.name}/ at '{revision}': {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        return load_contracts(Path(folder) / FOLDER.name)


def breaking(before: Mapping[str, Contract], now: Mapping[str, Contract]) -> list[str]:
    """What breaks those who rely on the contracts as they were, a sentence each that begins with the table."""
    gone = [f"{name}: the table is gone" for name in before if name not in now]
    return gone + [
        f"{name}: {change}"
        for name, contract in before.items()
        if name in now
        for change in breaking_changes(contract, now[name])
    ]
