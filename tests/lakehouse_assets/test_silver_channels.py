"""The channel that an event came by, on words and hosts made by hand."""

from typing import TYPE_CHECKING

from lakehouse_assets.silver.channels import channel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = ("source", "medium", "referrer", "page")
Visit = tuple[str | None, ...]


def require(spark: "SparkSession", expected: dict[Visit, str]) -> None:
    """Each visit, which is source, medium, referrer's host and page's host, has its channel."""
    rows = spark.createDataFrame(list(expected), ", ".join(f"{name} string" for name in COLUMNS))
    made = rows.selectExpr(*COLUMNS, f"{channel(*COLUMNS)} as channel").toArrow().to_pylist()
    found = {tuple(row[name] for name in COLUMNS): row["channel"] for row in made}
    assert found == expected


def test_a_known_medium_decides_whatever_the_referrer_is(spark: "SparkSession") -> None:
    google = ("www.google.com", "shop.example")
    require(
        spark,
        {
            ("bing", "cpc", *google): "paid_search",
            (None, "PPC", *google): "paid_search",
            ("x", "Paid", *google): "paid_social",
            ("news", "EMail", *google): "email",
            ("facebook", "affiliate", *google): "affiliate",
            ("nobody", "Social", *google): "organic_social",
        },
    )


def test_paid_social_is_told_by_the_sites_name_with_or_without_its_domain(spark: "SparkSession") -> None:
    social = ["facebook", "Facebook.COM", "m.facebook.com", "twitter", "x", "x.com", "t.co", "T.CO", "youtube.co.uk"]
    search = [None, "", "google", "fedex.com", "notfacebook.com", "example.x", "t.co.uk", "a.t.co", "t", "facebook ads"]
    require(
        spark,
        {(source, "cpc", None, None): "paid_social" for source in social}
        | {(source, "cpc", None, None): "paid_search" for source in search},
    )


def test_any_other_medium_and_a_source_alone_count_as_none(spark: "SparkSession") -> None:
    shop = "shop.example"
    require(
        spark,
        {
            ("google", None, None, shop): "direct",
            ("google", "organic", None, shop): "direct",
            ("facebook", "cpc ", "news.example", shop): "referral",
            ("a", "e-mail", "duckduckgo.com", shop): "organic_search",
        },
    )


def test_a_referrer_is_told_by_a_label_of_its_host_but_the_last(spark: "SparkSession") -> None:
    engines = ["google.com", "www.google.co.uk", "bing.com", "duckduckgo.com", "de.search.yahoo.com", "baidu.com", "yandex.ru", "my.ecosia.org"]  # fmt: skip
    sites = ["m.facebook.com", "instagram.com", "twitter.com", "mobile.x.com", "www.linkedin.com", "pinterest.de", "tiktok.com", "youtube.com", "old.reddit.com", "t.co"]  # fmt: skip
    others = ["notgoogle.com", "google", "facebook", "example.google", "fedex.com", "t.co.uk", "a.t.co", "t.com", "googlexcom", "shop.example.org"]  # fmt: skip
    require(
        spark,
        {(None, None, host, "shop.example"): "organic_search" for host in engines}
        | {(None, None, host, "shop.example"): "organic_social" for host in sites}
        | {(None, None, host, "shop.example"): "referral" for host in others},
    )


def test_without_a_referrer_or_with_the_pages_own_host_it_is_direct(spark: "SparkSession") -> None:
    require(
        spark,
        {
            (None, None, None, "shop.example"): "direct",
            (None, None, None, None): "direct",
            (None, None, "shop.example", "shop.example"): "direct",
            (None, None, "www.shop.example", "shop.example"): "referral",
            (None, None, "shop.example", None): "referral",
            (None, None, "x.shop.example", "x.shop.example"): "direct",
        },
    )
