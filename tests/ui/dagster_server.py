"""Dagster as `make ui` starts it, over a lake of its own, and what it says by GraphQL."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.lake_processes import whole_environment

PROJECT = Path(__file__).parents[2]

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class DagsterServer:
    """A running Dagster."""

    address: str

    def query(self, text: str, **variables: Any) -> Any:
        """What GraphQL answers."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


def wait_for(ask: Callable[[], Answer | None], seconds: float, what: str) -> Answer:
    """Asks until there is an answer."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.5)
    return answer


@contextmanager
def dagster_server(folder: Path, settings: Mapping[str, str]) -> Iterator[DagsterServer]:
    """Starts Dagster's UI and daemon in a folder, where no `.env` of the project is found, and ends them and their runs."""
    environment = whole_environment(settings)
    subprocess.run(
        [sys.executable, "-m", "lakehouse_assets.instance.home"], cwd=folder, env=environment, check=True, timeout=120
    )
    port = _free_port()
    command = [sys.executable, "-m", "dagster", "dev", "--workspace", str(PROJECT / "workspace.yaml"), "--port", port]
    output = folder / "dagster.log"
    with output.open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        server = DagsterServer(f"http://127.0.0.1:{port}")
        wait_for(lambda: _is_ready(server, process, output), 180, "the start of Dagster")
        yield server
    finally:
        # Its code servers and runs are in its process group. It ignores SIGTERM, and SIGINT lets it end them itself.
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def _is_ready(server: DagsterServer, process: "subprocess.Popen[bytes]", output: Path) -> bool:
    assert process.poll() is None, f"Dagster ended:\n{output.read_text()}"
    try:
        return bool(server.query("{ assetNodes { id } }")["assetNodes"])
    except OSError:
        return False
