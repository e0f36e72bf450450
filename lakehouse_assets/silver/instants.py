"""Times in text, read by Spark SQL."""

_ISO_8601 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6}0*)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?\\z"
)


def instant_of(text: str) -> str:
    """The time that an ISO 8601 text denotes, in UTC unless it names an offset; null where it denotes none, or is finer than microseconds.

    A cast by itself also reads a lone time of day, as today's.
    """
    bare = f"trim({text})"
    with_seconds = f"regexp_replace({bare}, '([T ][0-9]{{2}}:[0-9]{{2}})(Z|[+-].*)$', '$1:00$2')"
    return f"case when {bare} rlike '{_ISO_8601}' then try_cast({with_seconds} as timestamp) end"
