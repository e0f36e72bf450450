"""A script that runs `lakehouse` commands, each in a forked process of its own, and can kill one at a chosen point.

A request is a line of JSON on standard input, its answer one on standard output. What is slow to import is imported
once; no engine is started and no table opened before a fork, so that each process does so by itself.
"""

import functools
import gc
import importlib
import inspect
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

IMPORTED_ONCE = (
    "pandas",
    "pysail.spark",
    "pyspark.sql.connect.session",
    "great_expectations",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.launcher.default_run_launcher",
    "dagster._core.run_coordinator.default_run_coordinator",
    "lakehouse_assets.definitions",
    "lakehouse_assets.command",
    "lakehouse_assets.instance.event_log",
)


def wrapped(function: Callable[..., Any], when: str, call: int) -> Callable[..., Any]:
    """The function, with the process killed before, or after, it is called for the n-th time."""
    calls = 0

    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **named)
        if calls == call and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapper


def resolve(target: str) -> tuple[Any, str]:
    """`package.module:Class.method` as the object that has the attribute, and the attribute's name."""
    module, path = target.split(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    return owner, name


def prepare_kill(target: str, when: str, call: int) -> None:
    owner, name = resolve(target)
    bound = isinstance(inspect.getattr_static(owner, name), classmethod | staticmethod)
    made = wrapped(getattr(owner, name), when, call)
    setattr(owner, name, staticmethod(made) if bound else made)


def limit_lake(tables: list[str]) -> None:
    """Lets the lakehouse consist of some tables, among which is whatever they are made from."""
    from contracts.parse import load_contracts
    from lakehouse_assets.lake import Lake

    contracts = {table: contract for table, contract in load_contracts().items() if table in tables}
    Lake.__init__ = functools.partialmethod(Lake.__init__, contracts=contracts)  # type: ignore[method-assign, assignment]


def run_command(request: dict[str, Any], output: int) -> None:
    """What the forked process does; it ends here, whatever happens."""
    status = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(request["folder"])
        os.environ.update(request["environment"])
        for name, value in request["constants"].items():
            owner, attribute = resolve(name)
            setattr(owner, attribute, value)
        if request["tables"]:
            limit_lake(request["tables"])
        if request["kill"]:
            prepare_kill(**request["kill"])
        from lakehouse_assets.command import main

        sys.argv = ["lakehouse", *request["arguments"]]
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - it belongs to the command's output
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    for name in IMPORTED_ONCE:
        importlib.import_module(name)
    # A child that looks for garbage would write to all of its parent's pages, and copy them.
    gc.freeze()
    for line in sys.stdin:
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if child == 0:
                run_command(json.loads(line), output.fileno())
            _, ended = os.waitpid(child, 0)
            output.seek(0)
            answer = {"status": os.waitstatus_to_exitcode(ended), "output": output.read().decode(errors="replace")}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
