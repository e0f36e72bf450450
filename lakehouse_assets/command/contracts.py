"""`lakehouse contracts`: reads every contract, and says what would break those who rely on them."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import contracts as package
from contracts.compatibility import breaking_changes
from contracts.errors import ConfigurationError
from contracts.model import Contract
from contracts.parse import load_contracts
from lakehouse_assets.command.output import console, count, table

NAME = "contracts"
FOLDER = Path(package.__file__).parent


def command(
    against: Annotated[
        str | None, typer.Option(help="A git revision: fail on changes that break who relies on its contracts.", metavar="REVISION")
    ] = None,
) -> None:
    """Validates every contract and lists the tables."""
    now = load_contracts()
    listing = table(f"{len(now)} contracts, all valid", "table", "version", "grain", "columns", "row rules", "table rules", "by", numbers=("columns", "row rules", "table rules"))
    for contract in now.values():
        listing.add_row(
            contract.table, contract.version, contract.grain, count(len(contract.columns)), count(len(contract.row_rules)),
            count(len(contract.table_rules)), f"{contract.available_by:%H:%M}",
        )  # fmt: skip
    console.print(listing)
    if against is not None and (broken := _breaking(contracts_at(against), now)):
        for line in broken:
            console.print(line, style="red", markup=False)
        console.print("Raise the contract's major version, or keep what others rely on.")
        raise typer.Exit(1)


def contracts_at(revision: str) -> Mapping[str, Contract]:
    """The contracts as a git revision has them.

    Raises:
        ConfigurationError: git doesn't know the revision, or this is no checkout.
    """
    archive = subprocess.run(["git", "archive", revision, FOLDER.name], cwd=FOLDER.parent, capture_output=True, check=False)  # noqa: S603, S607
    if archive.returncode != 0:
        raise ConfigurationError(f"git can't read {FOLDER.name}/ at '{revision}': {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        return load_contracts(Path(folder) / FOLDER.name)


def _breaking(before: Mapping[str, Contract], now: Mapping[str, Contract]) -> list[str]:
    gone = [f"{name}: the table is gone" for name in before if name not in now]
    return gone + [f"{name}: {change}" for name, contract in before.items() if name in now for change in breaking_changes(contract, now[name])]
