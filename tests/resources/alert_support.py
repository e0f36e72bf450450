"""An alert, and a server on this machine that receives some."""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from resources.alerts.interface import Alert

SECRET = "a-secret-that-nobody-may-see"
NOON = dt.datetime(2026, 10, 3, 12, tzinfo=dt.UTC)
ALERT = Alert(
    subject="gold/fct_orders",
    condition="late",
    severity="error",
    state="raised",
    summary="gold/fct_orders is late",
    detail="no day is complete, and 2026-10-02 is due",
    runbook="docs/operating.md#a-check-is-red",
    since=NOON - dt.timedelta(hours=1),
    at=NOON,
)

Answer = Callable[["Receiver", BaseHTTPRequestHandler], None]


def status(code: int, **headers: str) -> Answer:
    """Answers with a status, and headers whose names have _ for -."""

    def answer(_: "Receiver", request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def cut(_: "Receiver", request: BaseHTTPRequestHandler) -> None:
    """Ends the connection without a word."""
    request.close_connection = True


def slow(receiver: "Receiver", _: BaseHTTPRequestHandler) -> None:
    """Says nothing until the test is over."""
    receiver.over.wait()


@dataclass
class Receiver:
    """What arrives, and how it is answered: by the next prepared answer, or with success when none is left."""

    address: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A server that lives as long as the test."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            receiver.paths.append(self.path)
            answer = receiver.answers.pop(0) if receiver.answers else status(200)
            answer(receiver, self)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}/services/T0/B0/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
