"""A fake of EMR Serverless's session calls, which moto doesn't know: real HTTP for boto3, and a real Spark Connect server behind TLS.

What it hands out is a gateway of its own in front of a server that the test brings. Like AWS's, it lets a call pass that
has the token of a session that is there.
"""

import datetime as dt
import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
import trustme

from resources.engine import emr_serverless
from resources.engine.emr_serverless import TOKEN_HEADER

APPLICATION, ROLE = "00example", "arn:aws:iam::123456789012:role/lakehouse"
_STREAMED_ANSWERS = {"ExecutePlan", "ReattachExecute"}
_STREAMED_QUESTIONS = {"AddArtifacts"}


@dataclass
class EmrSession:
    """A session as the service knows it."""

    asked: dict[str, Any]
    """What StartSession was given."""
    state: str = "STARTED"
    details: str = ""
    tokens: dict[str, float] = field(default_factory=dict)
    """All that were given out, with the time at which each expires."""


@dataclass
class EmrService:
    """What the service does, which a test may change while it runs."""

    endpoint: str = ""
    """Where boto3 finds it."""
    connect: str = ""
    """The Spark Connect server behind the gateway, `host:port`."""
    connect_token: str = ""
    """What that server asks for, where it asks for any."""
    gateway: str = ""
    sessions: dict[str, EmrSession] = field(default_factory=dict)
    application_state: str = "STARTED"
    shows_dashboards: bool = True
    refusals: list[tuple[str, str]] = field(default_factory=list)
    """Code and message of the errors that the next StartSessions answer."""
    begins_as: tuple[str, str] = ("STARTED", "")
    """State and its details of a session that was just started."""
    token_seconds: int = 3600
    cuts: int = 0
    """How many streams of answers are yet to be cut off after their first message."""

    @property
    def running(self) -> list[str]:
        """The sessions that cost something."""
        return [name for name, one in self.sessions.items() if one.state not in {"TERMINATED", "FAILED"}]

    def lose_sessions(self) -> None:
        """All sessions end, as if their machines failed."""
        for name in self.running:
            self.sessions[name].state = "TERMINATED"

    def answer(self, method: str, path: list[str], body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call, by its path below `/applications`.

        Raises:
            Refused: as AWS refuses it.
        """
        match method, path:
            case "GET", [_]:
                return {"application": {"applicationId": APPLICATION, "state": self.application_state}}
            case "GET", [_, "dashboard"]:
                if not self.shows_dashboards:
                    raise Refused("AccessDeniedException", "not authorized to perform GetResourceDashboard")
                return {"url": "https://dashboard.example/session"}
            case "POST", [_, "sessions"]:
                return self._start(body)
            case "GET", [_, "sessions", name]:
                return {"session": self._described(name)}
            case "GET", [_, "sessions", name, "endpoint"]:
                return self._endpoint(name)
            case "DELETE", [_, "sessions", name]:
                self._known(name).state = "TERMINATED"
                return {"applicationId": APPLICATION, "sessionId": name}
        raise Refused("ValidationException", f"the fake has no {method} {path}")

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.refusals:
            raise Refused(*self.refusals.pop(0))
        if self.application_state == "STOPPED":
            raise Refused("ValidationException", "Application must be in STARTED state")
        name = uuid.uuid4().hex[:16]
        self.sessions[name] = EmrSession(body, *self.begins_as)
        return {"applicationId": APPLICATION, "sessionId": name, "arn": f"arn:aws:emr-serverless:::{name}"}

    def _described(self, name: str) -> dict[str, Any]:
        one = self._known(name)
        return {
            "applicationId": APPLICATION,
            "sessionId": name,
            "state": one.state,
            "stateDetails": one.details,
            "billedResourceUtilization": {"vCPUHour": 0.25, "memoryGBHour": 1.0, "storageGBHour": 0.0},
        }

    def _endpoint(self, name: str) -> dict[str, Any]:
        one = self._known(name)
        token, expires = uuid.uuid4().hex, dt.datetime.now(dt.UTC).timestamp() + self.token_seconds
        one.tokens[token] = expires
        return {
            "applicationId": APPLICATION,
            "sessionId": name,
            "endpoint": f"https://{self.gateway}",
            "authToken": token,
            "authTokenExpiresAt": expires,
        }

    def _known(self, name: str) -> EmrSession:
        if name not in self.sessions:
            raise Refused("ResourceNotFoundException", f"no session {name}")
        return self.sessions[name]

    def lets_pass(self, token: str) -> grpc.StatusCode | None:
        """What is wrong with a token, if anything."""
        for one in self.sessions.values():
            if token in one.tokens:
                if one.state in {"TERMINATED", "FAILED"}:
                    return grpc.StatusCode.UNAVAILABLE
                expired = dt.datetime.now(dt.UTC).timestamp() > one.tokens[token]
                return grpc.StatusCode.UNAUTHENTICATED if expired else None
        return grpc.StatusCode.UNAUTHENTICATED


class Refused(Exception):  # noqa: N818
    """An error of the service: its code and message."""


@contextmanager
def trusted_authority(folder: Path) -> Iterator[trustme.CA]:
    """Whom the client trusts. It reads its roots once a process, at the first TLS connection."""
    made = trustme.CA()
    made.cert_pem.write_to_path(folder / "roots.pem")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(folder / "roots.pem"))
        yield made


@contextmanager
def emr_service(connect: str, authority: trustme.CA, connect_token: str = "") -> Iterator[EmrService]:
    """The service in front of a Spark Connect server, with a certificate of the authority. AWS's variables lead to it."""
    service = EmrService(connect=connect, connect_token=connect_token)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            path = urlsplit(self.path).path.strip("/").split("/")[1:]
            try:
                status, answer = 200, service.answer(self.command, path, body)
            except Refused as error:
                code, message = error.args
                status, answer = (429 if "Quota" in code else 400), {"message": message}
                self._send(status, answer, code)
            else:
                self._send(status, answer)

        def _send(self, status: int, answer: dict[str, Any], error: str = "") -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.endpoint = f"http://127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    gateway = grpc.server(ThreadPoolExecutor(16), handlers=[_Gateway(service)])
    issued = authority.issue_cert("localhost")
    credentials = grpc.ssl_server_credentials(
        [(issued.private_key_pem.bytes(), b"".join(one.bytes() for one in issued.cert_chain_pems))]
    )
    service.gateway = f"localhost:{gateway.add_secure_port('localhost:0', credentials)}"
    gateway.start()
    variables = {
        "AWS_ENDPOINT_URL_EMR_SERVERLESS": service.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(emr_serverless, "LOOK_SECONDS", 0)
            yield service
    finally:
        gateway.stop(None)
        http.shutdown()
        http.server_close()


class _Gateway(grpc.GenericRpcHandler):
    """Passes calls on as the bytes that they are."""

    def __init__(self, service: EmrService) -> None:
        self._service = service
        self._channel = grpc.insecure_channel(service.connect)
        self._headers = [("authorization", f"Bearer {service.connect_token}")] if service.connect_token else []

    def service(self, handler_call_details: Any) -> Any:
        name = handler_call_details.method
        kind = name.rsplit("/", 1)[1]
        if kind in _STREAMED_ANSWERS:
            return grpc.unary_stream_rpc_method_handler(partial(self._stream, name, kind))
        if kind in _STREAMED_QUESTIONS:
            return grpc.stream_unary_rpc_method_handler(partial(self._answer, self._channel.stream_unary(name)))
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, self._channel.unary_unary(name)))

    def _answer(self, call: Any, request: Any, context: Any) -> bytes:
        self._check(context)
        with _passed_on(context):
            answer: bytes = call(request, metadata=self._headers)
        return answer

    def _stream(self, name: str, kind: str, request: bytes, context: Any) -> Iterator[bytes]:
        self._check(context)
        with _passed_on(context):
            for number, answer in enumerate(self._channel.unary_stream(name)(request, metadata=self._headers)):
                yield answer
                if number == 0 and self._service.cuts and kind == "ExecutePlan":
                    self._service.cuts -= 1
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is cut")

    def _check(self, context: Any) -> None:
        headers = dict(context.invocation_metadata())
        refused = self._service.lets_pass(headers.get(TOKEN_HEADER, ""))
        if refused is not None:
            context.abort(refused, "the gateway lets no call pass without the token of a session that is there")


@contextmanager
def _passed_on(context: Any) -> Iterator[None]:
    """Answers with the error that the server answered with."""
    try:
        yield
    except grpc.RpcError as error:
        failure: Any = error
        context.set_trailing_metadata(failure.trailing_metadata() or ())
        context.abort(failure.code(), failure.details())
