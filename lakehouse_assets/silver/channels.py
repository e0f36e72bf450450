"""The channel that an event came by, as Spark SQL text."""

_PAID_MEDIA = ("cpc", "ppc", "paid")
_SEARCH_ENGINES = ("google", "bing", "duckduckgo", "yahoo", "baidu", "yandex", "ecosia")
_SOCIAL_SITES = ("facebook", "instagram", "twitter", "x", "linkedin", "pinterest", "tiktok", "youtube", "reddit")
_SOCIAL_HOST = "t.co"


def channel(utm_source: str, utm_medium: str, referrer_host: str, page_host: str) -> str:
    """The event's own channel.

    Args:
        utm_source: of the page's query, decoded.
        utm_medium: of the page's query, decoded. One that is not known counts as none, and so does a source without medium.
        referrer_host: in lower case, null without referrer. The page's own is none, also where it is named like a site.
        page_host: in lower case.
    """
    medium, source = f"lower({utm_medium})", f"lower({utm_source})"
    paid_social = f"{source} in ({_texts(_SOCIAL_SITES)}) or {_is_social(source)}"
    return f"""
        case
            when {medium} in ({_texts(_PAID_MEDIA)}) then case when {paid_social} then 'paid_social' else 'paid_search' end
            when {medium} in ('email', 'affiliate') then {medium}
            when {medium} = 'social' then 'organic_social'
            when {referrer_host} is null or {referrer_host} = {page_host} then 'direct'
            when {_is_of(referrer_host, _SEARCH_ENGINES)} then 'organic_search'
            when {_is_social(referrer_host)} then 'organic_social'
            else 'referral'
        end
    """


def _is_social(host: str) -> str:
    return f"({host} = '{_SOCIAL_HOST}' or {_is_of(host, _SOCIAL_SITES)})"


def _is_of(host: str, names: tuple[str, ...]) -> str:
    """Whether one of a host's labels but the last is one of the names."""
    return f"{host} rlike '(^|[.])({'|'.join(names)})[.]'"


def _texts(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)
