"""gold/marketing_attribution on rows made by hand, and against a plain model of its definition."""

import datetime as dt
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asset_checks.rules import with_broken_rules
from lakehouse_assets.gold.marketing_attribution import marketing_attribution
from tests.support import MakeFrame, Row, collected

DAY = dt.date(2026, 3, 10)
ORDER = {"order_id": "o1", "customer_id": "c1", "order_date": "2026-03-10", "amount_eur": "10.00", "is_net": True}
COLUMNS = ("order_id", "model", "channel", "activity_date", "credit", "net_eur")
MODELS = ("first_touch", "last_touch", "linear")


def event(number: object, ts: str, session: str | None, channel: str, customer: str | None = "c1") -> dict:
    return {
        "event_id": f"e{number}", "customer_id": customer, "event_name": "page_view", "event_ts": ts,
        "event_date": ts[:10], "session_id": session, "channel": channel,
    }  # fmt: skip


def order(name: str, customer: str, **columns: object) -> dict:
    return ORDER | {"order_id": name, "customer_id": customer} | columns


def sessions_of(customer: str, *channels: str) -> list[Row]:
    """A session a channel for a customer, an hour apart, on the order's day."""
    return [
        event(f"{customer}{hour}", f"2026-03-10T{hour:02}:00:00", f"{customer}-s{hour}", channel, customer)
        for hour, channel in enumerate(channels)
    ]


@pytest.fixture
def attributed(rows_of: MakeFrame):
    def build(orders=(ORDER,), events=()):
        return marketing_attribution(rows_of("gold/fct_orders", *orders), rows_of("silver/behavior", *events))

    return build


@pytest.fixture
def touches(attributed):
    """For each order, by its name: the channel of its first and its last touch, and its linear sessions by channel and credit."""

    def build(orders, events):
        found: dict[str, dict] = {}
        for name, model, channel, credit in collected(
            attributed(orders, events), "order_id", "model", "channel", "credit"
        ):
            shares = found.setdefault(name, {model: {} for model in MODELS})
            shares[model][channel] = credit
        assert all(
            list(shares[model].values()) == [1.0]
            for shares in found.values()
            for model in ("first_touch", "last_touch")
        )
        return {
            name: (*shares["first_touch"], *shares["last_touch"], shares["linear"]) for name, shares in found.items()
        }

    return build


def test_the_models_credit_the_first_the_last_and_all_sessions(attributed, contracts) -> None:
    events = [
        event(1, "2026-03-04T08:00:00", "s1", "email"),
        event(2, "2026-03-07T08:00:00", "s2", "referral"),
        event(3, "2026-03-09T08:00:00", "s3", "email"),
        event(4, "2026-03-10T08:00:00", "s4", "direct"),
    ]
    frame = attributed(events=events)
    assert collected(frame, *COLUMNS) == [
        ("o1", "first_touch", "email", DAY, 1.0, Decimal("10.00")),
        ("o1", "last_touch", "direct", DAY, 1.0, Decimal("10.00")),
        ("o1", "linear", "direct", DAY, 0.25, Decimal("2.50")),
        ("o1", "linear", "email", DAY, 0.5, Decimal("5.00")),
        ("o1", "linear", "referral", DAY, 0.25, Decimal("2.50")),
    ]
    contract = contracts["gold/marketing_attribution"]
    assert {field.name: field.dataType.simpleString() for field in frame.schema.fields} == {
        column.name: column.type for column in contract.columns
    }
    judged = with_broken_rules(frame, contract)
    assert judged.where("_broken_rules is not null").count() == 0


def test_orders_without_a_session_are_direct(attributed) -> None:
    """An event without session_id is no session, another customer's and an anonymous one are not the customer's."""
    events = [
        event(1, "2026-03-10T08:00:00", None, "email"),
        event(2, "2026-03-10T08:00:00", "s1", "email", "c2"),
        event(3, "2026-03-10T08:00:00", "s2", "email", None),
    ]
    direct = [("o1", model, "direct", DAY, 1.0, Decimal("10.00")) for model in MODELS]
    assert collected(attributed(events=events), *COLUMNS) == direct
    assert collected(attributed(), *COLUMNS) == direct


def test_sessions_count_that_start_within_seven_days_by_whole_days(touches) -> None:
    """Also those after the order, on its day. A session that goes on since the day before the window gives no credit."""
    starts = {
        "too_early": "2026-03-03T23:59:59.999999",
        "first": "2026-03-04T00:00:00",
        "last": "2026-03-10T23:59:59.999999",
        "too_late": "2026-03-11T00:00:00",
    }
    events = [event(name, ts, f"s-{name}", "email", name) for name, ts in starts.items()]
    events += [event("on", "2026-03-03T23:59:59.999999", "s-on", "email", "goes_on")]
    events += [event(f"on{day}", f"2026-03-{day:02}T08:00:00", "s-on", "referral", "goes_on") for day in (4, 8, 10)]
    found = touches([order(name, name) for name in (*starts, "goes_on")], events)
    assert {name: linear for name, (_, _, linear) in found.items()} == {
        "too_early": {"direct": 1.0},
        "first": {"email": 1.0},
        "last": {"email": 1.0},
        "too_late": {"direct": 1.0},
        "goes_on": {"direct": 1.0},
    }


def test_a_session_is_judged_by_the_events_of_eight_days_alone(touches) -> None:
    """A session that began earlier still, and paused on the eighth day, starts again for the order."""
    events = [
        event(1, "2026-03-02T08:00:00", "s1", "email"),
        event(2, "2026-03-04T08:00:00", "s1", "referral"),
        # As of the order's day nobody was logged in yet.
        event(3, "2026-03-10T08:00:00", "s2", "affiliate", None),
        event(4, "2026-03-11T08:00:00", "s2", "affiliate", "c1"),
    ]
    orders = [ORDER, order("o2", "c1", order_date="2026-03-11"), order("o0", "c1", order_date="2026-03-09")]
    assert touches(orders, events) == {
        "o0": ("direct", "direct", {"direct": 1.0}),
        "o1": ("referral", "referral", {"referral": 1.0}),
        "o2": ("affiliate", "affiliate", {"affiliate": 1.0}),
    }


def test_a_session_across_midnight_starts_once(touches) -> None:
    events = [
        event(1, "2026-03-09T23:59:59.999999", "s1", "email"),
        event(2, "2026-03-10T00:00:00", "s1", "referral"),
        event(3, "2026-03-10T00:00:00", "s2", "direct"),
    ]
    orders = [order("o9", "c1", order_date="2026-03-09"), ORDER]
    assert touches(orders, events) == {
        "o9": ("email", "email", {"email": 1.0}),
        "o1": ("email", "direct", {"email": 0.5, "direct": 0.5}),
    }


def test_a_session_has_the_channel_of_its_first_event_whoever_s_it_is_and_counts_for_each_customer(touches) -> None:
    """Times first, then event_id as text, whether the customer is known by then or not."""
    events = [
        event("10", "2026-03-10T08:00:00", "s1", "paid_search", None),
        event("9", "2026-03-10T08:00:00", "s1", "email", "c1"),
        event("1", "2026-03-10T08:01:00", "s1", "direct", "c2"),
    ]
    assert touches([ORDER, order("o2", "c2")], events) == {
        name: ("paid_search", "paid_search", {"paid_search": 1.0}) for name in ("o1", "o2")
    }


def test_sessions_that_start_at_once_are_ordered_by_session_id_as_text(touches) -> None:
    """Neither by channel nor by event_id; of two that begin alike the shorter comes first."""
    events = [
        event("a", "2026-03-10T08:00:00", "s10", "affiliate"),
        event("b", "2026-03-10T08:00:00", "s1", "referral"),
        event("c", "2026-03-10T08:00:00", "s9", "direct"),
    ]
    assert touches([ORDER], events)["o1"][:2] == ("referral", "direct")


def test_odd_cents_go_to_the_largest_remainder_and_then_by_name(attributed) -> None:
    cases = {
        # Three alike: two odd cents, by name.
        "alike": ("0.02", ["referral", "email", "direct"], {"direct": "0.01", "email": "0.01", "referral": "0.00"}),
        "third": ("10.00", ["referral", "email", "direct"], {"direct": "3.34", "email": "3.33", "referral": "3.33"}),
        # 0.01 in thirds: two of them are the larger remainder, though direct comes first by name.
        "larger": ("0.01", ["direct", "email", "email"], {"direct": "0.00", "email": "0.01"}),
        # 1.00 in sevenths, 14.28: remainders 4/7 (one session: 14 + 2/7), (two: 28 + 4/7), (four: 57 + 1/7).
        "sevenths": (
            "1.00", ["direct", "email", "email", *["referral"] * 4],
            {"direct": "0.14", "email": "0.29", "referral": "0.57"},
        ),
        "nothing": ("0.00", ["direct", "email"], {"direct": "0.00", "email": "0.00"}),
        "largest": (
            "9999999999999999.99", ["direct", "email", "email"],
            {"direct": "3333333333333333.33", "email": "6666666666666666.66"},
        ),
        "largest_odd": (
            "9999999999999999.98", ["direct", "email", "email"],
            {"direct": "3333333333333333.33", "email": "6666666666666666.65"},
        ),
    }  # fmt: skip
    orders = [order(name, name, amount_eur=amount) for name, (amount, _, _) in cases.items()]
    events = [one for name, (_, channels, _) in cases.items() for one in sessions_of(name, *channels)]
    found: dict[str, dict[str, Decimal]] = {}
    frame = attributed(orders, events)
    for name, channel, net in collected(frame.where("model = 'linear'"), "order_id", "channel", "net_eur"):
        found.setdefault(name, {})[channel] = net
    assert found == {
        name: {channel: Decimal(net) for channel, net in shares.items()} for name, (_, _, shares) in cases.items()
    }
    for amount, shares in ((Decimal(cases[name][0]), shares) for name, shares in found.items()):
        assert sum(shares.values()) == amount


def test_orders_that_are_not_net_keep_their_credit_and_have_no_euros(attributed) -> None:
    frame = attributed([ORDER | {"is_net": False}], sessions_of("c1", "email", "direct"))
    assert collected(frame, *COLUMNS) == [
        ("o1", "first_touch", "email", DAY, 1.0, Decimal("0.00")),
        ("o1", "last_touch", "direct", DAY, 1.0, Decimal("0.00")),
        ("o1", "linear", "direct", DAY, 0.5, Decimal("0.00")),
        ("o1", "linear", "email", DAY, 0.5, Decimal("0.00")),
    ]


def test_each_order_of_a_customer_is_attributed_and_none_gives_nothing(attributed) -> None:
    frame = attributed([ORDER, order("o2", "c1", amount_eur="3.00")], sessions_of("c1", "email", "email"))
    assert collected(frame, "order_id", "model", "channel", "net_eur") == [
        (name, model, "email", Decimal(net)) for name, net in (("o1", "10.00"), ("o2", "3.00")) for model in MODELS
    ]
    assert collected(attributed([], sessions_of("c1", "email")), *COLUMNS) == []


FIRST = dt.date(2028, 2, 20)
"""So that the days of the orders, the eighth on, are around leap day."""
CUSTOMERS = ("c1", "c2")
TIMES = ("00:00:00", "12:00:00", "23:59:59.999999")


def expected(orders: list[Row], events: list[Row]) -> list[tuple]:
    """The definition in plain Python: order by order, session by session."""
    rows = []
    for one in orders:
        day = dt.date.fromisoformat(one["order_date"])
        known = [(day - dt.timedelta(days=back)).isoformat() for back in range(8)]
        sessions: dict[str, list[Row]] = {}
        for seen in events:
            if seen["event_date"] in known and seen["session_id"] is not None:
                sessions.setdefault(seen["session_id"], []).append(seen)
        path = []
        for session, seen_in_session in sessions.items():
            first = min(seen_in_session, key=lambda seen: (seen["event_ts"], seen["event_id"]))
            customers = {seen["customer_id"] for seen in seen_in_session}
            if first["event_date"] in known[:7] and one["customer_id"] in customers:
                path.append((first["event_ts"], session, first["channel"]))
        channels = [channel for _, _, channel in sorted(path)] or ["direct"]
        linear = {channel: Fraction(count, len(channels)) for channel, count in Counter(channels).items()}
        cents = int(Decimal(one["amount_eur"]) * 100) if one["is_net"] else 0
        for model, shares in zip(MODELS, ({channels[0]: 1}, {channels[-1]: 1}, linear), strict=True):
            whole = {channel: int(cents * share // 1) for channel, share in shares.items()}
            remainder = {channel: cents * share % 1 for channel, share in shares.items()}
            by_remainder = sorted(shares, key=lambda channel: (-remainder[channel], channel))
            for channel in by_remainder[: cents - sum(whole.values())]:
                whole[channel] += 1
            rows += [
                (one["order_id"], model, channel, day, float(share), Decimal(whole[channel]) / 100)
                for channel, share in shares.items()
            ]
    return sorted(rows, key=repr)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Orders of four days, and events from seven days before the first of them on, few things of each kind so that they meet."""
    days = [(FIRST + dt.timedelta(days=number)).isoformat() for number in range(11)]
    seen = st.tuples(
        st.sampled_from(days), st.sampled_from(TIMES), st.sampled_from(["s1", "s2", "s3", "s4", "s5", None]),
        st.sampled_from(["direct", "email", "referral"]), st.sampled_from([*CUSTOMERS, None]),
    )  # fmt: skip
    events = [
        event(number, f"{day}T{time}", session, channel, customer)
        for number, (day, time, session, channel, customer) in enumerate(draw(st.lists(seen, min_size=5, max_size=30)))
    ]
    placed = st.tuples(
        st.sampled_from(CUSTOMERS), st.sampled_from(days[7:]), st.integers(0, 10**18 - 1) | st.integers(0, 20), st.booleans()
    )  # fmt: skip
    orders = [
        order(f"o{number}", customer, order_date=day, amount_eur=f"{cents // 100}.{cents % 100:02}", is_net=net)
        for number, (customer, day, cents, net) in enumerate(draw(st.lists(placed, min_size=1, max_size=12)))
    ]
    return orders, events


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), st.integers(7, 10))
def test_a_range_of_days_and_a_day_alone_are_what_the_definition_says(attributed, history, alone) -> None:
    orders, events = history
    together = collected(attributed(orders, events), *COLUMNS)
    assert [(*row[:4], pytest.approx(row[4]), row[5]) for row in together] == expected(orders, events)
    day = FIRST + dt.timedelta(days=alone)
    read = [(day - dt.timedelta(days=back)).isoformat() for back in range(8)]
    of_day = [one for one in orders if one["order_date"] == day.isoformat()]
    rows = collected(attributed(of_day, [one for one in events if one["event_date"] in read]), *COLUMNS)
    assert rows == [row for row in together if row[3] == day]


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"credit": 0.5}, "one_touch_has_all"),
        ({"credit": 0.0, "model": "linear"}, "credit_exclusive_minimum"),
        ({"credit": 1.5, "model": "linear"}, "credit_maximum"),
        ({"model": "u_shaped"}, "model_known"),
        ({"net_eur": "-0.01"}, "net_eur_minimum"),
    ],
)
def test_a_row_that_contradicts_itself_breaks_a_rule(rows_of: MakeFrame, contracts, wrong, rule) -> None:
    row = dict(zip(COLUMNS, ("o1", "first_touch", "email", "2026-03-10", 1.0, "10.00"), strict=True)) | wrong
    frame = with_broken_rules(rows_of("gold/marketing_attribution", row), contracts["gold/marketing_attribution"])
    [(broken,)] = collected(frame, "_broken_rules")
    assert rule in broken


def test_table_rules_find_models_that_disagree(rows_of: MakeFrame, contracts) -> None:
    """Each of the wrong tables has just the errors that it should; a right one and an empty one have none."""
    right = [
        ("o1", "first_touch", "email", "2026-03-10", 1.0, "10.00"),
        ("o1", "last_touch", "direct", "2026-03-10", 1.0, "10.00"),
        ("o1", "linear", "direct", "2026-03-10", 0.5, "5.00"),
        ("o1", "linear", "email", "2026-03-10", 0.5, "5.00"),
    ]
    rules = [rule for rule in contracts["gold/marketing_attribution"].table_rules if hasattr(rule, "expression")]

    def broken(rows: list[tuple]) -> set[str]:
        frame = rows_of("gold/marketing_attribution", *(dict(zip(COLUMNS, row, strict=True)) for row in rows))
        found = frame.selectExpr(*(f"{rule.expression} as {rule.name}" for rule in rules)).collect()[0]
        return {rule.name for rule in rules if not rule.bounds.hold(found[rule.name])}

    assert broken(right) == broken([]) == set()
    assert broken(right[:3]) == {"credit_adds_up", "same_euros_first", "same_euros_last"}
    assert broken([right[0], *right[2:]]) == {"same_orders"}
    assert broken([(*right[0][:5], "9.99"), *right[1:]]) == {"same_euros_first"}
