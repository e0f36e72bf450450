"""A start of Spark in a process of its own, after one that resolved its jars: they are read from there, whatever else is on the machine."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resources.engine.jars import cache_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WRITES = """
import sys
from pathlib import Path
from resources.engine.spark import SparkEngine

engine = SparkEngine(lineage=Path(sys.argv[1]))
engine.session().range(3).write.format("delta").save(f"file://{sys.argv[2]}")
engine.close()
"""
TALKATIVE = "-XX:+PrintCommandLineFlags"
"""Lets the JVM begin with its flags, on standard output."""
NO_NETWORK = " ".join(
    f"-D{protocol}.proxyHost=127.0.0.1 -D{protocol}.proxyPort=9 -D{protocol}.nonProxyHosts=localhost|127.*"
    for protocol in ("http", "https")
)
"""To all but this machine, nothing gets through."""


@dataclass(frozen=True)
class LaterStart:
    """A process that started Spark and wrote a table, and the folder that it wrote to."""

    ended: "subprocess.CompletedProcess[str]"
    folder: Path


@pytest.fixture(scope="module")
def later(jvm: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> LaterStart:
    folder = tmp_path_factory.mktemp("later")
    half = folder / "home/.m2/repository/io/delta/delta-spark_4.1_2.13/4.2.0"
    half.mkdir(parents=True)
    (half / "delta-spark_4.1_2.13-4.2.0.pom").write_text("<project/>")
    ended = subprocess.run(
        [sys.executable, "-c", WRITES, str(folder / "lineage/events.jsonl"), str(folder / "table")],
        env={
            **os.environ,
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(cache_folder().parents[1]),
            "JAVA_TOOL_OPTIONS": f"{NO_NETWORK} {TALKATIVE}",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    return LaterStart(ended, folder)


def test_a_later_start_needs_no_network_and_does_not_look_into_the_home_folder(later: LaterStart) -> None:
    assert later.ended.returncode == 0, later.ended.stderr
    assert list((later.folder / "table").glob("*.parquet"))
    assert "COMPLETE" in (later.folder / "lineage/events.jsonl").read_text()


def test_what_a_jvm_says_is_not_taken_for_a_commands_answer(later: LaterStart) -> None:
    assert "-XX:" in later.ended.stderr.replace(TALKATIVE, "")
    assert later.ended.stdout == ""
