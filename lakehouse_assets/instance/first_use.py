"""What the first use of a clone sets up: a `.env` with values of its own.

`python -m lakehouse_assets.instance.first_use` makes it in the working folder, and does nothing the second time.
"""

import datetime as dt
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from contracts.errors import ConfigurationError
from lakehouse_assets.instance.home import DEFAULT_HOME, HOME_VARIABLE

EXAMPLE = ".env.example"
ENVIRONMENT = ".env"
DAYS_OF_HISTORY = 30


def first_values(project: Path, today: dt.date) -> dict[str, str]:
    """The values that each clone has of its own: the days before today to load, where Dagster lives, a random salt."""
    return {
        "LAKEHOUSE_START_DATE": (today - dt.timedelta(days=DAYS_OF_HISTORY)).isoformat(),
        "LAKEHOUSE_MASK_SALT": secrets.token_hex(32),
        HOME_VARIABLE: str(project.absolute() / DEFAULT_HOME),
    }


def filled_in(example: str, values: Mapping[str, str]) -> str:
    """The example with a value after each `NAME=` that stands alone on a line.

    Raises:
        ConfigurationError: the example has no such line for one of the names.
    """
    lines = example.splitlines()
    for name, value in values.items():
        if f"{name}=" not in lines:
            raise ConfigurationError(f"{EXAMPLE} has no line '{name}=' to fill in: restore it from the repository.")
        lines[lines.index(f"{name}=")] = f"{name}='{value}'" if " " in value else f"{name}={value}"
    return "\n".join(lines) + "\n"


def create_environment(project: Path, today: dt.date) -> bool:
    """Writes `.env` from `.env.example`, readable by its owner alone, since it holds the salt of masked columns.

    Returns:
        False, and nothing is changed, where there is a `.env` already: another salt would change every masked value.

    Raises:
        ConfigurationError: the example lacks a line, or there is none.
    """
    example = project / EXAMPLE
    if (project / ENVIRONMENT).exists():
        return False
    if not example.exists():
        raise ConfigurationError(f"{example} is missing: run this in the project's folder.")
    text = filled_in(example.read_text(), first_values(project, today))
    try:
        created = os.open(project / ENVIRONMENT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(created, "w") as file:
        file.write(text)
    return True


def main() -> None:
    """Sets up the working folder, and says so."""
    if create_environment(Path.cwd(), dt.datetime.now(dt.UTC).date()):
        sys.stdout.write(
            f"Made {ENVIRONMENT} from {EXAMPLE}: {DAYS_OF_HISTORY} days of demo data, and a salt of its own.\n"
        )


if __name__ == "__main__":
    main()
