"""Spark on this machine: a Connect server in a JVM that this process starts and that ends with it."""

import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.engine.connect import CLIENT_MODE, JVM_SERVER_SETTINGS, ConnectedEngine, connect
from resources.engine.interface import EngineError, Work
from resources.engine.jars import DELTA, LINEAGE, S3, cache_folder, jar_settings
from resources.engine.java import require_java
from resources.engine.memory import all_memory

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_STDOUT, _STDERR = 1, 2
_TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105
_SERVER_SETTINGS = {
    "spark.app.name": "lakehouse",
    "spark.master": "local[*]",
    # Loads want throughput: the default collector's own threads take 2 cores' time for pauses that nobody would notice.
    "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.host": "localhost",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


class SparkEngine(ConnectedEngine):
    """Starts Spark at the first use and ends it at `close`, or with the process, however that ends."""

    name = "spark"
    s3_scheme = "s3a://"

    def __init__(
        self,
        *,
        on_s3: bool = False,
        settings: Mapping[str, str] | None = None,
        memory: int | None = None,
        lineage: Path | None = None,
        cache: Path | None = None,
    ) -> None:
        """Prepares a server, and starts nothing.

        Args:
            on_s3: whether it reads and writes S3, of which it knows the address and credentials by AWS_* variables.
            settings: of the server, beside its own.
            memory: of its heap, bytes; by default half of the machine's.
            lineage: the file to which it adds what each write was made from, a JSON object a line.
            cache: the folder of jars.
        """
        self._packages = (*DELTA, *(S3 if on_s3 else ()), *(LINEAGE if lineage else ()))
        self._more = {
            **(s3_settings(os.environ) if on_s3 else {}),
            **(lineage_settings(lineage) if lineage else {}),
            **(settings or {}),
        }
        self._memory = memory or all_memory() // 2
        self._lineage = lineage
        self._cache = cache or cache_folder()
        super().__init__()
        self._context: Any = None

    def _open(self, work: Work) -> "SparkSession":  # noqa: ARG002
        require_java()
        if self._lineage is not None:
            # Where there is no folder, Spark would say so in its log and write nothing.
            self._lineage.parent.mkdir(parents=True, exist_ok=True)
        port, token = _free_port(), secrets.token_hex()
        self._context = self._start(port, token)
        return connect(f"sc://localhost:{port}/;token={token}")

    def _start(self, port: int, token: str) -> Any:
        from pyspark import SparkConf, SparkContext
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession

        parallelism = str(2 * (os.cpu_count() or 1))
        settings = {
            **JVM_SERVER_SETTINGS,
            **_SERVER_SETTINGS,
            **self._more,
            "spark.connect.grpc.binding.port": str(port),
            "spark.driver.memory": f"{self._memory // 2**20}m",
            # Spark's 200 are for a cluster; adaptive execution joins what turns out small, and splits nothing.
            "spark.sql.shuffle.partitions": parallelism,
        }
        # Of the token the JVM has a copy then; a setting would show in the list of processes. A process that has been a
        # client may start no server, unless it forgets that it was.
        try:
            os.environ[_TOKEN] = token
            was_client = os.environ.pop(CLIENT_MODE, None)
            with jar_settings(self._packages, self._cache) as jars, _without_standard_output():
                context = SparkContext(conf=SparkConf().setAll([*settings.items(), *jars.items()]))
            SparkSession(context)  # the server takes each client's settings from a session that is there
        except PySparkException as error:
            raise EngineError(
                f"engine 'spark' can't be started: {error}. What Spark said is above; its jars are in {self._cache}, and are fetched at the first start."
            ) from error
        finally:
            del os.environ[_TOKEN]
            if was_client is not None:
                os.environ[CLIENT_MODE] = was_client
        return context

    def _end(self) -> None:
        if self._context is not None:
            self._context.stop()
            self._context = None


def s3_settings(environment: Mapping[str, str]) -> Mapping[str, str]:
    """What Hadoop has to be told of S3 that it doesn't read from AWS's variables itself."""
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return {}
    return {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": environment.get("AWS_REGION", "us-east-1"),
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(endpoint.startswith("https")).lower(),
    }


def lineage_settings(file: Path) -> Mapping[str, str]:
    """By which Spark adds an OpenLineage event to a file for each write that begins and ends."""
    return {
        "spark.extraListeners": "io.openlineage.spark.agent.OpenLineageSparkListener",
        "spark.openlineage.namespace": "lakehouse",
        "spark.openlineage.transport.type": "file",
        "spark.openlineage.transport.location": str(file),
    }


@contextmanager
def _without_standard_output() -> Iterator[None]:
    """Lets processes that start here write to standard error instead: a JVM that fetches its jars says so amid a command's answer."""
    answers = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    try:
        yield
    finally:
        os.dup2(answers, _STDOUT)
        os.close(answers)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
