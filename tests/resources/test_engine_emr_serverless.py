"""Sessions of EMR Serverless: started, paid for and ended as they should be, whatever goes wrong between. The service is a fake."""

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from contracts.model import Contract
from lakehouse_assets import table
from resources.engine import connect, emr_serverless
from resources.engine.emr_serverless import EmrServerlessEngine
from resources.engine.interface import EngineAwayError, EngineError, Work
from tests.lakehouse_assets.tiny_lake import FIRST, ORDER_TABLES, TinyLake, order
from tests.resources.emr_service import APPLICATION, ROLE, EmrService, EmrSession, emr_service, trusted_authority

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[trustme.CA]:
    with trusted_authority(tmp_path_factory.mktemp("authority")) as authority:
        yield authority


@pytest.fixture(scope="module")
def behind() -> Iterator[str]:
    """The Spark Connect server of every session: the embedded engine's, which needs no Java."""
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def service(behind: str, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmrService]:
    monkeypatch.setattr(connect, "REPEATS", 3)
    with emr_service(behind, authority) as service:
        yield service


@pytest.fixture
def engine(service: EmrService) -> Iterator[EmrServerlessEngine]:
    engine = EmrServerlessEngine(APPLICATION, ROLE)
    yield engine
    engine.close()


def only_session(service: EmrService) -> EmrSession:
    (one,) = service.sessions.values()
    return one


def answer(session: "SparkSession", rows: int = 3) -> int:
    count: int = session.range(rows).count()
    return count


def test_a_session_is_started_when_it_is_needed_for_the_work_and_terminated_once(
    service: EmrService, engine: EmrServerlessEngine
) -> None:
    assert service.sessions == {}
    session = engine.session(Work("run-7", "bronze/snowflake_orders", "medium"))
    assert engine.session() is session
    assert answer(session) == 3
    asked = only_session(service).asked
    assert asked["executionRoleArn"] == ROLE
    assert asked["tags"] == {"lakehouse:run": "run-7", "lakehouse:asset": "bronze/snowflake_orders"}
    assert asked["idleTimeoutMinutes"] == emr_serverless.IDLE_MINUTES
    (defaults,) = asked["configurationOverrides"]["runtimeConfiguration"]
    assert defaults["classification"] == "spark-defaults"
    assert defaults["properties"]["spark.dynamicAllocation.maxExecutors"] == "16"
    assert defaults["properties"]["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension"
    engine.close()
    engine.close()
    assert service.running == []


def test_a_token_is_renewed_before_it_expires(service: EmrService, engine: EmrServerlessEngine) -> None:
    service.token_seconds = int(emr_serverless.TOKEN_MARGIN.total_seconds()) - 1
    session = engine.session()
    tokens = only_session(service).tokens
    before = set(tokens)
    assert answer(session) == 3
    assert tokens.keys() > before
    tokens.update(dict.fromkeys(tokens, 0.0))
    assert answer(session) == 3, "those that have expired are not used"
    service.token_seconds = int(dt.timedelta(hours=1).total_seconds())
    assert answer(session) == 3
    lasting = len(only_session(service).tokens)
    assert answer(session) == 3
    assert len(only_session(service).tokens) == lasting, "one that lasts is used again"


def test_a_session_that_was_lost_is_followed_by_another(service: EmrService, engine: EmrServerlessEngine) -> None:
    lost = engine.session()
    service.lose_sessions()
    found = engine.session()
    assert found is not lost
    assert answer(found) == 3
    assert len(service.sessions) == 2
    engine.close()
    assert service.running == []


def test_a_session_that_has_no_capacity_is_given_up_and_may_be_tried_again(
    service: EmrService, engine: EmrServerlessEngine
) -> None:
    service.begins_as = ("FAILED", "Insufficient capacity")
    with pytest.raises(EngineAwayError, match=r"before it began: FAILED, Insufficient capacity.* engine profile"):
        engine.session()
    assert service.running == []
    service.begins_as = ("STARTED", "")
    assert answer(engine.session()) == 3


def test_a_session_that_does_not_start_in_time_is_terminated(
    service: EmrService, engine: EmrServerlessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emr_serverless, "START_SECONDS", 0)
    service.begins_as = ("STARTING", "")
    with pytest.raises(EngineAwayError, match="still STARTING after 0 s"):
        engine.session()
    assert service.running == []


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("ServiceQuotaExceededException", EngineAwayError, "Try again later"),
        ("ConflictException", EngineAwayError, "Try again later"),
        ("ValidationException", EngineError, "Check LAKEHOUSE_EMR_APPLICATION, LAKEHOUSE_EMR_ROLE"),
        ("AccessDeniedException", EngineError, "what this process may do"),
    ],
)
def test_what_aws_refuses_is_named_and_tried_again_only_where_that_may_help(
    service: EmrService, engine: EmrServerlessEngine, code: str, kind: type[Exception], says: str
) -> None:
    service.refusals = [(code, "not now")] * 9
    with pytest.raises(
        kind, match=f"application {APPLICATION}: AWS would not start a session: {code}: not now.*{says}"
    ):
        engine.session()
    assert service.sessions == {}


def test_an_application_that_was_stopped_is_named(service: EmrService, engine: EmrServerlessEngine) -> None:
    service.application_state = "STOPPED"
    with pytest.raises(EngineAwayError, match="The application is STOPPED: start it"):
        engine.session()


def test_an_api_that_is_away_is_named(engine: EmrServerlessEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(EngineAwayError, match="AWS could not be asked to start a session"):
        engine.session()


@pytest.fixture
def lake(engine: EmrServerlessEngine, contracts: Mapping[str, Contract], tmp_path: Path) -> TinyLake:
    tiny = TinyLake(tmp_path, engine, contracts)
    tiny.deliver("snowflake/orders", "first", order("one", FIRST))
    return tiny


def test_a_load_says_what_its_session_cost_and_where_its_spark_ui_is(service: EmrService, lake: TinyLake) -> None:
    run = lake.materialize(ORDER_TABLES, FIRST)
    assert run.failures == {}
    (metadata,) = run.metadata("silver/orders").values()
    assert metadata["spark_ui"] == "https://dashboard.example/session"
    assert metadata["session_billed_vCPUHour"] == 0.25
    assert only_session(service).asked["tags"]["lakehouse:run"] == run.result.run_id


def test_a_load_does_not_fail_by_what_it_can_not_say_of_its_session(service: EmrService, lake: TinyLake) -> None:
    service.shows_dashboards = False
    run = lake.materialize(ORDER_TABLES, FIRST)
    assert run.failures == {}
    (metadata,) = run.metadata("silver/orders").values()
    assert "AccessDeniedException" in metadata["session_figures"]
    assert "spark_ui" not in metadata


def test_a_session_that_is_lost_in_the_middle_of_a_run_is_made_up_for(
    service: EmrService, lake: TinyLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, lost = table.prepare_changes, []

    def losing(*arguments: object, **named: object) -> object:
        """Loses the session once, when silver is about to be staged."""
        if not lost:
            lost.append(True)
            service.lose_sessions()
        return original(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(table, "prepare_changes", losing)
    run = lake.materialize(ORDER_TABLES, FIRST)
    assert run.failures == {}
    assert run.tries_again == 1
    assert len(service.sessions) == 2
    assert lake.rows("silver/orders", "order_id") == [("one",)]
    lake.engine.close()
    assert service.running == []
