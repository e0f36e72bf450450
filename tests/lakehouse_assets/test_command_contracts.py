"""`lakehouse contracts`: lists what is valid, and fails on what breaks others."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.errors import ConfigurationError, ContractError
from lakehouse_assets.command import app
from lakehouse_assets.command import contracts as command

ORDERS = Path("silver/orders.odcs.yaml")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own whose last commit has the contracts as they are; its contracts folder."""
    folder = tmp_path / "contracts"
    shutil.copytree(command.FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@localhost", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "contracts"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setattr(command, "FOLDER", folder)
    return folder


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def test_every_contract_is_listed(contracts: dict[str, object]) -> None:
    listed = CliRunner().invoke(app, ["contracts"])
    assert listed.exit_code == 0
    assert f"{len(contracts)} contracts, all valid" in listed.output
    for table in contracts:
        assert table in listed.output


def test_contracts_that_did_not_change_break_nothing(checkout: Path) -> None:
    compared = CliRunner().invoke(app, ["contracts", "--against", "HEAD"])
    assert compared.exit_code == 0, compared.output
    assert "No breaking change against HEAD" in compared.output


def test_a_breaking_change_fails_and_is_named(checkout: Path) -> None:
    edit(checkout / ORDERS, "name: quantity\n", "name: quantity\n        required: false\n")
    text = (checkout / ORDERS).read_text()
    before, after = text.split("name: quantity\n        required: false\n")
    (checkout / ORDERS).write_text(before + "name: quantity\n" + after.replace("        required: true\n", "", 1))
    compared = CliRunner().invoke(app, ["contracts", "--against", "HEAD"])
    assert compared.exit_code == 1
    assert "1 breaking change against HEAD" in compared.output
    assert "silver/orders: column 'quantity'" in compared.output
    assert "major version" in compared.output


def test_a_table_that_is_gone_breaks_those_who_read_it(checkout: Path) -> None:
    (checkout / "gold" / "dim_products.odcs.yaml").unlink()
    compared = CliRunner().invoke(app, ["contracts", "--against", "HEAD"])
    assert compared.exit_code == 1
    assert "gold/dim_products: the table is gone" in compared.output


def test_an_invalid_contract_is_named_by_file(checkout: Path) -> None:
    edit(checkout / ORDERS, "logicalType: string", "logicalType: text")
    invalid = CliRunner().invoke(app, ["contracts"])
    assert isinstance(invalid.exception, ContractError)
    assert "orders.odcs.yaml" in str(invalid.exception)


def test_an_unknown_revision_is_named(checkout: Path) -> None:
    compared = CliRunner().invoke(app, ["contracts", "--against", "no-such-revision"])
    assert isinstance(compared.exception, ConfigurationError)
    assert "no-such-revision" in str(compared.exception)
