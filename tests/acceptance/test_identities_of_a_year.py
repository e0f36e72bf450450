"""What gold tables have in common holds for every day of a year, and a row that somebody changes by hand breaks it for that day."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest
from conftest import MakeLake
from deltalake import DeltaTable
from lake_support import OwnLake

from asset_checks.identities import IDENTITIES, DailySum, Identity, LifetimeSum, Verdict
from contracts.days import days_between
from io_managers.delta_io_manager import DeltaIOManager
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.definitions import build_loads
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import Settings
from tests.published_identities import Verdicts, judge

START, END = dt.date(2026, 1, 1), dt.date(2026, 12, 31)
MORNING = END + dt.timedelta(days=1)
DAYS = days_between(START, END)
MIDDLE = dt.date(2026, 6, 15)
PROFILES = "gold/customer_360"
LIFETIME = next(one for one in IDENTITIES if isinstance(one.left, LifetimeSum))
FEW = 0.01
"""About ten orders a day."""
CHANGES = {
    "net_eur": ("net_eur", "net_eur + 0.01"),
    "gross_eur": ("gross_eur", "gross_eur + 0.01"),
    "orders": ("orders", "orders + 1"),
    "cancelled_orders": ("cancelled_orders", "cancelled_orders + 1"),
    "credit": ("credit", "credit + 0.01"),
    "customers": ("last_modified_ts", "null"),
    "lifetime_net_eur": ("lifetime_net_eur", "lifetime_net_eur + 0.01"),
}
"""The column and the new value, as SQL, by what an identity compares."""
RANGES = [
    (dt.date(2026, 2, 1), dt.date(2026, 2, 1)),
    (dt.date(2026, 7, 15), dt.date(2026, 8, 20)),
    (END, END),
]
"""Days before which whole months are read from their roll-up."""
of_each_identity = pytest.mark.parametrize("identity", IDENTITIES, ids=lambda one: one.name)


class DemoLake(OwnLake):
    """A lake of the generated retailer."""

    def at(self, day: dt.date) -> Lake:
        settings = Settings(
            _env_file=None,
            root=str(self.folder / "lake"),
            start_date=self.start,
            demo_scale=FEW,
            now=dt.datetime.combine(day, dt.time(6), dt.UTC),
        )  # type: ignore[call-arg]
        return Lake(settings, contracts=self.contracts, engine=self.engine)

    def check(self, table: str, name: str, day: dt.date) -> Any:
        """Runs a check of a published table for a day, as Dagster would."""
        built = build_loads(self.at(MORNING))
        job = dg.define_asset_job("check", dg.AssetSelection.checks(dg.AssetCheckKey(asset_key(table), name)))
        definitions = dg.Definitions(
            assets=built.assets,
            asset_checks=built.asset_checks,
            jobs=[job],
            resources=built.resources,
            executor=built.executor,
        )
        with dg.DagsterInstance.ephemeral() as instance:
            result = definitions.resolve_job_def("check").execute_in_process(
                instance=instance, tags={"dagster/partition": day.isoformat()}
            )
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation


@pytest.fixture(scope="module")
def year(make_lake: MakeLake, tmp_path_factory: pytest.TempPathFactory) -> DemoLake:
    """What identities compare, and all that it is made from, loaded at once for all days of a year."""
    compared = {read.table for identity in IDENTITIES for read in identity.reads}
    own = make_lake(tmp_path_factory.mktemp("year_at_once"), START, compared)
    lake = DemoLake(own.folder, own.home, own.engine, own.start, own.contracts)
    assert lake.load(MORNING, lake.contracts, START, END) == []
    return lake


@pytest.fixture(scope="module")
def held(year: DemoLake) -> Verdicts:
    return judge(year.at(MORNING), DAYS)


@dataclass(frozen=True)
class Changed:
    """A copy of the year's lake, in which somebody changed a row for every identity, each on another day."""

    lake: DemoLake
    days: Mapping[Identity, dt.date]
    judged: Verdicts


@pytest.fixture(scope="module")
def changed(year: DemoLake, tmp_path_factory: pytest.TempPathFactory) -> Changed:
    copy = year.copied_to(tmp_path_factory.mktemp("changed") / "copy")
    lake = copy.at(MORNING)
    tables = DeltaIOManager(lake.storage, lake.contracts, lake.engine.session)
    days: dict[Identity, dt.date] = {}
    for identity in sorted(IDENTITIES, key=is_part_of_lifetimes):
        right = identity.right
        assert isinstance(right, DailySum)
        keys = lake.contracts[right.table].key
        # What lifetimes are made of breaks them from its day on: it is changed on the last.
        after = END - dt.timedelta(days=1) if is_part_of_lifetimes(identity) else max(days.values(), default=MIDDLE)
        counted = (
            f"{right.day} between date_add('{after}', 1) and date_add('{after}', 30) and {right.expression} is not null"
        )
        row = tables.read(right.table, counted).selectExpr(*keys).orderBy(right.day, *keys).first()
        assert row is not None, f"{identity.name} has no row from {after} on"
        column, value = CHANGES[identity.name.split(" of ")[0]]
        DeltaTable(lake.storage.table_uri(right.table)).update(
            updates={column: value}, predicate=" and ".join(f"{key} = '{row[key]}'" for key in keys)
        )
        days[identity] = row[right.day]
    return Changed(copy, days, judge(copy.at(MORNING), DAYS))


def is_part_of_lifetimes(identity: Identity) -> bool:
    return (identity.right.table, identity.right.expression) == (LIFETIME.left.table, LIFETIME.left.expression)


def test_a_year_that_is_loaded_at_once_leaves_nothing_to_do(year: DemoLake) -> None:
    assert year.stale(MORNING) == set()


@of_each_identity
def test_an_identity_holds_for_every_day_of_a_year(held: Verdicts, identity: Identity) -> None:
    assert [result for result in held[identity].values() if result.verdict is not Verdict.HOLDS] == []
    assert list(held[identity]) == DAYS
    assert max(result.left for result in held[identity].values()) > 0


@pytest.mark.parametrize(("first", "last"), RANGES)
def test_lifetimes_hold_where_the_months_before_are_read_from_their_roll_up(
    year: DemoLake, held: Verdicts, first: dt.date, last: dt.date
) -> None:
    judged = judge(year.at(MORNING), days_between(first, last), [LIFETIME])[LIFETIME]

    assert judged == {day: held[LIFETIME][day] for day in days_between(first, last)}


@of_each_identity
def test_a_row_that_was_changed_by_hand_breaks_its_identity_for_its_day_alone(
    changed: Changed, identity: Identity
) -> None:
    days = {changed.days[identity]}
    if identity is LIFETIME:
        days |= {changed.days[one] for one in IDENTITIES if is_part_of_lifetimes(one)}

    assert {day for day, one in changed.judged[identity].items() if one.verdict is Verdict.BROKEN} == days


def test_every_row_was_changed_on_a_day_of_its_own(changed: Changed) -> None:
    assert len(set(changed.days.values())) == len(IDENTITIES)


def test_the_check_in_dagster_names_what_is_broken(changed: Changed) -> None:
    day = changed.days[LIFETIME]
    found = changed.judged[LIFETIME][day]

    red = changed.lake.check(PROFILES, "identities", day)

    assert not red.passed
    assert (
        f"{LIFETIME.name} on {day}: {found.left} in {LIFETIME.left.table}, {found.right} in {PROFILES}"
        in red.description
    )
    assert red.metadata["comparisons_broken"].value == 1
    assert changed.lake.check(PROFILES, "identities", day + dt.timedelta(days=1)).passed
