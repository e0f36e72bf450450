"""Spark on EMR Serverless: a Spark Connect session of an application, started by AWS's API at the first use.

An application costs nothing while it has no session; a session that is not terminated costs until it was idle for
`IDLE_MINUTES`, which is what ends the one of a process that was killed.
"""

import contextlib
import datetime as dt
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from resources.engine.connect import JVM_SERVER_SETTINGS, ConnectedEngine, connect
from resources.engine.interface import EngineAwayError, EngineError, Work
from resources.engine.profiles import profile_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

IDLE_MINUTES = 15
START_SECONDS = 600
"""How long a session may take to start; a cold application needs one to three minutes."""
LOOK_SECONDS = 2
TOKEN_HEADER = "x-aws-proxy-auth"  # noqa: S105
TOKEN_MARGIN = dt.timedelta(minutes=5)
"""A token is renewed this long before it expires."""

_READY = frozenset({"STARTED", "IDLE", "BUSY"})
_ENDED = frozenset({"FAILED", "TERMINATING", "TERMINATED"})
_MAY_PASS = frozenset(
    {"ServiceQuotaExceededException", "ConflictException", "InternalServerException", "ThrottlingException"}
)
_RUNNING_APPLICATION = frozenset({"CREATED", "STARTING", "STARTED"})


class EmrServerlessEngine(ConnectedEngine):
    """One session of an application for a process, terminated at `close` or with the process."""

    name = "emr-serverless"
    s3_scheme = "s3://"

    def __init__(self, application: str, role: str) -> None:
        """Prepares a session, and asks AWS nothing.

        Args:
            application: the application's ID.
            role: the ARN of the role by which the session reads and writes the lake.
        """
        super().__init__()
        self._application = application
        self._role = role
        self._id: str | None = None
        self._made: Any = None

    @property
    def _client(self) -> Any:
        if self._made is None:
            import boto3

            # Of the two names of this variable, boto3 reads the other one only.
            self._made = boto3.client("emr-serverless", region_name=os.environ.get("AWS_REGION"))
        return self._made

    def _open(self, work: Work) -> "SparkSession":
        self._id = self._start(work)
        self._await_ready()
        return self._connect()

    def _start(self, work: Work) -> str:
        with self._explained("start a session"):
            started = self._client.start_session(
                applicationId=self._application,
                executionRoleArn=self._role,
                name=f"lakehouse {work.run_id}".strip(),
                idleTimeoutMinutes=IDLE_MINUTES,
                tags={"lakehouse:run": work.run_id, "lakehouse:asset": work.table} if work.run_id else {},
                configurationOverrides={
                    "runtimeConfiguration": [
                        {
                            "classification": "spark-defaults",
                            "properties": {**JVM_SERVER_SETTINGS, **profile_settings(work.profile)},
                        }
                    ]
                },
            )
        session_id: str = started["sessionId"]
        return session_id

    def _await_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while (state := (found := self._described())["state"]) not in _READY:
            if state in _ENDED:
                raise EngineAwayError(
                    f"{self._where}: the session ended before it began: {state}, {found.get('stateDetails', 'without a reason')}. "
                    "Where that is capacity, raise the application's maximum or choose a smaller engine profile."
                )
            if time.monotonic() > until:
                raise EngineAwayError(
                    f"{self._where}: the session is still {state} after {START_SECONDS} s, and was given up."
                )
            time.sleep(LOOK_SECONDS)

    def _connect(self) -> "SparkSession":
        from pyspark.sql.connect.client import DefaultChannelBuilder

        from resources.engine.call_token import CallToken

        address = urlsplit(self._endpoint()["endpoint"])
        channel = DefaultChannelBuilder(f"sc://{address.hostname}:{address.port or 443}/;use_ssl=true")
        channel.add_interceptor(CallToken(TOKEN_HEADER, self._new_token, TOKEN_MARGIN))
        return connect(channel)

    def _new_token(self) -> tuple[str, dt.datetime]:
        endpoint = self._endpoint()
        return endpoint["authToken"], endpoint["authTokenExpiresAt"]

    def _endpoint(self) -> Mapping[str, Any]:
        with self._explained("get the session's endpoint"):
            found: Mapping[str, Any] = self._client.get_session_endpoint(
                applicationId=self._application, sessionId=self._id
            )
        return found

    def _described(self) -> Mapping[str, Any]:
        with self._explained("look at the session"):
            found: Mapping[str, Any] = self._client.get_session(applicationId=self._application, sessionId=self._id)[
                "session"
            ]
        return found

    def figures(self) -> Mapping[str, str | float]:
        """Where the session's Spark UI is, and what it was billed until now; why that isn't known, where it isn't.

        A load that succeeded must not fail by what is said of it.
        """
        if self._id is None:
            return {}
        try:
            with self._explained("get the address of the Spark UI"):
                dashboard = self._client.get_resource_dashboard(
                    applicationId=self._application, resourceId=self._id, resourceType="SESSION"
                )
            billed = self._described().get("billedResourceUtilization") or {}
        except (EngineAwayError, EngineError) as error:
            return {"emr_session": self._id, "session_figures": f"not known: {error}"}
        return {
            "emr_session": self._id,
            "spark_ui": dashboard["url"],
            **{f"session_billed_{name}": value for name, value in billed.items()},
        }

    def _end(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        session_id, self._id = self._id, None
        if session_id is not None:
            # That it can't be terminated, since it is gone or AWS is away, hides no error: its idle time ends it.
            with contextlib.suppress(BotoCoreError, ClientError):
                self._client.terminate_session(applicationId=self._application, sessionId=session_id)

    @property
    def _where(self) -> str:
        return f"engine '{self.name}', application {self._application}" + (f", session {self._id}" if self._id else "")

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Says of AWS's errors what was asked for, and whether asking again may help."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

        try:
            yield
        except ClientError as error:
            code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            message = f"{self._where}: AWS would not {what}: {code}: {said}"
            if code in _MAY_PASS:
                raise EngineAwayError(f"{message}. Try again later.") from error
            if (state := self._application_state()) not in _RUNNING_APPLICATION:
                raise EngineAwayError(
                    f"{message}. The application is {state}: start it, or let it start with a session."
                ) from error
            raise EngineError(
                f"{message}. Check LAKEHOUSE_EMR_APPLICATION, LAKEHOUSE_EMR_ROLE and what this process may do."
            ) from error
        except (NoCredentialsError, NoRegionError) as error:
            raise EngineError(
                f"{self._where}: AWS could not be asked to {what}: {error} Set AWS_REGION and credentials."
            ) from error
        except BotoCoreError as error:
            raise EngineAwayError(f"{self._where}: AWS could not be asked to {what}: {error}") from error

    def _application_state(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            state: str = self._client.get_application(applicationId=self._application)["application"]["state"]
        except (BotoCoreError, ClientError):
            return "CREATED"  # as far as is known: the first error is the one to tell
        return state
