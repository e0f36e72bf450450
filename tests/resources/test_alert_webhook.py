"""Alerts sent to a webhook on this machine that fails on demand."""

import logging
import socket
import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from contracts.errors import PermanentError, RetryableError
from resources.alerts.interface import AlertRefusedError, AlertUnavailableError
from resources.alerts.webhook import ATTEMPTS, LONGEST_PAUSE, WebhookChannel, text_of
from tests.resources.alert_support import ALERT, SECRET, Answer, Receiver, cut, receiving, slow, status

SHORT = (1.0, 0.2)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def channel(receiver: Receiver, pauses: list[float]) -> WebhookChannel:
    """A channel that notes its pauses instead of waiting."""
    return WebhookChannel(receiver.address, sleep=pauses.append, timeout=SHORT)


def test_an_alert_arrives_once_as_json_with_a_text(
    receiver: Receiver, channel: WebhookChannel, pauses: list[float]
) -> None:
    channel.send(ALERT)
    assert receiver.bodies == [{"text": text_of(ALERT), **ALERT.as_record()}]
    assert receiver.paths == [f"/services/T0/B0/{SECRET}"]
    assert pauses == []


def test_the_text_says_what_is_wrong_and_what_to_do_or_that_it_is_over() -> None:
    assert text_of(ALERT).splitlines() == [
        "error: gold/fct_orders is late",
        "no day is complete, and 2026-10-02 is due",
        "What to do: docs/operating.md#a-check-is-red",
    ]
    assert text_of(replace(ALERT, state="cleared")) == "cleared: gold/fct_orders is late"


@pytest.mark.parametrize("answer", [status(500), status(503), status(429), status(408), cut, slow])
def test_what_may_pass_is_tried_again(
    receiver: Receiver, channel: WebhookChannel, pauses: list[float], answer: Answer
) -> None:
    receiver.answers = [answer, answer]
    channel.send(ALERT)
    assert receiver.bodies == [receiver.bodies[0]] * 3
    assert len(pauses) == 2


@pytest.mark.parametrize("answer", [status(500), status(429), cut, slow])
def test_what_does_not_pass_is_given_up_and_may_be_sent_later(
    receiver: Receiver, channel: WebhookChannel, answer: Answer
) -> None:
    receiver.answers = [answer] * 10
    with pytest.raises(AlertUnavailableError) as raised:
        channel.send(ALERT)
    assert isinstance(raised.value, RetryableError)
    assert len(receiver.bodies) == ATTEMPTS


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 301, 302])
def test_what_is_refused_is_not_tried_again(
    receiver: Receiver, channel: WebhookChannel, pauses: list[float], code: int
) -> None:
    receiver.answers = [status(code, Location="http://127.0.0.1:1/")]
    with pytest.raises(AlertRefusedError, match=f"127.0.0.1 answered {code}: check that LAKEHOUSE_ALERTS") as raised:
        channel.send(ALERT)
    assert isinstance(raised.value, PermanentError)
    assert (len(receiver.bodies), pauses) == (1, [])


def test_pauses_grow_and_differ(receiver: Receiver) -> None:
    taken = []
    for _ in range(5):
        pauses: list[float] = []
        receiver.answers = [status(500)] * ATTEMPTS
        with pytest.raises(AlertUnavailableError):
            WebhookChannel(receiver.address, sleep=pauses.append).send(ALERT)
        assert 0.5 <= pauses[0] < 1 <= pauses[1] < 1.5
        taken.append(tuple(pauses))
    assert len(set(taken)) == 5


def test_a_pause_that_the_receiver_asks_for_is_kept(
    receiver: Receiver, channel: WebhookChannel, pauses: list[float]
) -> None:
    receiver.answers = [status(429, Retry_After="4"), status(503, Retry_After="3")]
    channel.send(ALERT)
    assert pauses == [4, 3]


def test_a_long_pause_is_left_to_the_next_time(
    receiver: Receiver, channel: WebhookChannel, pauses: list[float]
) -> None:
    receiver.answers = [status(429, Retry_After=str(int(LONGEST_PAUSE) + 1))] * ATTEMPTS
    with pytest.raises(AlertUnavailableError, match=r"127\.0\.0\.1 answered 429"):
        channel.send(ALERT)
    assert (len(receiver.bodies), pauses) == (1, [])


def test_a_pause_that_is_no_number_is_none(receiver: Receiver, channel: WebhookChannel, pauses: list[float]) -> None:
    receiver.answers = [status(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT")]
    channel.send(ALERT)
    assert pauses[0] < 1


def test_nobody_there_may_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    channel = WebhookChannel(f"http://127.0.0.1:{port}/{SECRET}", sleep=lambda _: None)
    with pytest.raises(AlertUnavailableError, match=r"127\.0\.0\.1 did not answer \(ConnectionError\)") as raised:
        channel.send(ALERT)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("answers", [[], [status(500)] * ATTEMPTS, [cut] * ATTEMPTS, [slow] * ATTEMPTS, [status(404)]])
def test_the_address_is_neither_logged_nor_told(
    receiver: Receiver, channel: WebhookChannel, caplog: pytest.LogCaptureFixture, answers: list[Answer]
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answers = answers
    told = ""
    try:
        channel.send(ALERT)
    except (AlertRefusedError, AlertUnavailableError) as error:
        told = "".join(traceback.format_exception(error))
    assert SECRET not in caplog.text + told + channel.name
    assert channel.name == "127.0.0.1"


@pytest.mark.parametrize("host", ["*.host", "a..b", "a" * 64, f"user:{SECRET}€@127.0.0.1:1"])
def test_an_address_that_no_request_can_have_is_told_without_it(host: str, pauses: list[float]) -> None:
    channel = WebhookChannel(f"http://{host}/{SECRET}", sleep=pauses.append)
    with pytest.raises(AlertRefusedError, match="check LAKEHOUSE_ALERTS") as raised:
        channel.send(ALERT)
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert pauses == []


def test_what_others_request_meanwhile_is_logged(
    receiver: Receiver, channel: WebhookChannel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    other = receiver.address.replace(SECRET, "of-another")

    def ask_in_between(_: Receiver, request: object) -> None:
        thread = threading.Thread(target=requests.post, args=(other,), kwargs={"json": {}, "timeout": 5})
        thread.start()
        thread.join()
        status(200)(receiver, request)  # type: ignore[arg-type]

    receiver.answers = [ask_in_between]
    channel.send(ALERT)
    requests.post(other, json={}, timeout=5)
    assert caplog.text.count("of-another") == 2
    assert SECRET not in caplog.text
    assert Path(receiver.paths[0]).name == SECRET
