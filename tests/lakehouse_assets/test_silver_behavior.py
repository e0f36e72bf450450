"""silver/behavior on rows made by hand."""

import datetime as dt
import json
from collections.abc import Mapping

from asset_checks.rules import with_broken_rules
from contracts.model import Contract
from io_managers.change_application import conflicting_versions, decide
from lakehouse_assets.silver.behavior import behavior
from tests.support import MakeFrame, Row, collected

BRONZE, SILVER = "bronze/redshift_customer_behavior", "silver/behavior"


def event(key: str, **more: object) -> Row:
    """An event that meets every rule."""
    return {
        "event_id": key, "event_name": "page_view", "event_ts": "2026-03-10T23:59:59.999999", "loaded_at": "2026-03-11T00:10:00",
        "_window": "2026-03-11", **more,
    }  # fmt: skip


def test_a_page_is_taken_apart(rows_of: MakeFrame) -> None:
    page = "https://Shop.example:443/P/1?a=1&UTM_Source=News%20Letter&utm_medium=E+Mail&utm_campaign=&utm_medium=cpc#?utm_campaign=x"
    frame = behavior(rows_of(BRONZE, event("1", url_1=page), event("2")))
    columns = ("event_id", "url_1", "page_host", "page_path", "utm_source", "utm_medium", "utm_campaign", "event_date")
    day = dt.date(2026, 3, 10)
    assert collected(frame, *columns) == [
        ("1", page, "shop.example", "/P/1", "News Letter", "E Mail", None, day),
        ("2", None, None, None, None, None, None, day),
    ]


def test_the_channel_is_that_of_the_page_or_else_of_the_referrer(rows_of: MakeFrame) -> None:
    shop = "https://shop.example/"
    pages: dict[str, tuple[str | None, str | None]] = {
        "paid_search": (f"{shop}?utm_medium=%43PC&utm_source=google", "https://t.co/a"),
        "paid_social": (f"{shop}?utm_medium=cpc&utm_source=M.Facebook.com", None),
        "email": (f"{shop}?utm_medium=EMAIL", "https://www.google.com/"),
        "organic_search": (f"{shop}?utm_source=newsletter", "https://www.google.co.uk/search?q=facebook.com"),
        "organic_social": (f"{shop}#?utm_medium=cpc", "https://user@T.co:443/a"),
        "referral": (f"{shop}?next=utm_medium=cpc", "https://news.example/?from=google.com"),
        "direct": (f"{shop}?utm_medium=banner", "http://SHOP.example:8080/p"),
    }
    rows = [event(expected, url_1=page, url_2=referrer) for expected, (page, referrer) in pages.items()]
    assert collected(behavior(rows_of(BRONZE, *rows)), "event_id", "channel") == sorted((key, key) for key in pages)


def test_what_the_page_attached_becomes_a_map(rows_of: MakeFrame) -> None:
    attached = {"1": None, "2": "{}", "3": '{"product_id": "0042", "price": 1.0, "tags": ["a"]}'}
    rows = [event(key, metadata=text) for key, text in attached.items()]
    assert collected(behavior(rows_of(BRONZE, *rows)), "event_id", "metadata", "_raw") == [
        ("1", [], None),
        ("2", [], None),
        ("3", [("product_id", "0042"), ("price", "1.0"), ("tags", '["a"]')], None),
    ]


def test_what_is_no_json_object_is_quarantined_as_delivered(
    rows_of: MakeFrame, contracts: Mapping[str, Contract]
) -> None:
    broken = {"1": '{"product_id": "P', "2": "[]", "3": "", "4": "undefined", "5": '{"a": 1.5'}
    rows = [event(key, metadata=text, url_1="https://shop.example/?q") for key, text in broken.items()]
    audited = with_broken_rules(behavior(rows_of(BRONZE, *rows)), contracts[SILVER])
    found = collected(audited, "event_id", "_broken_rules", "_raw", "_ok")
    assert [(key, rules, ok) for key, rules, _, ok in found] == [(key, ["metadata_json"], False) for key in broken]
    for key, _, raw, _ in found:
        delivered = json.loads(raw)
        assert delivered["metadata"] == broken[key]
        assert delivered["url_1"] == "https://shop.example/?q"
        assert "page_host" not in delivered


def test_each_rule_is_broken_by_its_own_name(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    late = "2026-03-11T00:10:00.000001"
    broken = {
        "event_id_required": {"event_id": None},
        "event_name_required": {"event_name": None},
        "event_name_known": {"event_name": "Page_View"},
        "event_ts_required": {"event_ts": None},
        "loaded_at_required": {"loaded_at": None},
        "event_not_after_load": {"event_ts": late},
    }
    rows = [event(rule, session_id=rule, **changed) for rule, changed in broken.items() if "event_id" not in changed]
    rows.append({**event(""), "event_id": None, "session_id": "event_id_required"})
    audited = with_broken_rules(
        behavior(rows_of(BRONZE, *rows, event("fine", event_ts="2026-03-11T00:10:00"))), contracts[SILVER]
    )
    found = dict(collected(audited, "session_id", "_broken_rules"))
    assert found.pop(None) is None
    assert found.pop("event_ts_required") == ["event_ts_required", "event_date_required"]
    assert found == {rule: [rule] for rule in broken if rule != "event_ts_required"}


def test_every_delivered_event_is_a_change_of_its_window(rows_of: MakeFrame, contracts: Mapping[str, Contract]) -> None:
    row = event(" 0042", customer_id="NA", device=" Phone", geo="", session_id="s ", _source="x")
    frame = behavior(rows_of(BRONZE, row, row))
    assert (
        collected(frame, "event_id", "customer_id", "device", "geo", "session_id")
        == [(" 0042", "NA", " Phone", "", "s ")] * 2
    )
    names = [column.name for column in contracts[SILVER].columns]
    assert sorted(frame.columns) == sorted([*names, "_raw", "_window"])


def test_the_order_of_what_was_attached_makes_no_version_differ(
    rows_of: MakeFrame, contracts: Mapping[str, Contract]
) -> None:
    attached = {
        "same": ['{"a": 1, "b": {"c": 2}}', '{"b": {"c":2}, "a":1}'],
        "differs": ['{"a": 1}', '{"a": 2}'],
        "null differs": ['{"a": null}', "{}"],
    }
    rows = [event(key, metadata=text) for key, texts in attached.items() for text in texts]
    changes = behavior(rows_of(BRONZE, *rows)).drop("_raw")
    assert conflicting_versions(changes, None, contracts[SILVER]) == 2
    decided = decide(changes, None, contracts[SILVER])
    assert collected(decided, "event_id") == [("differs",), ("null differs",), ("same",)]
