"""Alerts in the log, and channels by their addresses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from resources.alerts.file import FileChannel
from resources.alerts.log import LogChannel
from resources.alerts.registry import make_channel, normal_address
from resources.alerts.webhook import WebhookChannel
from tests.resources.alert_support import ALERT, SECRET

WEBHOOK = f"https://hooks.example.com/services/T0/B0/{SECRET}"


def test_an_alert_is_logged_by_its_severity_and_as_information_when_it_is_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cleared = replace(ALERT, state="cleared")
    with structlog.testing.capture_logs() as configured:
        for alert in (ALERT, replace(ALERT, severity="warning"), cleared):
            LogChannel().send(alert)
    output = capsys.readouterr()
    lines = [json.loads(line) for line in output.err.splitlines()]
    assert [line["level"] for line in lines] == ["error", "warning", "info"]
    assert lines[0] == {"event": "alert", "level": "error", **ALERT.as_record()}
    assert lines[2]["state"] == "cleared"
    assert (configured, output.out) == ([], "")


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("log", "log"),
        ("file:///var/alerts.jsonl", "/var/alerts.jsonl"),
        ("file:///var/my%20alerts.jsonl", "/var/my alerts.jsonl"),
        ("/var/alerts", "/var/alerts"),
        ("alerts.jsonl", "{here}/alerts.jsonl"),
        ("./alerts", "{here}/alerts"),
        ("~/alerts", "{home}/alerts"),
        (WEBHOOK, WEBHOOK),
        ("http://127.0.0.1:8080/hook", "http://127.0.0.1:8080/hook"),
        ("https://user:pass@host/hook", "https://user:pass@host/hook"),
    ],
)
def test_an_address_has_one_spelling(given: str, normal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = normal.format(here=tmp_path, home=tmp_path / "home")
    assert normal_address(given) == expected
    assert normal_address(expected) == expected


@pytest.mark.parametrize(
    "given",
    [
        "", "Log", "slack", "hooks.example.com/T0/B0", "file://alerts.jsonl", "file:alerts", "s3://bucket/alerts.jsonl",
        "htps://hooks.example.com/T0", "https://", "https:///T0", "https://host:99999/", "https://host:port/", "https://a host/",
        "https://[::1/T0", "https://host/\n", "https://host\\T0",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_what_would_be_one(given: str) -> None:
    with pytest.raises(ValueError, match=r"is 'log', a file .* or a webhook") as raised:
        normal_address(given)
    assert given in {"", "https://"} or given not in str(raised.value)
    assert raised.value.__cause__ is None


def test_each_address_has_its_channel() -> None:
    made = [make_channel(address) for address in ("log", "/var/alerts.jsonl", WEBHOOK)]
    assert [type(one) for one in made] == [LogChannel, FileChannel, WebhookChannel]
    assert [one.name for one in made] == ["the log", "/var/alerts.jsonl", "hooks.example.com"]
