"""`lakehouse contracts`: reads every contract, and says what would break those who rely on them."""

import io
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import contracts as package
from contracts.compatibility import breaking_changes
from contracts.errors import ConfigurationError
from contracts.model import Contract, RowRule, TableRule
from contracts.parse import load_contracts
from lakehouse_assets.command.output import by_layer, console, count, heading, say, table, write_json

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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Validates every contract, and lists the tables.

    JSON: contracts; breaking_changes (text; null without --against). An object a contract: table, version, title, grain,
    owner, mode, available_by, retention_days, reads (table, kind, first, last), columns (name, type, required, key,
    classification, mask, description), row_rules and table_rules (name, severity, description).
    """
    now = load_contracts(FOLDER)
    broken = breaking(contracts_at(against), now) if against is not None else None
    if as_json:
        write_json({"contracts": [as_record(now[name]) for name in by_layer(now)], "breaking_changes": broken})
    else:
        _print_contracts(now)
        if against is not None and broken is not None:
            _print_comparison(against, broken)
    if broken:
        raise typer.Exit(1)


def as_record(contract: Contract) -> dict[str, object]:
    """A contract as JSON has it; `lakehouse contracts --help` says what it holds."""
    return {
        "table": contract.table,
        "version": contract.version,
        "title": contract.title,
        "grain": contract.grain,
        "owner": contract.owner,
        "mode": contract.mode,
        "available_by": f"{contract.available_by:%H:%M}",
        "retention_days": contract.retention_days,
        "reads": [asdict(read) for read in contract.reads],
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "required": column.required,
                "key": column.key,
                "classification": column.classification,
                "mask": column.mask.kind if column.mask else None,
                "description": column.description,
            }
            for column in contract.columns
        ],
        "row_rules": [_rule(rule) for rule in contract.row_rules],
        "table_rules": [_rule(rule) for rule in contract.table_rules],
    }


def _rule(rule: RowRule | TableRule) -> dict[str, str]:
    return {"name": rule.name, "severity": rule.severity.value, "description": rule.description}


def _print_contracts(now: Mapping[str, Contract]) -> None:
    heading(f"{count(len(now), 'contract')}, all valid")
    figures = ("columns", "rules")
    listing = table("table", "version", *figures, "due", "grain", numbers=figures, whole=("table", "version", "due"))
    for contract in (now[name] for name in by_layer(now)):
        rules = count(len(contract.row_rules) + len(contract.table_rules))
        due = f"{contract.available_by:%H:%M}"
        listing.add_row(
            contract.table, contract.version, count(len(contract.columns)), rules, due, escape(contract.grain)
        )
    console.print(listing)


def _print_comparison(revision: str, broken: Sequence[str]) -> None:
    console.print()
    if not broken:
        say(f"[bold green]No breaking change[/] against {escape(revision)}.")
        return
    heading(f"{count(len(broken), 'breaking change')} against {revision}")
    for line in broken:
        say(f"[red]{escape(line)}[/]")
    say("Raise the contract's major version, or keep what others rely on.")


def contracts_at(revision: str) -> Mapping[str, Contract]:
    """The contracts as a git revision has them.

    Raises:
        ConfigurationError: git doesn't know the revision, or this is no checkout.
    """
    arguments = ["git", "archive", "--format=zip", revision, FOLDER.name]
    archive = subprocess.run(arguments, cwd=FOLDER.parent, capture_output=True, check=False)  # noqa: S603
    if archive.returncode != 0:
        raise ConfigurationError(f"git can't read {FOLDER.name}/ at '{revision}': {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(archive.stdout)) as files:
            files.extractall(folder)
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
