"""Opening tables: created once whoever comes first, and changed in place only where nothing stored is lost."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from contracts.errors import PermanentError
from contracts.model import Column
from io_managers import snapshot as opening
from io_managers.log import log_uri
from io_managers.snapshot import SchemaChangeError, TableBusyError, find_snapshot, open_snapshot, schema_change, widens
from io_managers.storage import Storage
from tests.io_managers.publish_support import AMOUNT, CONTRACT, DAY, KEY, TABLE, VALUE, content, load, make_contract


def types(storage: Storage) -> dict[str, str]:
    return {field.name: field.type.type for field in DeltaTable(storage.table_uri(TABLE)).schema().fields}


def test_a_missing_table_is_found_missing(storage: Storage) -> None:
    assert find_snapshot(storage, TABLE) is None


def test_a_table_is_created_as_its_contract_says(storage: Storage) -> None:
    snapshot = open_snapshot(storage, CONTRACT)
    metadata = snapshot.delta.metadata()
    assert (metadata.name, metadata.description, metadata.partition_columns) == (TABLE, "Things", ["day"])
    assert metadata.configuration == {
        "delta.checkpointInterval": "1000000000",
        "delta.logRetentionDuration": "interval 60 days",
        "delta.deletedFileRetentionDuration": "interval 60 days",
    }
    assert [(field.name, field.nullable) for field in snapshot.delta.schema().fields] == [
        ("day", False),
        ("key", False),
        ("value", True),
    ]
    assert snapshot.transactions == {}
    assert snapshot.row_count() == 0


def test_a_table_is_created_where_something_is_staged_already(storage: Storage) -> None:
    storage.create_folder(f"{storage.table_uri(TABLE)}/data/run")
    assert open_snapshot(storage, CONTRACT).version == 0


def test_many_creators_of_a_table_get_the_same(storage: Storage) -> None:
    found: list[Any] = []
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        try:
            found.append(open_snapshot(storage, CONTRACT).delta.metadata().id)
        except Exception as error:  # noqa: BLE001 - seen by the assertion below
            found.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1, found
    assert open_snapshot(storage, CONTRACT).version == 0


@pytest.mark.parametrize("lands", [True, False])
def test_a_creation_that_failed_is_judged_by_the_table_that_is_there(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    create = DeltaTable.create

    def failing(*arguments: Any, **options: Any) -> None:
        if lands:
            create(*arguments, **options)
        raise OSError("access denied")

    monkeypatch.setattr(DeltaTable, "create", failing)
    if lands:
        assert open_snapshot(storage, CONTRACT).version == 0
    else:
        with pytest.raises(OSError, match="access denied"):
            open_snapshot(storage, CONTRACT)


def test_a_snapshot_is_of_the_version_it_was_opened_at(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    early = find_snapshot(storage, TABLE)
    load(storage, [("b", "k", 1)], ["b"])
    assert early is not None
    assert set(early.transactions) == {"p:a"}
    assert early.row_count() == 1
    again = find_snapshot(storage, TABLE, version=1)
    assert again is not None
    assert again.transactions == early.transactions


def test_transactions_are_read_across_checkpoints(storage: Storage) -> None:
    attempts = {}
    for number in range(1, 5):
        attempts[f"p:{number}"] = load(storage, [(str(number), "k", number)], [str(number)]).attempt
        if number % 2:
            DeltaTable(storage.table_uri(TABLE)).create_checkpoint()
    attempts["p:1"] = load(storage, [], ["1"]).attempt
    assert open_snapshot(storage, CONTRACT).transactions == attempts
    for version in (0, 1, 2):
        storage.delete_file(f"{log_uri(storage.table_uri(TABLE))}/{version:020d}.json")
    assert open_snapshot(storage, CONTRACT).transactions == attempts


def test_opening_removes_a_checkpoint_hint_that_a_killed_run_left(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    log = log_uri(storage.table_uri(TABLE))
    DeltaTable(storage.table_uri(TABLE)).create_checkpoint()
    assert "_last_checkpoint" in storage.list_files(log)
    open_snapshot(storage, CONTRACT)
    assert "_last_checkpoint" not in storage.list_files(log)


def test_a_new_nullable_column_is_added_and_null_in_older_rows(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    contract = make_contract(DAY, AMOUNT, KEY, Column("tags", "array<struct<name:string>>", "Tags."), VALUE)
    assert open_snapshot(storage, contract).version == 2
    assert open_snapshot(storage, contract).version == 2
    assert content(storage) == [("a", "k", 1, None, None)]


def test_two_openers_of_a_changed_contract_change_the_table_once(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_snapshot(storage, CONTRACT)
    contract = make_contract(DAY, KEY, VALUE, AMOUNT)
    change = opening._change

    def overtaken(table: DeltaTable, given: Any) -> bool:
        monkeypatch.undo()
        open_snapshot(storage, contract)
        return change(table, given)

    monkeypatch.setattr(opening, "_change", overtaken)
    assert open_snapshot(storage, contract).version == 1


def test_a_table_that_others_always_change_is_busy(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def always(*_arguments: Any) -> bool:
        raise CommitFailedError("overtaken")

    monkeypatch.setattr(opening, "_change", always)
    monkeypatch.setattr(opening, "wait_for_others", lambda turn: None)
    with pytest.raises(TableBusyError, match="20 times"):
        open_snapshot(storage, CONTRACT)


def test_numbers_are_widened_in_one_metadata_change(storage: Storage) -> None:
    narrow = make_contract(DAY, KEY, replace(VALUE, type="int"), AMOUNT)
    open_snapshot(storage, narrow)
    wide = make_contract(DAY, KEY, VALUE, replace(AMOUNT, type="decimal(22, 2)"))
    assert open_snapshot(storage, wide).version == 1
    assert open_snapshot(storage, wide).version == 1
    assert (types(storage)["value"], types(storage)["amount"]) == ("long", "decimal(22,2)")
    assert DeltaTable(storage.table_uri(TABLE)).metadata().configuration["delta.checkpointInterval"] == "1000000000"


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        ("int", "bigint", True),
        ("bigint", "int", False),
        ("int", "double", False),
        ("decimal(18,2)", "decimal(20,2)", True),
        ("decimal(20,2)", "decimal(18,2)", False),
        ("decimal(18,2)", "decimal(20,4)", False),
        ("decimal(18,2)", "string", False),
    ],
)
def test_only_wider_numbers_widen(current: str, wanted: str, expected: bool) -> None:
    assert widens(current, wanted) is expected


def test_a_column_that_may_be_null_from_now_on_is_loosened(storage: Storage) -> None:
    open_snapshot(storage, CONTRACT)
    contract = make_contract(DAY, replace(KEY, required=False), VALUE)
    assert [field.nullable for field in open_snapshot(storage, contract).delta.schema().fields] == [False, True, True]


def test_a_column_that_is_required_from_now_on_stays_nullable_in_the_table(storage: Storage) -> None:
    open_snapshot(storage, CONTRACT)
    assert open_snapshot(storage, make_contract(DAY, KEY, replace(VALUE, required=True))).version == 0


def test_a_longer_restatement_keeps_the_log_longer(storage: Storage) -> None:
    open_snapshot(storage, CONTRACT)
    configuration = open_snapshot(storage, replace(CONTRACT, restatement_days=90)).delta.metadata().configuration
    assert configuration["delta.logRetentionDuration"] == "interval 180 days"


UNSUPPORTED = {
    "column 'value' is bigint in the table and string in the contract": (DAY, KEY, replace(VALUE, type="string")),
    "column 'value' is bigint in the table and int in the contract": (DAY, KEY, replace(VALUE, type="int")),
    r"column 'value' \(bigint\) is not in the contract": (DAY, KEY),
    r"column 'amount' \(decimal\(20,2\)\) is new and required": (DAY, KEY, VALUE, replace(AMOUNT, required=True)),
}


@pytest.mark.parametrize("message", UNSUPPORTED)
def test_any_other_change_is_refused_by_column_and_both_types(storage: Storage, message: str) -> None:
    open_snapshot(storage, CONTRACT)
    with pytest.raises(SchemaChangeError, match=message) as refused:
        open_snapshot(storage, make_contract(*UNSUPPORTED[message]))
    assert isinstance(refused.value, PermanentError)
    assert "rebuild" in str(refused.value)
    assert open_snapshot(storage, CONTRACT).version == 0


def test_every_problem_is_named_at_once() -> None:
    fields = [
        {"name": name, "type": kind, "nullable": True}
        for name, kind in (("day", "string"), ("key", "long"), ("value", "string"))
    ]
    with pytest.raises(SchemaChangeError, match=r"'key' is bigint.*'value' is string"):
        schema_change(fields, CONTRACT)


def test_another_partition_column_is_refused_even_for_a_rebuild(storage: Storage) -> None:
    open_snapshot(storage, CONTRACT)
    other = make_contract(DAY, KEY, VALUE, partition_column="key")
    for rebuild in (False, True):
        with pytest.raises(SchemaChangeError, match="partitioned by"):
            open_snapshot(storage, other, rebuild=rebuild)


def test_a_broken_log_is_no_missing_table(storage: Storage) -> None:
    storage.create_folder(log_uri(storage.table_uri(TABLE)))
    with open(f"{log_uri(storage.table_uri(TABLE))}/{0:020d}.json", "w") as file:  # noqa: PTH123
        file.write("no json")
    with pytest.raises(DeltaError):
        open_snapshot(storage, CONTRACT)
