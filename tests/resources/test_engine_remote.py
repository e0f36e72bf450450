"""Any Spark Connect server by its address. The server is the embedded engine's, run by the test."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from io_managers.shared_storage import StorageNotSharedError, require_shared_storage
from io_managers.storage import Storage
from resources.engine import connect
from resources.engine.interface import EngineAwayError
from resources.engine.registry import make_engine
from resources.engine.remote import RemoteEngine
from resources.engine.sail import SailEngine
from resources.engine.spark import SparkEngine


class Server:
    """A server that can be stopped and started again at its address."""

    def __init__(self, port: int = 0) -> None:
        from pysail.spark import SparkConnectServer

        self.running = SparkConnectServer("127.0.0.1", port)
        self.running.start(background=True)
        self.port: int = self.running.listening_address[1]


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.running.stop()


def test_the_setting_names_the_engine() -> None:
    made = {name: type(make_engine(name, on_s3=False)) for name in ("sail", "spark", "sc://host:15002")}
    assert made == {"sail": SailEngine, "spark": SparkEngine, "sc://host:15002": RemoteEngine}


def test_a_server_at_an_address_computes(server: Server) -> None:
    engine = RemoteEngine(f"sc://127.0.0.1:{server.port}")
    assert engine.name == f"sc://127.0.0.1:{server.port}"
    assert engine.session().range(3).count() == 3
    assert engine.session().conf.get("spark.sql.session.timeZone") == "UTC"
    engine.close()


def test_a_server_that_was_restarted_gets_a_new_session(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "REPEATS", 3)
    engine = RemoteEngine(f"sc://127.0.0.1:{server.port}")
    before = engine.session()
    server.running.stop()
    server.running = Server(server.port).running
    after = engine.session()
    assert after is not before
    assert after.range(4).count() == 4
    engine.close()


def test_an_address_where_nothing_listens_is_named_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(
        EngineAwayError, match=rf"engine 'sc://127\.0\.0\.1:{port}' can't be reached at 127\.0\.0\.1:{port}"
    ):
        RemoteEngine(f"sc://127.0.0.1:{port}").session()


def test_a_token_is_asked_for_when_it_is_needed_and_stays_out_of_the_name(server: Server) -> None:
    asked = []

    def token() -> str | None:
        asked.append(True)
        return None

    engine = RemoteEngine(f"sc://127.0.0.1:{server.port}/;user_id=someone", token)
    assert asked == []
    assert engine.session().range(1).count() == 1
    assert asked == [True]
    assert "someone" not in engine.name
    engine.close()


def test_an_engine_that_shares_the_storage_leaves_nothing_there(server: Server, tmp_path: Path) -> None:
    engine = RemoteEngine(f"sc://127.0.0.1:{server.port}")
    require_shared_storage(engine.session(), Storage(str(tmp_path)), engine.name)
    assert list(tmp_path.iterdir()) == []
    engine.close()


def test_an_engine_that_writes_elsewhere_is_found(server: Server, tmp_path: Path) -> None:
    class Elsewhere(Storage):
        """Stands in for a machine whose folder of the same name is another one."""

        def engine_path(self, uri: str) -> str:
            return super().engine_path(uri.replace(str(tmp_path / "here"), str(tmp_path / "there")))

    engine = RemoteEngine(f"sc://127.0.0.1:{server.port}")
    with pytest.raises(StorageNotSharedError, match=r"nothing arrived at .*here.*LAKEHOUSE_ROOT that it reaches"):
        require_shared_storage(engine.session(), Elsewhere(str(tmp_path / "here")), engine.name)
    engine.close()


def test_an_engine_that_may_not_write_says_where_and_why(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    engine = RemoteEngine(f"sc://127.0.0.1:{server.port}")
    with pytest.raises(StorageNotSharedError, match=r"can't write file://.*/file/"):
        require_shared_storage(engine.session(), Storage(str(tmp_path / "file")), engine.name)
    engine.close()
