"""What the data model says an event's addresses mean, in plain Python: host, path, utm parameters, channel."""

from urllib.parse import parse_qsl, urlsplit

PAID = {"cpc", "ppc", "paid"}
SEARCH_ENGINES = {"google", "bing", "duckduckgo", "yahoo", "baidu", "yandex", "ecosia"}
SOCIAL_SITES = {"facebook", "instagram", "twitter", "x", "linkedin", "pinterest", "tiktok", "youtube", "reddit"}
SHORTENER = "t.co"
"""A social site by its whole host, unlike the others."""


def host(url: str | None) -> str | None:
    """In lower case and without port; none where the address has none."""
    return urlsplit(url or "").hostname or None


def path(url: str | None) -> str | None:
    return None if url is None else urlsplit(url).path


def utm(url: str | None, name: str) -> str | None:
    """A parameter of the query, decoded; the first if it is there several times, none where it is empty."""
    for given, value in parse_qsl(urlsplit(url or "").query, keep_blank_values=True):
        if given.lower() == name:
            return value or None
    return None


def channel(page: str | None, referrer: str | None) -> str:
    return channel_of_utm(page) or channel_of_referrer(host(page), host(referrer))


def channel_of_utm(page: str | None) -> str | None:
    medium = (utm(page, "utm_medium") or "").lower()
    if medium in PAID:
        return "paid_social" if names_social_site((utm(page, "utm_source") or "").lower()) else "paid_search"
    if medium in {"email", "affiliate"}:
        return medium
    return "organic_social" if medium == "social" else None


def channel_of_referrer(own: str | None, referrer: str | None) -> str:
    if referrer is None or referrer == own:
        return "direct"
    if belongs_to(referrer, SEARCH_ENGINES):
        return "organic_search"
    if belongs_to(referrer, SOCIAL_SITES) or referrer == SHORTENER:
        return "organic_social"
    return "referral"


def names_social_site(source: str) -> bool:
    return source in SOCIAL_SITES or source == SHORTENER or belongs_to(source, SOCIAL_SITES)


def belongs_to(name: str, sites: set[str]) -> bool:
    """Whether one of a host's labels but the last is a site's name."""
    return any(label in sites for label in name.split(".")[:-1])
