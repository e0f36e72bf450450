"""Whole processes, with the time that they take and the memory that they need."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024
"""What the system counts a process's memory in."""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    """The most memory that it held at any time."""


@dataclass(frozen=True)
class Ended(Cost):
    """A process that ended well."""

    output: str


class ProcessFailed(Exception):  # noqa: N818
    """A measured process ended with a status other than 0."""


def measured(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ended:
    """Runs a command in a folder, where its output is kept, with nothing but the given variables.

    A process starts with its parent's memory on its account, so whoever calls this holds little: see `apart`.

    Raises:
        ProcessFailed: it failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output").open("w+") as output, (folder / "errors").open("w+") as errors:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=errors, cwd=folder, env=dict(environment))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise ProcessFailed(
                f"{' '.join(command)} ended with {process.returncode}: see {output.name} and {errors.name}"
            )
        output.seek(0)
        return Ended(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _BYTES_PER_UNIT, output.read())


def apart(function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
    """Calls a function in a process of its own, so that what it needs is not this one's."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **named).result()
