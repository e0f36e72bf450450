"""A token that goes with each call of a channel, and is renewed before it expires."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import grpc


class _Details(grpc.ClientCallDetails):
    """A call's details with other metadata."""

    def __init__(self, call: Any, metadata: tuple[tuple[str, str], ...]) -> None:
        self.method = call.method
        self.timeout = call.timeout
        self.metadata = metadata
        self.credentials = call.credentials
        self.wait_for_ready = call.wait_for_ready
        self.compression = call.compression


class CallToken(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
):
    """Adds a header to every call.

    Args:
        header: its name.
        renew: gives a token, and when it expires.
        margin: how long before that another one is asked for.
    """

    def __init__(self, header: str, renew: Callable[[], tuple[str, dt.datetime]], margin: dt.timedelta) -> None:
        self._header = header
        self._renew = renew
        self._margin = margin
        self._token = ""
        self._expires = dt.datetime.fromtimestamp(0, dt.UTC)
        self._lock = threading.Lock()

    def _with_token(self, call: Any) -> _Details:
        with self._lock:
            if dt.datetime.now(dt.UTC) > self._expires - self._margin:
                self._token, self._expires = self._renew()
            return _Details(call, (*(call.metadata or ()), (self._header, self._token)))

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_token(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_token(client_call_details), request)

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return continuation(self._with_token(client_call_details), request_iterator)
