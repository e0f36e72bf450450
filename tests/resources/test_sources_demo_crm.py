"""The generated CRM: companies, the people who buy for them, and sales on their way, as imperfect as people keep them."""

import datetime as dt
from collections import Counter, defaultdict
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from resources.sources.demo.rates import rates_on
from resources.sources.demo.vocabulary import INDUSTRIES, OPPORTUNITY_STAGES, STAGE_PROBABILITIES
from tests.demo_loads import CONTRACTS, START, day, load, load_once

ACCOUNTS, CONTACTS, OPPORTUNITIES = "bronze/crm_accounts", "bronze/crm_contacts", "bronze/crm_opportunities"
KEYS = {ACCOUNTS: "account_id", CONTACTS: "contact_id", OPPORTUNITIES: "opportunity_id"}
EVERY = pytest.mark.parametrize("table", KEYS)
DAYS = 90


@lru_cache(maxsize=4)
def rows_of(table: str, scale: float = 1) -> list[dict]:
    return load_once(table, 0, DAYS, scale).to_pylist()


@lru_cache(maxsize=4)
def histories(table: str, scale: float = 1) -> list[list[dict]]:
    """The readable versions of each entry, in order, repeats aside."""
    versions = defaultdict(dict)
    for row in rows_of(table, scale):
        if row["_unreadable"] is None and row[KEYS[table]] and row["system_modstamp"]:
            versions[row[KEYS[table]]][row["system_modstamp"]] = row
    return [[by_time[moment] for moment in sorted(by_time)] for by_time in versions.values()]


def changes(history: list[dict], column: str) -> int:
    return sum(former[column] != later[column] for former, later in pairwise(history))


def plain(email: str | None) -> str | None:
    return (email or "").strip().lower() or None


def latest(table: str, rows: pa.Table) -> dict[str, dict]:
    """The last readable version of each entry."""
    key, cursor = rows.schema.names[0], CONTRACTS[table].cursor
    readable = [row for row in rows.to_pylist() if row["_unreadable"] is None and row[key] and row[cursor]]
    return {row[key]: row for row in sorted(readable, key=lambda row: row[cursor])}


def current(table: str) -> list[dict]:
    """The last version of everything that is not deleted after the first window."""
    return [row for row in latest(table, load_once(table, 0, 0, 1)).values() if not row["is_deleted"]]


def test_scale_1_has_hundreds_of_accounts_and_dozens_of_rows_a_day():
    for table, first, least, most in (
        (ACCOUNTS, 500, 20, 50),
        (CONTACTS, 7_000, 150, 300),
        (OPPORTUNITIES, 1_200, 40, 110),
    ):
        rows = Counter(row["_window"] for row in rows_of(table))
        assert first < rows.pop(START) < 1.2 * first
        assert least <= min(rows.values())
        assert max(rows.values()) <= most


def test_ten_to_twenty_opportunities_are_opened_a_day():
    opened = Counter(history[0]["_window"] for history in histories(OPPORTUNITIES))
    del opened[START]
    assert len(opened) == DAYS
    assert min(opened.values()) >= 8
    assert max(opened.values()) <= 20


@EVERY
def test_entries_are_deleted_and_some_of_them_revived(table):
    flags = [[row["is_deleted"] for row in history] for history in histories(table, 10 if table == ACCOUNTS else 1)]
    assert sum(any(deleted) for deleted in flags) > 0.03 * len(flags)
    assert sum(any(deleted) and not deleted[-1] for deleted in flags) > 3
    assert sum(deleted[-1] for deleted in flags) > 3


@EVERY
def test_the_first_window_brings_everything_from_before_once(table):
    before = [row for row in rows_of(table) if row["system_modstamp"] and row["system_modstamp"].date() < START]
    keys = {row[KEYS[table]] for row in before}
    assert 0 < len(before) - len(keys) < 0.02 * len(before)


@EVERY
def test_the_first_window_brings_the_versions_that_an_earlier_lake_has_by_then(table):
    earlier = latest(table, load(CONTRACTS[table], -60, -1, start=day(-60)))
    written = {key: row for key, row in earlier.items() if row["system_modstamp"].date() >= day(-60)}
    first = load(CONTRACTS[table], 0, 0)
    standing = latest(
        table, first.filter(pc.less(first.column("system_modstamp"), pa.scalar(dt.datetime(2026, 3, 1, tzinfo=dt.UTC))))
    )
    both = written.keys() & standing.keys()
    assert len(both) > 0.5 * len(written)
    for key in both:
        assert {**written[key], "_window": START} == standing[key]


@EVERY
def test_about_one_row_in_a_hundred_is_delivered_twice(table):
    rows = [tuple(row.values()) for row in load_once(table, 0, DAYS, 1).drop_columns(["_unreadable"]).to_pylist()]
    assert 0.005 < (len(rows) - len(set(rows))) / len(rows) < 0.015


@EVERY
def test_about_three_rows_in_a_thousand_are_broken_in_every_way(table):
    rows = load_once(table, 0, 2, 20)
    without_key, unread = rows.column(KEYS[table]).is_null(), rows.column("_unreadable").is_valid()
    broken = rows.filter(pc.or_(without_key, unread)).to_pylist()
    ways = {"no key" if row[KEYS[table]] is None else tuple(row["_unreadable"]) for row in broken}
    unreadable = {
        ACCOUNTS: ("annual_revenue", "number_of_employees", "is_deleted"),
        CONTACTS: ("is_deleted",),
        OPPORTUNITIES: ("amount", "close_date", "probability", "is_deleted"),
    }
    assert ways == {"no key", *((name,) for name in (*unreadable[table], "system_modstamp"))}
    assert 0.002 < len(broken) / rows.num_rows < 0.005


@EVERY
def test_the_first_window_has_a_row_without_key_and_little_else_that_is_broken(table):
    rows = load_once(table, 0, 0, 1).to_pylist()
    assert any(row[KEYS[table]] is None for row in rows)
    assert sum(row[KEYS[table]] is None or row["system_modstamp"] is None for row in rows) < 0.01 * len(rows)


def test_industries_are_few_picked_late_missing_or_typed_with_blanks():
    typed = Counter(row["industry"] for row in rows_of(ACCOUNTS))
    assert {industry.strip() for industry in typed if industry} == set(INDUSTRIES)
    assert typed[None] > 0
    assert typed[""] > 0
    assert any(industry != industry.strip() for industry in typed if industry)
    picked = [history for history in histories(ACCOUNTS) if changes(history, "industry")]
    assert len(picked) > 3
    assert all(history[0]["industry"] is None and history[-1]["industry"] is not None for history in picked)


def test_accounts_grow_and_some_are_renamed_and_new():
    accounts = histories(ACCOUNTS)
    assert sum(changes(history, "number_of_employees") > 0 for history in accounts) > 50
    assert 0 < sum(changes(history, "name") for history in accounts) < 50
    assert sum(history[0]["system_modstamp"].date() > START for history in accounts) > 10
    countries = Counter(row["billing_country"] for row in rows_of(ACCOUNTS))
    assert {"DE", "Germany", None} <= set(countries)
    assert min(row["number_of_employees"] for row in rows_of(ACCOUNTS) if row["number_of_employees"]) > 0


def test_about_an_eighth_of_the_customers_have_a_contact_with_their_address():
    customers = [plain(row["email"]) for row in current("bronze/snowflake_customers")]
    contacts = {plain(row["email"]) for row in current(CONTACTS)}
    matched = sum(email in contacts for email in customers if email)
    assert 0.08 < matched / len(customers) < 0.12


def test_some_contacts_keep_an_address_that_their_customer_has_left_and_others_learn_of_it():
    customers = load_once("bronze/snowflake_customers", 0, DAYS, 0.3).select(
        ["customer_id", "email", "last_modified_ts"]
    )
    known, left = {}, {}
    for row in customers.sort_by("last_modified_ts").to_pylist():
        email = plain(row["email"])
        if row["customer_id"] and email != (former := known.get(row["customer_id"], email)):
            left[former] = row["last_modified_ts"]
        known[row["customer_id"]] = email
    keeping, learning = 0, 0
    for first, *_, last in (history for history in histories(CONTACTS, 0.3) if len(history) > 1):
        if moved := left.get(plain(first["email"])):
            keeping += first["email"] == last["email"] and last["system_modstamp"] > moved + dt.timedelta(days=1)
            learning += last["email"] != first["email"] and plain(last["email"]) in known.values()
    assert keeping > 20
    assert learning > 20


def test_contacts_share_addresses_lack_them_and_are_not_all_customers():
    contacts = current(CONTACTS)
    sharing = Counter(plain(row["email"]) for row in contacts if plain(row["email"]))
    shared = [email for email, number in sharing.items() if number > 1]
    assert 50 < len(shared) < 0.06 * len(sharing)
    accounts = defaultdict(set)
    for row in contacts:
        accounts[plain(row["email"])].add(row["account_id"])
    assert sum(len(accounts[email]) > 1 for email in shared) > 0.8 * len(shared)
    customers = {plain(row["email"]) for row in load_once("bronze/snowflake_customers", 0, 0, 1).to_pylist()}
    assert 0.2 < sum(email not in customers for email in sharing) / len(sharing) < 0.5
    typed = Counter(row["email"] for row in contacts)
    assert typed[None] > 0
    assert typed[""] > 0
    assert any(email != email.strip() for email in typed if email)
    assert any(email != email.lower() for email in typed if email)


def test_contacts_work_for_accounts_that_are_known_and_some_change_theirs():
    accounts = {row["account_id"] for row in rows_of(ACCOUNTS)}
    assert {row["account_id"] for row in rows_of(CONTACTS)} <= {*accounts, None}
    assert sum(changes(history, "account_id") > 0 for history in histories(CONTACTS)) > 100
    assert sum(history[-1]["account_id"] is None for history in histories(CONTACTS)) > 10


def test_opportunities_go_from_stage_to_stage_until_they_are_won_or_lost_within_weeks():
    ends, longest = Counter(), 0
    for history in histories(OPPORTUNITIES):
        if history[0]["system_modstamp"].date() <= START:
            continue
        stages = [OPPORTUNITY_STAGES.index(row["stage_name"]) for row in history if row["stage_name"]]
        assert stages == sorted(stages)
        longest = max(longest, (history[-1]["system_modstamp"] - history[0]["system_modstamp"]).days)
        if history[0]["system_modstamp"].date() < START.replace(month=3, day=7):
            ends[history[-1]["stage_name"], history[-1]["is_deleted"]] += 1
    assert 40 < longest < 83
    assert ends["Closed Won", False] > 15
    assert ends["Closed Lost", False] > 30
    assert all(stage.startswith("Closed") or is_deleted for stage, is_deleted in ends)


def test_opportunities_carry_their_stages_chance_and_close_when_they_are_closed():
    chances = dict(zip(OPPORTUNITY_STAGES, map(Decimal, STAGE_PROBABILITIES), strict=True))
    rows = [row for history in histories(OPPORTUNITIES) for row in history]
    for row in rows:
        if row["stage_name"]:
            assert row["probability"] in {chances[row["stage_name"]], None}
        if (row["stage_name"] or "").startswith("Closed"):
            assert row["close_date"] == row["system_modstamp"].date()
    assert {row["stage_name"] for row in rows} == {*OPPORTUNITY_STAGES, None}
    assert sum(row["probability"] is None for row in rows) > 5


def test_opportunities_are_quoted_in_currencies_of_which_one_has_no_rate():
    rows = [row for history in histories(OPPORTUNITIES) for row in history]
    currencies = {row["currency_iso_code"] for row in rows}
    assert currencies - {*rates_on(START)[1], *rates_on(START.replace(day=2))[1], "EUR", None} == {"AED"}
    unrated = sum(row["currency_iso_code"] == "AED" for row in rows)
    assert 0 < unrated < 0.03 * len(rows)
    assert 0 < sum(row["amount"] is None for row in rows) < 0.05 * len(rows)
    assert 0 < sum(row["account_id"] is None for row in rows) < 0.1 * len(rows)
    assert all(row["amount"] > 0 for row in rows if row["amount"] is not None)
    assert all(row["amount"] % 1 == 0 for row in rows if row["amount"] and row["currency_iso_code"] == "JPY")
    assert sum(changes(history, "amount") > 0 for history in histories(OPPORTUNITIES)) > 100


def test_opportunities_belong_to_accounts_that_are_known():
    accounts = {row["account_id"] for row in rows_of(ACCOUNTS)}
    assert {row["account_id"] for row in rows_of(OPPORTUNITIES)} <= {*accounts, None}
