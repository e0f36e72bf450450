"""What the automation would load, on logs written by hand."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from contracts.model import Contract, Read
from io_managers.batches import Batch
from io_managers.staleness import Cause, Load, TableState, Touch
from lakehouse_assets.automation.news import (
    REST,
    Moment,
    beyond_restatement,
    inputs_changed,
    late_news,
    news_of_sources,
    news_of_tables,
    run_key,
    sees,
    with_followers,
)
from tests.support import bare_contract

START = dt.date(2026, 3, 1)
NOW = dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC)
TODAY = NOW.date()
DAYS = [START + dt.timedelta(days=number) for number in range(10)]
MORNING = dt.datetime(2026, 3, 11, 6, tzinfo=dt.UTC)


def contract(table: str, *reads: str, live: bool = False) -> Contract:
    return bare_contract(table, *(Read(read, "days") for read in reads), restatement_days=3, live=live)


CONTRACTS = {
    one.table: one
    for one in (
        contract("bronze/orders"),
        contract("bronze/rates"),
        contract("silver/orders", "bronze/orders"),
        contract("silver/rates", "bronze/rates"),
        contract("gold/facts", "silver/orders", "silver/rates", live=True),
        contract("gold/daily", "gold/facts", live=True),
        contract("gold/profile", "gold/daily"),
    )
}


def loaded(*days: dt.date, clock: dt.datetime = MORNING, touches: tuple[Touch, ...] = ()) -> TableState:
    """Days that one commit loaded, from the first versions of everything."""
    load = Load(1, clock, dict.fromkeys(CONTRACTS, 1), frozenset({"seen"}))
    return TableState(frozenset(days), dict.fromkeys(days, load), touches)


def moment(now: dt.datetime = NOW, arrived: Mapping = {}, **states: TableState) -> Moment:
    """Everything is loaded, today included, but for the tables that are given by their names."""
    everything = {table: loaded(*DAYS, TODAY) for table in CONTRACTS}
    given = {
        next(table for table in CONTRACTS if table.replace("/", "_") == name): state for name, state in states.items()
    }
    return Moment(CONTRACTS, everything | given, START, now, arrived)


def places(found) -> list[tuple[str, int]]:
    return [(one.table, one.day.day) for one in found]


def touched(*days: dt.date, version: int = 2) -> tuple[Touch, ...]:
    return (Touch(version, frozenset(days)),)


def test_nothing_is_news_when_everything_is_loaded() -> None:
    assert news_of_sources(moment()) == news_of_tables(moment()) == []


def test_news_of_a_source_concerns_the_windows_that_have_more_and_those_that_are_missing() -> None:
    arrived = {
        "bronze/orders": {DAYS[2]: frozenset({"seen", "late"}), DAYS[3]: frozenset({"seen"}), TODAY: frozenset({"new"})}
    }
    found = moment(arrived=arrived, bronze_rates=loaded(*DAYS[:-1], TODAY))
    assert places(news_of_sources(found)) == [("bronze/orders", 3), ("bronze/orders", 11), ("bronze/rates", 10)]
    assert places(news_of_sources(found, {("bronze/orders", TODAY)})) == [("bronze/orders", 3), ("bronze/rates", 10)]


def test_days_before_the_first_loaded_one_are_history_and_today_is_not() -> None:
    assert places(news_of_sources(moment(bronze_orders=loaded(*DAYS[5:8])))) == [
        ("bronze/orders", 9), ("bronze/orders", 10), ("bronze/orders", 11)
    ]  # fmt: skip
    assert places(news_of_sources(moment(bronze_orders=TableState()))) == [("bronze/orders", 11)]
    assert places(news_of_tables(moment(gold_profile=TableState()))) == [("gold/profile", 11)]


def test_silver_follows_bronze_and_live_gold_follows_for_today_alone() -> None:
    news = news_of_sources(moment(bronze_orders=loaded(*DAYS[:-1])))
    found = moment()
    assert places(with_followers(news, found)) == [
        ("bronze/orders", 10), ("bronze/orders", 11),
        ("silver/orders", 10),
        ("silver/orders", 11), ("gold/facts", 11), ("gold/daily", 11),
    ]  # fmt: skip
    assert places(with_followers(news, found, {("silver/orders", TODAY)})) == [
        ("bronze/orders", 10), ("bronze/orders", 11), ("silver/orders", 10)
    ]  # fmt: skip


def test_live_gold_waits_for_inputs_that_a_new_lake_does_not_have_yet() -> None:
    def following(found: Moment) -> list[str]:
        news = news_of_sources(replace(found, arrived={"bronze/orders": {TODAY: frozenset({"new"})}}))
        return [table for table, _ in places(with_followers(news, found))]

    silver = ["bronze/orders", "silver/orders"]
    assert following(moment()) == [*silver, "gold/facts", "gold/daily"]
    assert following(moment(silver_rates=TableState())) == silver

    week = contract("gold/facts", "silver/orders", live=True)
    week = replace(week, reads=(*week.reads, Read("silver/rates", "days", -3, 0)))

    def reading_a_week(*rates: dt.date) -> list[str]:
        found = moment(silver_rates=loaded(*rates))
        return following(replace(found, contracts=CONTRACTS | {"gold/facts": week}))

    assert reading_a_week(TODAY) == silver
    assert reading_a_week(*DAYS[-2:], TODAY) == silver
    assert reading_a_week(*DAYS[-3:], TODAY) == [*silver, "gold/facts", "gold/daily"]
    assert reading_a_week(DAYS[0], TODAY) == [*silver, "gold/facts", "gold/daily"], "one day that fails holds back none"


def test_late_data_makes_due_the_closed_days_that_depend_on_it() -> None:
    late = moment(silver_orders=loaded(*DAYS, TODAY, touches=touched(DAYS[8], TODAY)))
    closed = [("gold/facts", 9), ("gold/daily", 9), ("gold/profile", 9)]
    today = [("gold/facts", 11), ("gold/daily", 11), ("gold/profile", 11)]
    assert sorted(places(news_of_tables(late))) == sorted(closed + today)
    assert sorted(places(late_news(late))) == sorted(closed + today[:2]), (
        "what isn't live follows today in its own time"
    )
    assert ("gold/profile", 9) not in places(late_news(late, {("gold/daily", DAYS[8])}))


def test_a_day_waits_until_all_that_it_reads_is_there() -> None:
    assert places(news_of_tables(moment(gold_facts=loaded(*DAYS)))) == [
        ("gold/facts", 11), ("gold/daily", 11), ("gold/profile", 11)
    ]  # fmt: skip
    assert (
        news_of_tables(moment(gold_facts=loaded(*DAYS), silver_rates=loaded(*DAYS), bronze_rates=loaded(*DAYS))) == []
    )


def test_a_gold_table_that_is_not_live_rests_after_a_load_and_makes_nothing_due_meanwhile() -> None:
    recent = loaded(*DAYS, TODAY, clock=NOW - REST / 2)
    states = {
        "silver_orders": loaded(*DAYS, TODAY, touches=touched(DAYS[8])),
        "gold_daily": recent,
        "gold_profile": recent,
    }
    assert places(late_news(moment(**states))) == [("gold/facts", 9), ("gold/daily", 9)]
    assert places(late_news(moment(NOW + REST / 2, **states)))[-1] == ("gold/profile", 9)


def test_what_lies_before_the_restatement_window_is_reported_with_its_days() -> None:
    late = moment(silver_orders=loaded(*DAYS, TODAY, touches=touched(DAYS[1], DAYS[8])))
    assert beyond_restatement(late) == {"gold/facts": [DAYS[1]]}
    assert DAYS[1] not in {one.day for one in late_news(late)}


def test_a_run_sees_something_else_exactly_when_the_windows_of_its_source_have_other_marks() -> None:
    batch = Batch(DAYS[8], DAYS[9], ("bronze/orders", "silver/orders"))
    before = moment(arrived={"bronze/orders": {DAYS[8]: frozenset("a"), DAYS[2]: frozenset("a")}})
    same = moment(arrived={"bronze/orders": {DAYS[8]: frozenset("a"), DAYS[2]: frozenset("b")}})
    other = moment(arrived={"bronze/orders": {DAYS[8]: frozenset("ab"), DAYS[2]: frozenset("a")}})
    assert sees(batch, before).keys() == {"bronze/orders"}
    assert sees(batch, same) == sees(batch, before) != sees(batch, other)


def test_what_a_table_reads_was_changed_when_the_last_of_it_was() -> None:
    commits = tuple(Touch(number, frozenset({DAYS[0]}), MORNING + dt.timedelta(hours=number)) for number in (1, 2))
    found = moment(silver_orders=loaded(*DAYS, touches=commits), silver_rates=loaded(*DAYS, touches=commits[:1]))
    assert inputs_changed("gold/facts", found) == MORNING + dt.timedelta(hours=2)
    assert inputs_changed("gold/facts", moment()) < MORNING


def test_a_run_has_another_key_when_its_days_were_loaded_again_or_would_be_from_something_new() -> None:
    batch = Batch(TODAY, TODAY, ("bronze/orders", "gold/facts"))
    again = TableState(frozenset(DAYS), {TODAY: Load(2, NOW, {})})
    moments = [
        moment(),
        moment(bronze_orders=again),
        moment(arrived={"bronze/orders": {TODAY: frozenset("a")}}),
        moment(silver_orders=loaded(*DAYS, TODAY, touches=touched(DAYS[0]))),
    ]
    assert len({run_key(batch, found) for found in moments}) == 4
    assert run_key(batch, moment(NOW + dt.timedelta(hours=1))) == run_key(batch, moment())


def test_a_day_is_due_for_a_cause() -> None:
    assert [
        one.cause
        for one in news_of_sources(moment(bronze_orders=loaded(*DAYS, TODAY, clock=NOW - dt.timedelta(days=1))))
    ] == [Cause.OPEN]
