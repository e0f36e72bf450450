"""Jars that were resolved once are read from there ever after, whatever else is on the machine."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resources.engine.jars import cache_folder

if TYPE_CHECKING:
    pass

WRITES = """
import sys
from pathlib import Path
from resources.engine.spark import SparkEngine

engine = SparkEngine(lineage=Path(sys.argv[1]))
engine.session().range(3).write.format("delta").save(f"file://{sys.argv[2]}")
engine.close()
"""
NO_NETWORK = " ".join(
    f"-D{protocol}.proxyHost=127.0.0.1 -D{protocol}.proxyPort=9 -D{protocol}.nonProxyHosts=localhost|127.*"
    for protocol in ("http", "https")
)
"""To all but this machine, nothing gets through."""


@pytest.mark.usefixtures("jvm")
def test_a_later_start_needs_no_network_and_does_not_look_into_the_home_folder(tmp_path: Path) -> None:
    half = tmp_path / "home/.m2/repository/io/delta/delta-spark_4.1_2.13/4.2.0"
    half.mkdir(parents=True)
    (half / "delta-spark_4.1_2.13-4.2.0.pom").write_text("<project/>")
    ended = subprocess.run(
        [sys.executable, "-c", WRITES, str(tmp_path / "lineage/events.jsonl"), str(tmp_path / "table")],
        env={
            **os.environ,
            "HOME": str(tmp_path / "home"),
            "XDG_CACHE_HOME": str(cache_folder().parents[1]),
            "JAVA_TOOL_OPTIONS": NO_NETWORK,
        },
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    assert list((tmp_path / "table").glob("*.parquet"))
    assert "COMPLETE" in (tmp_path / "lineage/events.jsonl").read_text()
