"""Spark opens the files of the partitions that a load's days read, and no others, and its plan says so."""

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from contracts.model import Read
from io_managers.storage import Storage
from tests.io_managers.pruned_reads import READS, days_found, plan_of, read_of_a_day

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize(("read", "day", "needed"), READS)
def test_only_files_of_days_that_are_read_are_opened(
    jvm: "SparkSession", storage: Storage, read: Read, day: dt.date, needed: list[dt.date]
) -> None:
    frame = read_of_a_day(jvm, storage, read, day)
    assert "PartitionFilters: [(day#" in plan_of(frame)
    assert days_found(frame, storage, needed) == needed
