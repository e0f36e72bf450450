"""The home folder of Dagster's instance: where it is, its dagster.yaml, and its databases, made once by one process.

`python -m lakehouse_assets.instance.home` prepares the configured one, before `dagster` commands that would all open it.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

from contracts.errors import ConfigurationError

HOME_VARIABLE = "DAGSTER_HOME"
DEFAULT_HOME = ".dagster"
CONFIGURATION = "dagster.yaml"
TEMPLATE = Path(__file__).with_name(CONFIGURATION)


def configured_home() -> Path:
    """The absolute path of the home: $DAGSTER_HOME of the environment, else of `.env`, else `.dagster` in the working folder."""
    configured = os.environ.get(HOME_VARIABLE) or dotenv_values(".env").get(HOME_VARIABLE) or DEFAULT_HOME
    return Path(configured).expanduser().absolute()


def prepare_home(home: Path | None = None) -> Path:
    """Makes the home ready for `DagsterInstance.get()` in this process and in those that it starts.

    Call it before anything else uses the instance. Two processes that open a new home at the same time leave databases
    that Dagster can't open again; here one makes them while the others wait. A `dagster.yaml` that is there already
    stays as it is.

    Args:
        home: another folder than the configured one.

    Returns:
        The absolute path, which is also the value of DAGSTER_HOME from here on.

    Raises:
        ConfigurationError: the folder can't be made or written.
    """
    home = home.expanduser().absolute() if home else configured_home()
    os.environ[HOME_VARIABLE] = str(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _alone(home):
            _copy_template(home)
            _make_databases()
    except OSError as error:
        raise ConfigurationError(
            f"{HOME_VARIABLE}: {home} can't be used ({error}). Name a folder that can be written."
        ) from error
    return home


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Waits until no other process prepares this home. The lock goes with the process, however that ends."""
    with (home / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy_template(home: Path) -> None:
    configuration = home / CONFIGURATION
    if not configuration.exists():
        unfinished = configuration.with_suffix(".unfinished")
        shutil.copyfile(TEMPLATE, unfinished)
        unfinished.replace(configuration)


def _make_databases() -> None:
    from dagster import DagsterInstance

    with DagsterInstance.get():
        """Opening the instance makes the databases that are missing."""


if __name__ == "__main__":
    prepare_home()
