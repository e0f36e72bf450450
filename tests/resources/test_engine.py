"""The engine's session: one, started when it is first needed, checked for what tables rely on, and ended for good."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

from io_managers.failures import EngineLostError, engine_failure
from resources.engine import capabilities, connect
from resources.engine.capabilities import PROBES, require_capabilities
from resources.engine.interface import EngineError
from resources.engine.sail import SailEngine
from tests.lake_processes import whole_environment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_times_are_utc_and_ansi_is_on(spark: "SparkSession") -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.conf.get("spark.sql.ansi.enabled") == "true"
    shown, hour = spark.sql(
        "select cast(timestamp'2026-01-01 12:00:00+02:00' as string), hour(timestamp'2026-07-01 12:00:00+02:00')"
    ).collect()[0]
    assert (shown, hour) == ("2026-01-01 10:00:00", 10)


def test_a_cast_that_fails_is_an_error_and_not_null(spark: "SparkSession") -> None:
    with pytest.raises(Exception, match=r"(?i)cast|parse|invalid"):
        spark.sql("select cast(text as int) from values ('x') as given(text)").collect()


def test_the_engine_has_every_capability(spark: "SparkSession") -> None:
    require_capabilities(spark, "sail")


@pytest.mark.parametrize("capability", PROBES)
def test_an_engine_that_answers_otherwise_is_refused_by_name(
    spark: "SparkSession", monkeypatch: pytest.MonkeyPatch, capability: str
) -> None:
    expression, _ = PROBES[capability]
    monkeypatch.setitem(PROBES, capability, (expression, "another answer"))
    with pytest.raises(EngineError) as raised:
        require_capabilities(spark, "abacus")
    message = str(raised.value)
    assert "engine 'abacus'" in message
    assert f"{capability}: {expression} gave " in message
    assert [name for name in PROBES if f"{name}: " in message] == [capability]


def test_every_capability_that_lacks_is_named(spark: "SparkSession", monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (expression, _) in PROBES.items():
        monkeypatch.setitem(PROBES, name, (expression, "another answer"))
    with pytest.raises(EngineError) as raised:
        require_capabilities(spark, "abacus")
    assert all(f"{name}: " in str(raised.value) for name in PROBES)


def test_what_an_engine_can_not_even_compute_is_named_too(
    spark: "SparkSession", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROBES, "hashes of the future", ("sha9('a')", "x"))
    with pytest.raises(EngineError, match=r"engine 'abacus'.*: hashes of the future: .* gave .*error") as raised:
        require_capabilities(spark, "abacus")
    assert [name for name in PROBES if f"{name}: " in str(raised.value)] == ["hashes of the future"]


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was started and stopped, in order."""
    from pysail import spark as sail

    seen: list[str] = []

    class Watched(sail.SparkConnectServer):  # type: ignore[misc]
        def start(self, *arguments: Any, **options: Any) -> None:
            seen.append("start")
            super().start(*arguments, **options)

        def stop(self) -> None:
            seen.append("stop")
            super().stop()

    monkeypatch.setattr(sail, "SparkConnectServer", Watched)
    return seen


def test_a_session_is_started_once_when_it_is_needed_and_ended_once(starts: list[str]) -> None:
    engine = SailEngine()
    assert starts == []
    session = engine.session()
    assert engine.session() is session
    assert session.sql("select 1").collect()[0][0] == 1
    assert starts == ["start"]
    engine.close()
    engine.close()
    assert starts == ["start", "stop"]


def test_an_engine_that_was_closed_starts_again(starts: list[str]) -> None:
    engine = SailEngine()
    engine.session()
    engine.close()
    assert engine.session().sql("select 2").collect()[0][0] == 2
    engine.close()
    assert starts == ["start", "stop"] * 2


def test_closing_an_engine_that_never_started_does_nothing(starts: list[str]) -> None:
    SailEngine().close()
    assert starts == []


def test_an_engine_that_lacks_a_capability_leaves_no_server_behind(
    starts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(capabilities.PROBES, "timestamps are UTC", ("'local'", "UTC"))
    engine = SailEngine()
    for _ in range(2):
        with pytest.raises(EngineError, match="engine 'sail' can't run the lakehouse: timestamps are UTC"):
            engine.session()
    assert starts == ["start", "stop"] * 2


def test_a_session_that_has_ended_closes_nothing_more_when_it_is_collected(spark: "SparkSession") -> None:
    engine = SailEngine()
    session: Any = engine.session()
    session.is_kept_by = session
    ended = weakref.ref(session)
    engine.close()
    del session
    spark.range(1).collect()
    releases = ExecutePlanResponseReattachableIterator._release_thread_pool_instance
    gc.collect()
    assert ended() is None
    assert ExecutePlanResponseReattachableIterator._release_thread_pool_instance is releases is not None


def test_a_process_that_ends_with_its_engine_open_logs_no_error() -> None:
    script = "from resources.engine.sail import SailEngine; print(SailEngine().session().range(1).count())"
    environment = whole_environment({"SPARK_CONNECT_LOG_LEVEL": "ERROR"})
    ended = subprocess.run(
        [sys.executable, "-c", script], check=False, env=environment, capture_output=True, text=True, timeout=120
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1\n", "")


def garble(monkeypatch: pytest.MonkeyPatch, spark: Any, call: str, times: int) -> Callable[[], int]:
    """Has gRPC find a number of answers to a call garbled. Gives how many of them are to come."""
    left = times
    method = getattr(spark.client._stub, call)
    read = method._response_deserializer

    def garbled_at_first(answer: bytes) -> Any:
        nonlocal left
        if left == 0:
            return read(answer)
        left -= 1
        raise ValueError("no message")

    monkeypatch.setattr(method, "_response_deserializer", garbled_at_first)
    return lambda: left


@pytest.mark.parametrize("call", ["Config", "AnalyzePlan"])
def test_an_answer_that_can_not_be_read_is_asked_for_again(
    spark: "SparkSession", monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    to_come = garble(monkeypatch, spark, call, 1)
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.range(3).schema.simpleString() == "struct<id:bigint>"
    assert to_come() == 0


@pytest.mark.parametrize(("call", "times"), [("Config", 99), ("ExecutePlan", 1)])
def test_an_engine_whose_answer_stays_garbled_is_lost_and_may_be_tried_again(
    spark: Any, monkeypatch: pytest.MonkeyPatch, call: str, times: int
) -> None:
    monkeypatch.setattr(spark.client, "_retry_policies", [connect._repeated(1)])
    garble(monkeypatch, spark, call, times)
    with pytest.raises(PySparkException) as raised:
        spark.range(3).collect()
    assert isinstance(engine_failure(raised.value), EngineLostError)
