"""Parts of URLs, against Python's own reading of them."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse_assets.silver import urls

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PIECES = [
    "//", "/", "shop.example", "user:secret@", ":8443", "?", "#", "&", "=", "utm_source", "UTM_Source", "utm_sources", "utm_medium",
    "a", "Ä", "İ", "%20", "%C3%A9", "%", "%zz", "+", "é", ".",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=10).map("".join)
URLS = st.tuples(st.sampled_from(["", "https:", "app+x:", "https://", "https://shop.example"]), TEXTS).map("".join)
QUERIES = st.lists(st.sampled_from([piece for piece in PIECES if piece != "#"]), max_size=12).map("".join)
SHOP = "https://shop.example"


def evaluated(spark: "SparkSession", values: list[str | None], *expressions: str) -> list[tuple[str | None, ...]]:
    """What each expression makes of each value, which has the name `url`."""
    rows = spark.createDataFrame(list(enumerate(values)), "number int, url string")
    made = rows.selectExpr("number", *(f"{text} as _{place}" for place, text in enumerate(expressions)))
    return [tuple(row[1:]) for row in sorted(tuple(row.values()) for row in made.toArrow().to_pylist())]


def one_each(spark: "SparkSession", expression: str, expected: dict[str | None, str | None]) -> None:
    values = list(expected)
    found = evaluated(spark, values, expression)
    assert dict(zip(values, (value for (value,) in found), strict=True)) == expected


def test_a_host_is_lower_case_and_bare(spark: "SparkSession") -> None:
    one_each(
        spark,
        urls.host("url"),
        {
            "https://Shop.EXAMPLE/p": "shop.example",
            "https://shop.example": "shop.example",
            "https://shop.example?a=/b": "shop.example",
            "https://shop.example#/b": "shop.example",
            "http://user:pass@shop.example:8443/p@q": "shop.example",
            "http://[2001:DB8::1]:8443/p": "[2001:db8::1]",
            "//cdn.example/x": "cdn.example",
            "android-app://com.google.android.gm/": "com.google.android.gm",
            "https://shop.example/r?to=https://other.example/": "shop.example",
        },
    )


def test_what_has_no_authority_has_no_host(spark: "SparkSession") -> None:
    without = [
        None, "", "/p", "/p?to=https://other.example", "?q", "shop.example/p", "a//b", "about:blank", "mailto:a@b.example",
        "https:///p", "https:/p", "#https://other.example", "not an address",
    ]  # fmt: skip
    one_each(spark, urls.host("url"), dict.fromkeys(without))


def test_a_path_is_as_written(spark: "SparkSession") -> None:
    one_each(
        spark,
        urls.path("url"),
        {
            None: None,
            "": "",
            SHOP: "",
            f"{SHOP}?a=/b": "",
            f"{SHOP}/": "/",
            f"{SHOP}/A%20b/Ä//c/?q#f": "/A%20b/Ä//c/",
            f"{SHOP}/p#a?b": "/p",
            "/p/1?q": "/p/1",
            "p/1": "p/1",
            "about:blank": "blank",
        },
    )


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(URLS, min_size=30, max_size=60))
def test_urls_are_cut_as_python_cuts_them(spark: "SparkSession", generated: list[str]) -> None:
    found = evaluated(spark, list(generated), urls.host("url"), urls.path("url"), urls.query("url"))
    for url, parts in zip(generated, found, strict=True):
        split = urlsplit(url)
        assert parts == ((split.hostname or "").lower() or None, split.path, split.query), url


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(QUERIES, min_size=30, max_size=60))
def test_a_parameter_is_the_first_of_its_name(spark: "SparkSession", generated: list[str]) -> None:
    texts = [f"?{query}" for query in generated]
    found = evaluated(spark, list(texts), urls.parameter(urls.query("url"), "utm_source"))
    for url, (value,) in zip(texts, found, strict=True):
        # Percent signs and plus signs stay what they are.
        kept = urlsplit(url).query.replace("%", "%25").replace("+", "%2B")
        given_values = [text for name, text in parse_qsl(kept, keep_blank_values=True) if name.lower() == "utm_source"]
        assert value == ((given_values or [""])[0] or None), url


def test_a_parameter_without_a_value_is_none(spark: "SparkSession") -> None:
    queries = ["utm_source", "utm_source=", "utm_source&utm_source=a", "utm_source=&utm_source=a", "xutm_source=a", "utm_sources=a", "a=utm_source", ""]  # fmt: skip
    one_each(spark, urls.parameter("url", "utm_source"), dict.fromkeys([*queries, None]))


def test_a_value_is_decoded(spark: "SparkSession") -> None:
    one_each(
        spark,
        urls.decoded("url"),
        {
            None: None,
            "": "",
            "Spring": "Spring",
            "spring+sale%202026": "spring sale 2026",
            "a%2Bb": "a+b",
            "%C3%A9t%c3%a9": "été",
            "é%41": "éA",
            "100%25": "100%",
        },
    )


def test_malformed_sequences_stay(spark: "SparkSession") -> None:
    one_each(
        spark,
        urls.decoded("url"),
        {
            "100%": "100%",
            "%zz+%41": "%zz A",
            "%4": "%4",
            "%%41": "%A",
            "%+1": "% 1",
            "a+%ff": "a %ff",
            "%E2%82": "%E2%82",
        },
    )


@pytest.mark.parametrize("name", ["utm_source", "utm_medium"])
def test_names_count_in_any_case(spark: "SparkSession", name: str) -> None:
    one_each(spark, urls.parameter("url", name), {f"a=1&{name.upper()}=B": "B", f"{name.title()}=B&{name}=c": "B"})
