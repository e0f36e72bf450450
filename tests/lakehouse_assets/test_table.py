"""Tables as Dagster assets: what a run publishes, shows and refuses, on a lake of a few rows."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from pyspark.sql.connect.client import SparkConnectClient

from contracts.model import AggregateRule, Bounds, Contract, RowRule, Severity
from io_managers.commits import read_commits
from io_managers.publish import PublishConflict
from io_managers.quarantine import read_quarantine
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.definitions import build_definitions
from lakehouse_assets.lake import Lake, TableLoaded
from resources.sources.interface import SourceError, SourceUnavailableError
from tests.lakehouse_assets.tiny_lake import (
    FIRST,
    GOLD_OF_ORDERS,
    ORDER_TABLES,
    SECOND,
    THIRD,
    TinyLake,
    order,
    text_of,
)
from tests.support import SharedEngine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BRONZE, SILVER = ORDER_TABLES
FACTS = "gold/fct_orders"
EMAIL = "ann@example.org"
ROWS = (
    order("1", FIRST),
    order("2", FIRST, currency="EURO"),
    order("3", SECOND),
    order("4", SECOND, amount="-1.00", status="LOST"),
    order("5", SECOND, amount="20.00"),
)


@pytest.fixture(autouse=True)
def quick_and_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tries follow one another at once; what is remembered of files is this test's own; masks have a salt."""
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKEHOUSE_MASK_SALT", "a salt")


@pytest.fixture
def tiny(tmp_path: Path, spark: "SparkSession", contracts: Mapping[str, Contract]) -> TinyLake:
    made = TinyLake(tmp_path, SharedEngine(spark), contracts)
    made.deliver("snowflake/orders", "orders", *ROWS)
    return made


def with_contract(tiny: TinyLake, table: str, **changes: Any) -> None:
    tiny.contracts = {**tiny.contracts, table: replace(tiny.contracts[table], **changes)}


# What a run shows


def test_days_flow_from_files_to_gold_and_every_check_says_so(tiny: TinyLake) -> None:
    run = tiny.materialize([*ORDER_TABLES, *GOLD_OF_ORDERS], FIRST, SECOND)
    assert run.failures == {}
    assert tiny.rows(FACTS, "order_date", "order_id") == [(FIRST, "1"), (SECOND, "3"), (SECOND, "5")]
    assert run.checks(BRONZE) == dict.fromkeys(["reconciled", "schema", "rows", "table", "conserved"], True)
    assert run.checks(FACTS) == dict.fromkeys(["schema", "rows", "table", "conserved"], True)


def test_broken_rules_are_shown_by_rule_and_partition_with_samples(tiny: TinyLake) -> None:
    run = tiny.materialize(ORDER_TABLES, FIRST, SECOND)
    check = run.check(SILVER, "rows")
    assert {name: check.metadata[name].value for name in ("incoming", "published", "quarantined")} == {"incoming": 5, "published": 3, "quarantined": 2}  # fmt: skip
    by_rule, by_window = text_of(check, "broken_rules"), text_of(check, "broken_rules_by_window")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in by_window.splitlines()]
    counts = {line[0]: dict(zip(lines[0][1:], line[1:], strict=True)) for line in lines[2:]}
    assert counts["2026-10-01"] == {"amount_minimum": "0", "currency_known": "1", "status_known": "0"}
    assert counts["2026-10-02"] == {"amount_minimum": "1", "currency_known": "0", "status_known": "1"}
    assert all(rule in by_rule for rule in ("amount_minimum", "currency_known", "status_known"))
    assert "amount=-1.00" in text_of(check, "samples")
    assert "order_id=4" in text_of(check, "samples")


def test_samples_hide_personal_data(tiny: TinyLake) -> None:
    person = {
        "customer_id": "c1",
        "first_name": "Ann",
        "last_name": "Other",
        "email": EMAIL,
        "phone": "0301234",
        "country": "XX",
    }
    tiny.deliver("snowflake/customers", "c", person | {"last_modified_ts": "2026-10-01T10:00:00Z"})
    run = tiny.materialize(["bronze/snowflake_customers", "silver/customers"], FIRST)
    samples = text_of(run.check("silver/customers", "rows"), "samples")
    assert "country=XX" in samples
    assert "email=***" in samples
    shown = str([event.to_dict() if hasattr(event, "to_dict") else event for event in run.result.all_events])
    assert [value for value in (EMAIL, "Other", "0301234") if value in shown] == []


def test_rows_are_counted_for_each_partition(tiny: TinyLake) -> None:
    run = tiny.materialize([*ORDER_TABLES, FACTS], FIRST, SECOND)
    for table, first, second in ((BRONZE, (2, 0), (3, 0)), (SILVER, (1, 1), (2, 1)), (FACTS, (1, 0), (2, 0))):
        shown = run.metadata(table)
        assert set(shown) == {"2026-10-01", "2026-10-02"}
        for partition, counts in (("2026-10-01", first), ("2026-10-02", second)):
            metadata = shown[partition]
            assert (metadata["dagster/partition_row_count"], metadata["quarantined"]) == counts
            assert metadata["dagster/row_count"] == first[0] + second[0]
            assert metadata["visible_version"] == tiny.snapshot(table).version


def test_whoever_watches_is_told_of_each_table(tiny: TinyLake) -> None:
    lake, told = tiny.lake, []
    lake.listeners.append(told.append)
    tiny.materialize(ORDER_TABLES, FIRST, SECOND, lake)
    assert [replace(one, seconds=0, parts={}) for one in told] == [
        TableLoaded(BRONZE, FIRST, SECOND, 5, 5, 0, 0),
        TableLoaded(
            SILVER, FIRST, SECOND, 5, 3, 2, 0, 0, {"currency_known": 1, "amount_minimum": 1, "status_known": 1}
        ),
    ]
    assert all(one.seconds > 0 for one in told)


def test_a_run_records_the_versions_that_it_read(tiny: TinyLake) -> None:
    tiny.materialize([*ORDER_TABLES, FACTS], FIRST)
    (commit,) = read_commits(tiny.lake.storage, FACTS)
    assert commit.inputs[SILVER] == tiny.snapshot(SILVER).version == 1
    assert set(commit.inputs) == {read.table for read in tiny.contracts[FACTS].reads}


def test_an_engine_is_given_in_one_write_as_much_as_it_takes(tiny: TinyLake) -> None:
    def writes() -> set[str]:
        """The parts that were staged one after the other."""
        return {path.name for path in Path(tiny.lake.storage.table_uri(BRONZE)).glob("data/*/*/[0-9]")}

    assert tiny.materialize(ORDER_TABLES, FIRST, SECOND).failures == {}
    assert writes() == set()
    tiny.engine.values_at_once = 1
    tiny.deliver("snowflake/orders", "more", order("6", FIRST))
    assert tiny.materialize(ORDER_TABLES, FIRST, SECOND).failures == {}
    assert writes() == {"0", "1"}
    assert tiny.rows(SILVER, "order_id") == [("1",), ("3",), ("5",), ("6",)]


def test_an_engine_is_asked_for_a_schema_alone_only_where_it_is_held_against_the_contracts(
    tiny: TinyLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time it plans the whole query, and opens every table that the query reads."""
    tiny.deliver("snowflake/orders", "orders", order("1", FIRST))
    assert tiny.materialize([*ORDER_TABLES, FACTS], FIRST, SECOND).failures == {}
    asked = []
    schema = SparkConnectClient.schema

    def counted(client: SparkConnectClient, plan: Any) -> Any:
        asked.append(plan)
        return schema(client, plan)

    monkeypatch.setattr(SparkConnectClient, "schema", counted)
    tables = [*ORDER_TABLES, "gold/product_perf_daily"]
    assert tiny.materialize(tables, FIRST, SECOND).failures == {}
    assert len(asked) == 2 * len(tables), "before rows are marked, and before they are published"


def test_assets_are_what_contracts_say(tiny: TinyLake) -> None:
    graph = build_definitions(tiny.lake).resolve_asset_graph()
    for table, contract in tiny.contracts.items():
        node = graph.get(asset_key(table))
        assert node.parent_keys == {asset_key(read.table) for read in contract.reads}
        assert (node.group_name, node.code_version) == (contract.layer, contract.version)
        assert node.owners == [f"team:{contract.owner}"]
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        blocking = {key.name for key in node.check_keys if graph.get(key).blocking}
        assert blocking == {"schema", "rows", "table", "conserved"}
        assert (asset_key(table), "reconciled") in {
            (key.asset_key, key.name) for key in node.check_keys
        } or not contract.reconcile


# What is refused


def test_a_blocking_failure_publishes_nothing_and_stops_what_is_built_on_it(tiny: TinyLake) -> None:
    rule = AggregateRule(
        "none_too_dear", "max(amount)", Bounds(at_most=15), Severity.ERROR, "accuracy", "Small orders."
    )
    with_contract(tiny, SILVER, table_rules=(rule,))
    run = tiny.materialize([*ORDER_TABLES, FACTS], FIRST, SECOND)
    assert set(run.failures) == {SILVER}
    assert "silver/orders: nothing was published: table: none_too_dear is 20.00" in run.failures[SILVER]
    check = run.check(SILVER, "table")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "none_too_dear" in check.description
    assert run.started == {BRONZE, SILVER}
    assert run.metadata(SILVER) == {}
    assert (tiny.snapshot(SILVER).version, tiny.snapshot(BRONZE).version) == (0, 1)
    assert read_quarantine(tiny.lake.storage, tiny.contracts[SILVER]).num_rows == 0
    assert run.tries_again == 0


def test_a_warning_publishes_and_marks(tiny: TinyLake) -> None:
    rule = RowRule("cheap", "amount < 15", Severity.WARNING, "accuracy", "Most orders are small.", "amount")
    with_contract(tiny, SILVER, row_rules=(*tiny.contracts[SILVER].row_rules, rule))
    run = tiny.materialize(ORDER_TABLES, FIRST, SECOND)
    check = run.check(SILVER, "rows")
    assert (check.passed, check.severity) == (True, dg.AssetCheckSeverity.WARN)
    assert len(tiny.rows(SILVER, "order_id")) == 3


class Failing(Lake):
    """A lake whose source fails for some tries."""

    def __init__(self, lake: Lake, failure: Exception, times: int) -> None:
        super().__init__(lake.settings, lake.contracts, lake.engine)
        self.failure, self.left, self.asked = failure, times, 0

    def source(self, name: str) -> Any:
        self.asked += 1
        if self.asked <= self.left:
            raise self.failure
        return super().source(name)


@pytest.mark.parametrize("failure", [SourceUnavailableError("away"), OSError("away"), PublishConflict("overtaken")])
def test_what_may_pass_is_tried_again(tiny: TinyLake, failure: Exception) -> None:
    lake = Failing(tiny.lake, failure, 2)
    run = tiny.materialize([BRONZE], FIRST, lake=lake)
    assert run.failures == {}
    assert (lake.asked, run.tries_again) == (3, 2)
    assert len(tiny.rows(BRONZE, "order_id")) == 2


def test_what_does_not_pass_is_given_up(tiny: TinyLake) -> None:
    lake = Failing(tiny.lake, SourceUnavailableError("away"), 99)
    run = tiny.materialize([BRONZE], FIRST, lake=lake)
    assert set(run.failures) == {BRONZE}
    assert lake.asked == 4


@pytest.mark.parametrize("failure", [SourceError("fx/rates: no such table"), ValueError("a bug")])
def test_what_comes_again_is_not_tried_again(tiny: TinyLake, failure: Exception) -> None:
    lake = Failing(tiny.lake, failure, 99)
    run = tiny.materialize(ORDER_TABLES, FIRST, lake=lake)
    assert str(failure) in run.failures[BRONZE]
    assert (lake.asked, run.tries_again, run.started) == (1, 0, {BRONZE})


def test_a_source_that_counts_otherwise_turns_its_check_red_and_still_publishes(
    tiny: TinyLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tiny.lake
    source = lake.source("snowflake")
    extract = source.extract

    def miscounted(*arguments: Any) -> Any:
        extraction = extract(*arguments)
        batches = list(extraction.batches)
        return replace(extraction, batches=iter(batches), rows_by_window={FIRST: 99})

    monkeypatch.setattr(source, "extract", miscounted)
    run = tiny.materialize([BRONZE], FIRST, lake=lake)
    assert run.checks(BRONZE)["reconciled"] is False
    assert "the source counts 99, the lake holds 2" in run.check(BRONZE, "reconciled").description
    assert len(tiny.rows(BRONZE, "order_id")) == 2


# Rebuild


def test_a_rebuild_by_run_configuration_makes_the_table_of_all_windows(tiny: TinyLake) -> None:
    tiny.materialize(ORDER_TABLES, FIRST, SECOND)
    rule = RowRule("cheap", "amount < 15", Severity.ERROR, "accuracy", "Orders are small.", "amount")
    with_contract(tiny, SILVER, row_rules=(*tiny.contracts[SILVER].row_rules, rule))
    run = tiny.materialize([SILVER], SECOND, rebuild=[SILVER])
    assert run.failures == {}
    assert tiny.rows(SILVER, "order_id") == [("1",), ("3",)]
    newest = next(iter(read_commits(tiny.lake.storage, SILVER)))
    assert (newest.rebuild, newest.windows, newest.touched) == (True, {"2026-10-01", "2026-10-02"}, {SECOND})
    assert run.metadata(SILVER)["2026-10-02"]["rebuilt_windows"] == "2026-10-01 to 2026-10-02"
    quarantined = read_quarantine(tiny.lake.storage, tiny.contracts[SILVER])
    assert quarantined["_window"].to_pylist() == ["2026-10-01", "2026-10-02", "2026-10-02"]


def test_without_that_configuration_other_windows_stay_as_they_are(tiny: TinyLake) -> None:
    tiny.materialize(ORDER_TABLES, FIRST, SECOND)
    run = tiny.materialize([SILVER], SECOND)
    newest = next(iter(read_commits(tiny.lake.storage, SILVER)))
    assert (newest.rebuild, newest.windows) == (False, {"2026-10-02"})
    assert "rebuilt_windows" not in run.metadata(SILVER)["2026-10-02"]


def test_a_table_can_not_be_rebuilt_from_nothing(tiny: TinyLake) -> None:
    run = tiny.materialize([SILVER], FIRST, rebuild=[SILVER])
    assert "silver/orders: can't be rebuilt, since snowflake_orders has no day" in run.failures[SILVER]
    assert run.tries_again == 0
    assert tiny.snapshot(SILVER).version == 0


def test_a_column_of_another_type_takes_a_rebuild_of_every_loaded_day(tiny: TinyLake) -> None:
    tiny.materialize([BRONZE], FIRST, SECOND)
    retyped = tuple(
        replace(one, type="string") if one.name == "quantity" else one for one in tiny.contracts[BRONZE].columns
    )
    with_contract(tiny, BRONZE, columns=retyped)
    assert (
        "column 'quantity' is int in the table and string in the contract"
        in tiny.materialize([BRONZE], SECOND).failures[BRONZE]
    )
    part = tiny.materialize([BRONZE], SECOND, rebuild=[BRONZE])
    assert (
        "a rebuild of 2026-10-02 to 2026-10-02 would lose 1 loaded partitions, the first 2026-10-01"
        in part.failures[BRONZE]
    )
    assert len(tiny.rows(BRONZE, "order_id")) == len(ROWS)
    whole = tiny.materialize([BRONZE], FIRST, SECOND, rebuild=[BRONZE])
    assert whole.failures == {}
    assert tiny.rows(BRONZE, "order_id", "quantity") == [(row["order_id"], "1") for row in ROWS]
    newest = next(iter(read_commits(tiny.lake.storage, BRONZE)))
    assert (newest.rebuild, newest.touched) == (True, {FIRST, SECOND})


def test_days_after_the_clocks_are_no_partitions(tiny: TinyLake) -> None:
    keys = build_definitions(tiny.lake).resolve_asset_graph().get(asset_key(SILVER)).partitions_def
    assert keys is not None
    assert keys.get_partition_keys() == [str(FIRST), str(SECOND), str(THIRD)]
