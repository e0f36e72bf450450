"""Channels by the addresses that the setting takes."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from resources.alerts.interface import Channel

LOG = "log"
_WEBHOOKS = ("https://", "http://")
_FILE = "file://"
_HOST = re.compile(r"[\w.:%-]+")
"""What may be shown as the host: all that some parsers take for it may reach into the path."""
_WAYS = (
    "is 'log', a file (file:///path/to/alerts.jsonl, /path/to/alerts.jsonl or alerts.jsonl), or a webhook "
    "(https://host/path); what was given is not shown, since it may hold a secret"
)


def normal_address(address: str) -> str:
    """The one spelling of where alerts go: `log`, a webhook's address, or the absolute path of a file.

    Raises:
        ValueError: it is none of these. The message doesn't repeat it.
    """
    if address == LOG:
        return address
    if address.startswith(_WEBHOOKS):
        _require_host(address)
        return address
    path = unquote(address.removeprefix(_FILE)) if address.startswith(_FILE) else address
    relative_file_address = path != address and not path.startswith("/")
    if "://" in path or relative_file_address or not _looks_like_a_path(path):
        raise ValueError(_WAYS)
    return str(Path(path).expanduser().absolute())


def make_channel(address: str) -> Channel:
    """The channel of an address in its normal spelling; it opens nothing before it is sent an alert."""
    if address == LOG:
        from resources.alerts.log import LogChannel

        return LogChannel()
    if address.startswith(_WEBHOOKS):
        from resources.alerts.webhook import WebhookChannel

        return WebhookChannel(address)
    from resources.alerts.file import FileChannel

    return FileChannel(Path(address))


def _looks_like_a_path(path: str) -> bool:
    """A word alone is rather a misspelt `log`, and `hooks.example.com/T0/B0` a webhook that lacks its https://."""
    return path.startswith(("/", "./", "../", "~")) or path.endswith(".jsonl")


def _require_host(address: str) -> None:
    try:
        parts = urlsplit(address)
        host = _HOST.fullmatch(parts.hostname or "")
        valid = bool(host) and parts.port != 0 and address.isprintable() and " " not in address
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(f"names no host that a webhook could be at: it {_WAYS}")
