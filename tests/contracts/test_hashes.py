"""The hash by which rows are compared, where the engine knows a file's values from its statistics alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts.hashes import hash_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VALUES = {
    "text": "'a'", "number": "7", "nothing": "cast(null as string)", "money": "cast(1.50 as decimal(18,2))",
    "day": "date'2026-01-01'", "moment": "timestamp'2026-01-01 12:00:00'",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["delta", "parquet"])
@pytest.mark.parametrize("names", [(name,) for name in VALUES] + [tuple(VALUES)])
def test_rows_of_a_file_that_are_all_alike_are_hashed(
    spark: "SparkSession", tmp_path: Path, kind: str, names: tuple[str, ...]
) -> None:
    row = ", ".join(f"{value} as {name}" for name, value in VALUES.items())
    spark.sql(f"select {row} from (select explode(array(1, 2, 3)))").write.format(kind).save(str(tmp_path / "alike"))
    alike = spark.read.format(kind).load(str(tmp_path / "alike"))
    expected = spark.sql(f"select xxhash64({', '.join(VALUES[name] for name in names)})").collect()[0][0]
    assert [row[0] for row in alike.selectExpr(hash_of(names)).collect()] == [expected] * 3
    groups = alike.selectExpr(f"{hash_of(names)} as hash").groupBy("hash").count().collect()
    assert [tuple(group) for group in groups] == [(expected, 3)]


def test_the_hash_of_rows_that_differ_is_the_engines(spark: "SparkSession") -> None:
    rows = spark.sql("select * from values ('a', 1), ('b', null) as v(text, number)")
    ours, engines = ([row[0] for row in rows.selectExpr(sql).collect()] for sql in (hash_of(["text", "number"]), "xxhash64(text, number)"))  # fmt: skip
    assert ours == engines
    assert ours[0] != ours[1]
