"""What the embedded engine can't stand in for, behind the fake of EMR Serverless: an answer that goes on after its connection was cut."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from resources.engine.emr_serverless import EmrServerlessEngine
from tests.resources.emr_service import APPLICATION, ROLE, emr_service, trusted_authority

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_a_connection_that_is_cut_is_taken_up_where_it_was(
    jvm: "SparkSession",
    jvm_address: list[str],
    tmp_path: Path,
) -> None:
    server = urlsplit(jvm_address[0])
    token = server.path.removeprefix("/;token=")
    with (
        trusted_authority(tmp_path) as authority,
        emr_service(f"localhost:{server.port}", authority, token) as service,
    ):
        engine = EmrServerlessEngine(APPLICATION, ROLE)
        session = engine.session()
        service.cuts = 1
        assert session.range(100_000).toArrow().num_rows == 100_000
        assert service.cuts == 0
        assert len(service.sessions) == 1
        engine.close()
        assert service.running == []
