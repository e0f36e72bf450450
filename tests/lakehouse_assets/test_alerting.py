"""Which alerts are due, over any sequence of looks and deliveries."""

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.automation.alerting import State, Waiting, deliver, look
from lakehouse_assets.automation.cursor import Cursor, read_cursor, write_cursor
from lakehouse_assets.automation.run_events import FailedCheck, Seen
from lakehouse_assets.automation.run_failures import BrokenCheck, FailedLoad
from resources.alerts.interface import Alert, AlertRefusedError, AlertUnavailableError
from tests.resources.alert_support import ALERT, NOON

Key = tuple[str, str]
Outcome = Literal["taken", "refused", "away", "taken without an answer"]

DAY = NOON.date()
LATE: Key = ("gold/a", "late")
RED: Key = ("gold/a", "check_failed:rows")
OTHER: Key = ("gold/b", "late")
KEYS = (LATE, RED, OTHER)


def at(minute: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minute)


def holds(key: Key, minute: int) -> Alert:
    """What is found at a look: its texts and times are of that look."""
    return replace(
        ALERT, subject=key[0], condition=key[1], summary=f"{key} at {minute}", since=at(minute), at=at(minute)
    )


def words(alerts: "list[Alert] | tuple[Alert, ...]") -> list[tuple[str, Key]]:
    return [(alert.state, alert.key) for alert in alerts]


@dataclass
class Receiver:
    """Takes alerts, or fails to, as it is told; takes them once it is told nothing."""

    outcomes: list[Outcome] = field(default_factory=list)
    taken: list[Alert] = field(default_factory=list)
    unanswered: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often an alert was taken without an answer, by its id and state."""

    def send(self, alert: Alert) -> None:
        outcome = self.outcomes.pop(0) if self.outcomes else "taken"
        if outcome == "refused":
            raise AlertRefusedError("refused")
        if outcome == "away":
            raise AlertUnavailableError("away")
        self.taken.append(alert)
        if outcome == "taken without an answer":
            self.unanswered[alert.id, alert.state] += 1
            raise AlertUnavailableError("no answer")


def test_a_condition_is_told_when_it_begins_and_when_it_ends_and_not_in_between() -> None:
    receiver = Receiver()
    state = State()
    told = []
    for minute, keys in enumerate([[], [LATE], [LATE, RED], [LATE, RED], [RED], [], []]):
        state, delivery = deliver(look(state, [holds(key, minute) for key in keys], at(minute)), receiver.send)
        told.append(words(delivery.delivered))
    assert told == [
        [], [("raised", LATE)], [("raised", RED)], [], [("cleared", LATE)], [("cleared", RED)], [],
    ]  # fmt: skip
    assert state == State()


def test_what_clears_says_since_when_it_was_and_until_when() -> None:
    receiver = Receiver()
    state, _ = deliver(look(State(), [holds(LATE, 1)], at(1)), receiver.send)
    state, _ = deliver(look(state, [holds(LATE, 2)], at(2)), receiver.send)
    state, delivery = deliver(look(state, [], at(3)), receiver.send)
    (cleared,) = delivery.delivered
    assert (cleared.since, cleared.at, cleared.summary, cleared.detail) == (at(1), at(3), f"{LATE} at 1", "")
    assert {alert.id for alert in receiver.taken} == {cleared.id}


def test_two_words_about_one_condition_are_one_alert() -> None:
    state = look(State(), [holds(LATE, 1), holds(LATE, 2)], at(2))
    assert [one.alert for one in state.waiting] == [holds(LATE, 1)]


def test_nothing_is_cleared_before_it_was_raised() -> None:
    receiver = Receiver(outcomes=["refused", "refused"])
    state, _ = deliver(look(State(), [holds(LATE, 1)], at(1)), receiver.send)
    state, delivery = deliver(look(state, [], at(2)), receiver.send)
    assert words(delivery.delivered) == []
    assert [one.tried for one in state.waiting] == [2, 0]
    state, delivery = deliver(look(state, [], at(3)), receiver.send)
    assert words(delivery.delivered) == [("raised", LATE), ("cleared", LATE)]
    assert state == State()


def test_a_refused_alert_holds_up_no_other_and_goes_last_from_then_on() -> None:
    receiver = Receiver(outcomes=["refused", "taken", "taken", "refused"])
    state, delivery = deliver(look(State(), [holds(key, 1) for key in (LATE, RED)], at(1)), receiver.send)
    assert words(delivery.delivered) == [("raised", RED)]
    assert [(alert.key, reason) for alert, reason in delivery.failures] == [(LATE, "refused")]
    state, delivery = deliver(look(state, [holds(key, 2) for key in KEYS], at(2)), receiver.send)
    assert words(delivery.delivered) == [("raised", OTHER)]
    assert state.waiting == (Waiting(holds(LATE, 1), 2),)


def test_a_receiver_that_is_away_is_left_alone_until_the_next_time() -> None:
    receiver = Receiver(outcomes=["away"])
    state, delivery = deliver(look(State(), [holds(key, 1) for key in KEYS], at(1)), receiver.send)
    assert (receiver.taken, len(delivery.failures), len(state.waiting)) == ([], 1, 3)
    state, delivery = deliver(state, receiver.send)
    assert words(delivery.delivered) == [("raised", RED), ("raised", OTHER), ("raised", LATE)]


def test_when_the_time_is_over_the_rest_waits() -> None:
    receiver = Receiver()
    times = iter([True, True, False])
    state, _ = deliver(look(State(), [holds(key, 1) for key in KEYS], at(1)), receiver.send, lambda: next(times, False))
    assert words(receiver.taken) == [("raised", LATE), ("raised", RED)]
    assert [(one.alert.key, one.tried) for one in state.waiting] == [(OTHER, 0)]


def test_an_error_that_no_channel_announces_is_not_swallowed() -> None:
    def broken(_: Alert) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deliver(look(State(), [holds(LATE, 1)], at(1)), broken)


@dataclass(frozen=True)
class Look:
    holding: frozenset[Key]
    outcomes: tuple[Outcome, ...]
    sends: int


LOOKS = st.lists(
    st.builds(
        Look,
        st.frozensets(st.sampled_from(KEYS)),
        st.lists(st.sampled_from(["taken", "refused", "away", "taken without an answer"]), max_size=6).map(tuple),
        st.integers(0, 6),
    ),
    max_size=12,
)


def spells(looks: list[Look], key: Key) -> list[tuple[int, int | None]]:
    """When each spell of a condition began and ended; None for one that goes on."""
    numbered = [(number, key in one.holding) for number, one in enumerate(looks)]
    runs = [(held, [number for number, _ in part]) for held, part in groupby(numbered, key=lambda pair: pair[1])]
    return [(numbers[0], numbers[-1] + 1 if numbers[-1] + 1 < len(looks) else None) for held, numbers in runs if held]


@given(LOOKS)
def test_every_spell_is_raised_and_cleared_once_or_again_where_no_answer_came(looks: list[Look]) -> None:
    receiver = Receiver()
    text = ""
    for minute, one in enumerate(looks):
        receiver.outcomes = list(one.outcomes)
        left = iter([True] * one.sends)
        state = look(read_cursor(text).alerts, [holds(key, minute) for key in sorted(one.holding)], at(minute))
        state, _ = deliver(state, receiver.send, lambda left=left: next(left, False))
        text = write_cursor(Cursor(state))
    receiver.outcomes = []
    state, _ = deliver(read_cursor(text).alerts, receiver.send)
    assert state.waiting == ()
    assert {alert.key for alert in state.open} == (looks[-1].holding if looks else set())
    for key in KEYS:
        expected = []
        for begin, end in spells(looks, key):
            raised = replace(holds(key, begin), state="raised")
            words = [(raised.id, "raised")] + ([(raised.id, "cleared")] if end is not None else [])
            expected += [word for word in words for _ in range(1 + receiver.unanswered[word])]
        assert [(alert.id, alert.state) for alert in receiver.taken if alert.key == key] == expected


# The cursor

LOAD = FailedLoad("gold/a", DAY, DAY, "rows", "too many", "run", NOON, 7)
FULL = Cursor(
    State(open=(replace(ALERT, detail=""),), waiting=(Waiting(ALERT), Waiting(ALERT, 3))),
    Seen(9, (FailedCheck("gold/a", "rows", "too many", NOON),), (LOAD,), (BrokenCheck("gold/a", "identities", "died", "run", NOON),)),
)  # fmt: skip


def test_a_cursor_is_its_text() -> None:
    text = write_cursor(FULL)
    assert read_cursor(text) == FULL
    assert json.loads(text)["version"] == 1


def test_a_cursor_with_nothing_to_remember_is_short() -> None:
    assert read_cursor(write_cursor(Cursor())) == Cursor()
    assert len(write_cursor(Cursor(events=Seen(123456)))) < 60


@pytest.mark.parametrize("text", [None, "", "{}", "null", '{"version":2,"cursor":{}}', "x", "[" * 100_000])
def test_a_text_that_is_no_cursor_is_an_empty_one(text: str | None) -> None:
    assert read_cursor(text) == Cursor()


@given(st.integers(0, len(write_cursor(FULL)) - 1))
def test_a_cursor_that_was_cut_is_an_empty_one(length: int) -> None:
    assert read_cursor(write_cursor(FULL)[:length]) == Cursor()


def test_after_a_damaged_cursor_what_holds_is_raised_again_and_nothing_else() -> None:
    receiver = Receiver()
    deliver(look(State(), [holds(key, 1) for key in KEYS], at(1)), receiver.send)
    receiver.taken.clear()
    deliver(look(read_cursor("damaged").alerts, [holds(LATE, 2)], at(2)), receiver.send)
    assert words(receiver.taken) == [("raised", LATE)]
