"""What Spark on this machine needs is looked for before it starts, and missing things are named. None of this needs Java."""

import subprocess
from pathlib import Path

import pytest

from resources.engine import jars
from resources.engine.interface import EngineError
from resources.engine.jars import DELTA, cache_folder, jar_settings
from resources.engine.java import require_java
from resources.engine.spark import SparkEngine, s3_settings


def java_that_says(folder: Path, line: str, status: int = 0) -> dict[str, str]:
    """The variables of a machine whose Java prints a line, as it does on standard error."""
    java = folder / "bin/java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho '{line}' >&2\nexit {status}\n")
    java.chmod(0o755)
    return {"JAVA_HOME": str(folder)}


@pytest.mark.parametrize("line", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "21" 2023-09-19'])
def test_a_java_that_is_new_enough_will_do(tmp_path: Path, line: str) -> None:
    require_java(java_that_says(tmp_path, line))


def test_an_older_java_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r'says openjdk version "11\.0\.2".* needs Java 17 .*LAKEHOUSE_ENGINE=sail'):
        require_java(java_that_says(tmp_path, 'openjdk version "11.0.2" 2019-01-15'))


def test_an_old_numbering_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="needs Java 17"):
        require_java(java_that_says(tmp_path, 'java version "1.8.0_292"'))


def test_a_java_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"bin/java can't be run: .*openjdk-17-jre-headless"):
        require_java(java_that_says(tmp_path, "broken", status=1))


def test_no_java_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = SparkEngine(cache=tmp_path / "jars")
    with pytest.raises(EngineError, match="no Java was found: JAVA_HOME is not set, and the PATH has no java"):
        engine.session()
    assert list(tmp_path.iterdir()) == []


def test_the_first_start_resolves_the_jars_and_later_ones_only_read_them(tmp_path: Path) -> None:
    with jar_settings(DELTA, tmp_path) as first:
        folder = Path(first["spark.jars.ivy"])
        assert first["spark.jars.packages"] == ",".join(DELTA)
        assert "m2" not in Path(first["spark.jars.ivySettings"]).read_text().replace("m2compatible", "")
        (folder / "jars").mkdir()
        for name in ("b.jar", "a.jar"):
            (folder / "jars" / name).touch()
    with jar_settings(DELTA, tmp_path) as later:
        assert later == {"spark.jars": f"{folder}/jars/a.jar,{folder}/jars/b.jar"}
    with jar_settings((*DELTA, *jars.LINEAGE), tmp_path) as others:
        assert "spark.jars.packages" in others


def test_a_start_that_failed_leaves_the_jars_to_be_resolved(tmp_path: Path) -> None:
    with pytest.raises(subprocess.SubprocessError), jar_settings(DELTA, tmp_path):
        raise subprocess.SubprocessError
    with jar_settings(DELTA, tmp_path) as again:
        assert "spark.jars.packages" in again


def test_jars_are_kept_where_a_user_keeps_what_can_be_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "lakehouse/jars"


def test_an_s3_of_ones_own_is_told_to_hadoop() -> None:
    settings = s3_settings({"AWS_ENDPOINT_URL": "http://127.0.0.1:5000", "AWS_REGION": "eu-west-1"})
    assert settings["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:5000"
    assert settings["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert s3_settings({"AWS_REGION": "eu-west-1"}) == {}
