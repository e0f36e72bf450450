"""Which days are missing or stale, on logs written by hand."""

import datetime as dt
from dataclasses import replace

import pytest

from contracts.model import Column, Contract, Read
from io_managers.batches import Batch, exact_batches
from io_managers.staleness import Cause, Load, Plan, TableState, Touch, dependency_order, plan
from tests.support import bare_contract

START = dt.date(2026, 3, 1)
NOW = dt.datetime(2026, 3, 11, 6, tzinfo=dt.UTC)
START_OF_ALL = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
DAYS = [START + dt.timedelta(days=number) for number in range(10)]


def contracts_of(read: Read, restatement: int = 30) -> dict[str, Contract]:
    return {
        "bronze/a": bare_contract("bronze/a"),
        "silver/a": bare_contract("silver/a", Read("bronze/a", "days")),
        "gold/f": bare_contract("gold/f", replace(read, table="silver/a"), restatement_days=restatement),
        "gold/g": bare_contract("gold/g", Read("gold/f", "days"), restatement_days=restatement),
    }


def loaded(
    *,
    touches: tuple[Touch, ...] = (),
    inputs: dict[str, int] | None = None,
    days: list[dt.date] = DAYS,
    clock: dt.datetime = NOW,
) -> TableState:
    load = Load(1, clock, inputs or {})
    return TableState(frozenset(days), dict.fromkeys(days, load), touches)


def everything(silver_touches: tuple[Touch, ...] = ()) -> dict[str, TableState]:
    return {
        "bronze/a": loaded(),
        "silver/a": loaded(inputs={"bronze/a": 1}, touches=silver_touches),
        "gold/f": loaded(inputs={"silver/a": 1}),
        "gold/g": loaded(inputs={"gold/f": 1}),
    }


def due_days(found: Plan, table: str) -> list[int]:
    return [one.day.day for one in found.due if one.table == table]


def test_nothing_is_outstanding_when_every_closed_day_is_loaded() -> None:
    assert plan(contracts_of(Read("", "days")), everything(), START, NOW) == Plan((), ())


def test_every_closed_day_is_missing_from_an_empty_lake_in_dependency_order() -> None:
    found = plan(contracts_of(Read("", "days")), {}, START, NOW)
    assert [one.table for one in found.due[::10]] == ["bronze/a", "silver/a", "gold/f", "gold/g"]
    assert {one.cause for one in found.due} == {Cause.MISSING}
    assert exact_batches(found.due) == [Batch(DAYS[0], DAYS[-1], ("bronze/a", "silver/a", "gold/f", "gold/g"))]


def test_the_open_day_is_not_due_until_it_is_over() -> None:
    assert NOW.date() not in {one.day for one in plan(contracts_of(Read("", "days")), {}, START, NOW).due}


def test_a_day_that_was_loaded_while_it_was_open_is_due_when_it_is_over() -> None:
    states = everything()
    noon = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
    states["bronze/a"] = replace(states["bronze/a"], loads={**states["bronze/a"].loads, DAYS[-1]: Load(1, noon, {})})
    found = plan(contracts_of(Read("", "days")), states, START, NOW)
    assert [(one.table, one.day, one.cause) for one in found.due if one.table == "bronze/a"] == [
        ("bronze/a", DAYS[-1], Cause.OPEN)
    ]
    assert due_days(found, "gold/g") == [10]


@pytest.mark.parametrize(("hours", "due"), [(0.5, []), (1, [10])])
def test_a_day_that_was_loaded_before_what_comes_late_was_in_is_due_after_the_allowed_lateness(
    hours: float, due: list[int]
) -> None:
    midnight = dt.datetime(2026, 3, 11, tzinfo=dt.UTC)
    states = everything()
    states["bronze/a"] = replace(
        states["bronze/a"], loads={**states["bronze/a"].loads, DAYS[-1]: Load(1, midnight, {})}
    )
    found = plan(contracts_of(Read("", "days")), states, START, midnight + dt.timedelta(hours=hours))
    assert [one.day.day for one in found.due if one.cause is Cause.OPEN] == due


def with_marks(*marks: str, clock: dt.datetime = NOW) -> dict[str, TableState]:
    loads = dict.fromkeys([*DAYS, NOW.date()], Load(1, clock, {}, frozenset(marks)))
    return everything() | {"bronze/a": TableState(frozenset(loads), loads)}


@pytest.mark.parametrize(("now_held", "due"), [({"a"}, []), ({"b"}, []), (set(), []), ({"a", "c"}, [4]), ({"c"}, [4])])
def test_a_day_is_stale_when_its_source_holds_what_the_load_did_not_see(now_held: set[str], due: list[int]) -> None:
    arrived = {"bronze/a": {DAYS[3]: frozenset(now_held)}}
    found = plan(contracts_of(Read("", "days")), with_marks("a", "b"), START, NOW, arrived)
    assert due_days(found, "bronze/a") == due_days(found, "silver/a") == due_days(found, "gold/g") == due
    assert {one.cause for one in found.due} <= {Cause.STALE}
    assert found.overdue(bare_contract("gold/g"), NOW) == set(), "nobody knows since when it is there"


def test_marks_decide_after_the_allowed_lateness_where_there_are_any() -> None:
    soon = dt.datetime(2026, 3, 11, 0, 30, tzinfo=dt.UTC)
    arrived = {"bronze/a": dict.fromkeys(DAYS, frozenset({"a"}))}
    assert plan(contracts_of(Read("", "days")), with_marks("a", clock=soon), START, NOW, arrived).due == ()


def test_the_open_day_is_planned_for_where_that_is_asked_for() -> None:
    states = with_marks("a", clock=NOW - dt.timedelta(hours=1))
    found = plan(contracts_of(Read("", "days")), states, START, NOW, with_open_day=True)
    assert [(one.table, one.cause) for one in found.due if one.day == NOW.date()] == [
        ("silver/a", Cause.MISSING), ("gold/f", Cause.MISSING), ("gold/g", Cause.MISSING)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("read", "touched", "expected"),
    [
        (Read("", "days"), 5, [5]),
        (Read("", "days", -2, 0), 5, [5, 6, 7]),
        (Read("", "days", -2, 1), 5, [4, 5, 6, 7]),
        (Read("", "all"), 8, [8, 9, 10]),
        (Read("", "as_of"), 8, [8, 9, 10]),
        (Read("", "month"), 8, list(range(1, 11))),
    ],
)
def test_a_change_makes_stale_the_days_that_read_it_and_what_reads_those(
    read: Read, touched: int, expected: list[int]
) -> None:
    change = Touch(2, frozenset({dt.date(2026, 3, touched)}))
    found = plan(contracts_of(read), everything((change,)), START, NOW)
    assert due_days(found, "gold/f") == due_days(found, "gold/g") == expected
    assert not due_days(found, "silver/a")
    assert {one.reason for one in found.due if one.table == "gold/f"} == {"silver/a changed in version 2"}


def test_a_day_is_outstanding_since_the_first_change_that_it_has_not_read_and_so_is_what_reads_it() -> None:
    early, late = NOW - dt.timedelta(minutes=90), NOW - dt.timedelta(minutes=10)
    touches = (
        Touch(4, frozenset({DAYS[2]}), clock=NOW),
        Touch(3, frozenset({DAYS[2], DAYS[4]}), clock=late),
        Touch(2, frozenset({DAYS[2], DAYS[3]}), clock=early),
        Touch(1, frozenset(DAYS), clock=START_OF_ALL),
    )
    contracts = contracts_of(Read("", "days"))
    found = plan(contracts, everything(touches), START, NOW)
    since = {DAYS[2]: early, DAYS[3]: early, DAYS[4]: late}
    for table in ("gold/f", "gold/g"):
        assert {one.day: one.since for one in found.due if one.table == table} == since
        assert found.overdue(contracts[table], NOW) == {DAYS[2], DAYS[3]}
    assert found.overdue(contracts["silver/a"], NOW) == set()


def test_a_missing_day_and_what_reads_it_are_overdue_and_a_day_that_was_loaded_too_early_is_after_the_lateness() -> (
    None
):
    contracts = contracts_of(Read("", "days"))
    without = everything() | {"gold/f": loaded(inputs={"silver/a": 1}, days=DAYS[:-1])}
    found = plan(contracts, without, START, NOW)
    assert found.overdue(contracts["gold/f"], NOW) == found.overdue(contracts["gold/g"], NOW) == {DAYS[-1]}
    midnight = dt.datetime(2026, 3, 11, tzinfo=dt.UTC)
    early = everything() | {"bronze/a": loaded(clock=midnight - dt.timedelta(hours=1))}
    for minutes, overdue in ((59, set()), (60, {DAYS[-1]})):
        now = midnight + dt.timedelta(minutes=minutes)
        found = plan(contracts, early, START, now)
        assert {one.day for one in found.due} >= {DAYS[-1]}
        assert found.overdue(contracts["bronze/a"], now) & {DAYS[-1]} == overdue
        assert found.overdue(contracts["gold/g"], now) & {DAYS[-1]} == overdue


def test_a_change_that_was_read_makes_nothing_stale() -> None:
    assert plan(contracts_of(Read("", "days")), everything((Touch(1, frozenset(DAYS)),)), START, NOW).due == ()


def test_a_change_beyond_the_restatement_window_is_reported_and_starts_nothing() -> None:
    found = plan(
        contracts_of(Read("", "days"), restatement=3),
        everything((Touch(2, frozenset({DAYS[6], DAYS[7]})),)),
        START,
        NOW,
    )
    assert [(one.table, one.day) for one in found.due] == [("gold/f", DAYS[7]), ("gold/g", DAYS[7])]
    assert [(one.table, one.day) for one in found.beyond] == [("gold/f", DAYS[6])]


def test_a_missing_day_is_due_however_old_it_is() -> None:
    states = everything()
    states["gold/g"] = loaded(inputs={"gold/f": 1}, days=DAYS[1:])
    found = plan(contracts_of(Read("", "days"), restatement=1), states, START, NOW)
    assert [(one.table, one.day, one.cause) for one in found.due] == [("gold/g", DAYS[0], Cause.MISSING)]


def test_a_day_whose_commit_the_log_no_longer_holds_counts_as_loaded() -> None:
    states = everything()
    states["bronze/a"] = TableState(frozenset(DAYS))
    assert plan(contracts_of(Read("", "days")), states, START, NOW).due == ()


def test_changed_bronze_windows_make_silver_stale_and_gold_with_it() -> None:
    states = everything()
    states["bronze/a"] = loaded(touches=(Touch(2, frozenset({DAYS[3]})),))
    found = plan(contracts_of(Read("", "days")), states, START, NOW)
    assert [(one.table, one.day.day, one.reason) for one in found.due] == [
        ("silver/a", 4, "bronze/a changed in version 2"), ("gold/f", 4, "silver/a is about to change"), ("gold/g", 4, "gold/f is about to change"),
    ]  # fmt: skip


def test_runs_join_contiguous_days_with_the_same_tables() -> None:
    states = everything((Touch(2, frozenset({DAYS[1], DAYS[2], DAYS[5]})),))
    runs = exact_batches(plan(contracts_of(Read("", "days")), states, START, NOW).due)
    assert runs == [Batch(DAYS[1], DAYS[2], ("gold/f", "gold/g")), Batch(DAYS[5], DAYS[5], ("gold/f", "gold/g"))]


def test_tables_come_after_what_they_read() -> None:
    order = dependency_order(contracts_of(Read("", "days")))
    assert order.index("bronze/a") < order.index("silver/a") < order.index("gold/f") < order.index("gold/g")


def monthly(read: Read) -> dict[str, Contract]:
    """A table of days, and its roll-up by month."""
    month = Column("month", "string", "month", required=True)
    start = Column("month_start", "date", "first day", required=True, key=True)
    rolled_up = replace(
        bare_contract("gold/m", read, restatement_days=30),
        columns=(start, month),
        partition_column="month",
        business_date="month_start",
    )
    return {"gold/d": bare_contract("gold/d", restatement_days=30), "gold/m": rolled_up}


MONTH = Read("gold/d", "month")


def test_a_new_day_of_a_month_is_all_that_a_roll_up_loads_of_it() -> None:
    states = {
        "gold/d": loaded(days=DAYS[:9], touches=(Touch(1, frozenset(DAYS[:9])),)),
        "gold/m": loaded(days=DAYS[:9], inputs={"gold/d": 1}),
    }
    found = plan(monthly(MONTH), states, START, NOW)
    assert [(one.table, one.day) for one in found.due] == [("gold/d", DAYS[9]), ("gold/m", DAYS[9])]


def test_a_changed_day_makes_a_roll_up_load_the_last_day_of_its_month_alone() -> None:
    states = {"gold/d": loaded(touches=(Touch(2, frozenset({DAYS[3]})),)), "gold/m": loaded(inputs={"gold/d": 1})}
    found = plan(monthly(MONTH), states, START, NOW)
    assert [(one.table, one.day, one.cause) for one in found.due] == [("gold/m", DAYS[9], Cause.STALE)]


def test_months_of_a_roll_up_are_judged_apart() -> None:
    start = dt.date(2026, 2, 27)
    days = [start + dt.timedelta(days=number) for number in range(12)]
    states = {
        "gold/d": loaded(days=days, touches=(Touch(2, frozenset({dt.date(2026, 2, 27), dt.date(2026, 3, 2)})),)),
        "gold/m": loaded(days=days, inputs={"gold/d": 1}),
    }
    found = plan(monthly(MONTH), states, start, NOW)
    assert [one.day for one in found.due] == [dt.date(2026, 2, 28), dt.date(2026, 3, 10)]
