"""A load opens the files of the partitions that its days read, and no others."""

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from contracts.model import Read
from io_managers.storage import Storage
from tests.io_managers.pruned_reads import READS, days_found, read_of_a_day

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize(("read", "day", "needed"), READS)
def test_only_files_of_days_that_are_read_are_opened(
    spark: "SparkSession", storage: Storage, read: Read, day: dt.date, needed: list[dt.date]
) -> None:
    assert days_found(read_of_a_day(spark, storage, read, day), storage, needed) == needed
