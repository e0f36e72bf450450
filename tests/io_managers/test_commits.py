"""The record of publishes in a table's log."""

import datetime as dt
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from io_managers.commits import CommitRecord, from_commit_info, read_commits, to_metadata
from io_managers.log import log_uri
from io_managers.snapshot import open_snapshot
from io_managers.storage import Storage
from tests.io_managers.publish_support import CONTRACT, TABLE, load

texts = st.text(min_size=1, max_size=8)
records = st.builds(
    CommitRecord,
    version=st.integers(0, 10**6),
    timestamp=st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2040, 1, 1), timezones=st.just(dt.UTC)).map(
        lambda time: time.replace(microsecond=0)
    ),
    run_id=texts,
    step=texts,
    attempt=st.integers(1, 2**63 - 1),
    asset=texts,
    contract_version=texts,
    clock=st.datetimes(timezones=st.just(dt.UTC)),
    partitions=st.frozensets(texts),
    windows=st.frozensets(texts),
    touched=st.frozensets(st.dates()),
    inputs=st.dictionaries(texts, st.integers(0, 100)),
    counts=st.dictionaries(texts, st.integers(0, 100)),
    rebuild=st.booleans(),
)


@given(records)
def test_a_record_survives_its_way_through_the_log(record: CommitRecord) -> None:
    info = {**to_metadata(record), "timestamp": int(record.timestamp.timestamp() * 1000)}
    assert from_commit_info(record.version, info) == record


def test_no_table_has_no_commits(storage: Storage) -> None:
    assert list(read_commits(storage, TABLE)) == []


def test_publishes_are_read_newest_first_and_other_commits_are_passed_over(storage: Storage) -> None:
    load(storage, [("a", "k", 1)], ["a"])
    open_snapshot(storage, replace(CONTRACT, restatement_days=90))
    load(storage, [("b", "k", 1)], ["b"], open_snapshot(storage, replace(CONTRACT, restatement_days=90)))
    assert [record.version for record in read_commits(storage, TABLE)] == [3, 1]


def test_bounds_are_after_and_until(storage: Storage) -> None:
    for day in "abcd":
        load(storage, [(day, "k", 1)], [day])
    assert [record.version for record in read_commits(storage, TABLE)] == [4, 3, 2, 1]
    assert [record.version for record in read_commits(storage, TABLE, after_version=1, until_version=3)] == [3, 2]
    assert [sorted(record.partitions) for record in read_commits(storage, TABLE, 3)] == [["d"]]


def test_expired_logs_end_the_reading(storage: Storage) -> None:
    for day in "abc":
        load(storage, [(day, "k", 1)], [day])
    storage.delete_file(f"{log_uri(storage.table_uri(TABLE))}/{1:020d}.json")
    assert [record.version for record in read_commits(storage, TABLE)] == [3, 2]
    reading = read_commits(storage, TABLE)
    assert next(reading).version == 3
    storage.delete_file(f"{log_uri(storage.table_uri(TABLE))}/{2:020d}.json")
    assert list(reading) == []


def test_the_time_of_a_commit_is_when_it_was_made(storage: Storage) -> None:
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    open_snapshot(storage, CONTRACT)
    load(storage, [], ["a"])
    assert before <= next(read_commits(storage, TABLE)).timestamp <= dt.datetime.now(dt.UTC)
