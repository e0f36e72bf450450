"""Alerts as requests to a webhook, a JSON object each.

The address is a secret, since services put one into its path. Whatever libraries say holds the path, so nothing that
they raise or log gets out of here: errors name the host alone.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from resources.alerts.interface import Alert, AlertRefusedError, AlertUnavailableError

CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
ATTEMPTS = 3
LONGEST_PAUSE = 5.0
"""The most seconds between two attempts: who delivers alerts has others to deliver, and comes again."""
_BACKOFF = wait_exponential_jitter(multiplier=0.5, max=LONGEST_PAUSE, jitter=0.5)
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")


class _BusyError(AlertUnavailableError):
    """The receiver asked for a pause of so many seconds."""

    def __init__(self, message: str, pause: float) -> None:
        super().__init__(message)
        self.pause = pause


class WebhookChannel:
    """Posts each alert to an address, up to three times where that may help."""

    def __init__(
        self,
        address: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        """Opens nothing.

        Args:
            address: `https://` or `http://`, never shown.
            sleep: waits for so many seconds between attempts.
            timeout: the seconds that connecting, and waiting for the answer, may take in one attempt.
        """
        self._address = address
        self._timeout = timeout
        self._attempts = Retrying(
            sleep=sleep,
            stop=_no_longer_worth_it,
            wait=_pause,
            retry=retry_if_exception_type(AlertUnavailableError),
            reraise=True,
        )

    @property
    def name(self) -> str:
        return str(urlsplit(self._address).hostname)

    def send(self, alert: Alert) -> None:
        """Posts the alert, with the line `text` that chats show.

        Raises:
            AlertUnavailableError: no answer in time, or one that asks to come again (5xx, 429), at every attempt.
            AlertRefusedError: any other answer than success.
        """
        self._attempts(self._post, {"text": text_of(alert), **alert.as_record()})

    def _post(self, body: dict[str, str]) -> None:
        with _unlogged():
            try:
                # Of the answer the status is all that counts, and a redirected POST would arrive without its body.
                with requests.post(
                    self._address, json=body, timeout=self._timeout, allow_redirects=False, stream=True
                ) as answer:
                    status, pause = answer.status_code, answer.headers.get("Retry-After", "")
            except (requests.ConnectionError, requests.Timeout) as error:
                raise AlertUnavailableError(f"{self.name} did not answer ({type(error).__name__})") from None
            except (requests.RequestException, ValueError) as error:
                raise AlertRefusedError(
                    f"nothing can be sent to {self.name} ({type(error).__name__}): check LAKEHOUSE_ALERTS"
                ) from None
        self._judge(status, pause)

    def _judge(self, status: int, pause: str) -> None:
        answered = f"{self.name} answered {status}"
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status in _TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # A date, which the header may hold as well, is as good as none: the next attempts are soon over.
            raise _BusyError(answered, float(pause) if pause.isdecimal() else 0.0)
        raise AlertRefusedError(f"{answered}: check that LAKEHOUSE_ALERTS is the webhook's whole and current address")


def text_of(alert: Alert) -> str:
    """The alert as people read it in a chat."""
    if alert.state == "cleared":
        return f"cleared: {alert.summary}"
    return "\n".join(
        line for line in (f"{alert.severity}: {alert.summary}", alert.detail, f"What to do: {alert.runbook}") if line
    )


def _asked_pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.pause if isinstance(error, _BusyError) else 0.0


def _pause(state: RetryCallState) -> float:
    return max(_asked_pause(state), _BACKOFF(state))


def _no_longer_worth_it(state: RetryCallState) -> bool:
    return stop_after_attempt(ATTEMPTS)(state) or _asked_pause(state) > LONGEST_PAUSE


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keeps requests of this thread, whose log lines hold the path, out of the log."""
    thread = threading.get_ident()

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(of_others)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(of_others)
