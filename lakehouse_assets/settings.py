"""Every setting of the lakehouse, read from the environment or `.env`, with the prefix `LAKEHOUSE_`.

Secrets stand apart in `Secrets`, which is read where one is used and never while the definitions load. Where alerts go
is known from the start, so that a wrong address is told at once; it may hold a secret, and is hidden like one.
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.errors import ConfigurationError
from resources.alerts.registry import LOG, normal_address

PREFIX = "LAKEHOUSE_"
DEMO_MASK_SALT = "demo"
_CREDENTIALS_SHOWN = "credentials_shown"

SourceName = Literal["demo", "files"]


class Settings(BaseSettings):
    """What the lakehouse is run with. Field names are the variables' names without the prefix, in lower case."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    root: Annotated[str, Field(description="The lake: a folder, or s3://bucket/prefix.")] = "lake"
    start_date: Annotated[
        dt.date, Field(description="The first day of the lake; no table has a partition before it.")
    ] = dt.date(2026, 1, 1)
    engine: Annotated[
        str,
        Field(
            pattern=r"^(sail|spark|emr-serverless|sc://[^\s;/]+(/;\S*)?)$",
            description="What computes tables: sail, embedded in the process; spark, on this machine's Java; emr-serverless; or the address of a Spark Connect server, sc://host:port, without its token.",
        ),
    ] = "sail"
    engine_memory: Annotated[
        ByteSize | None,
        Field(
            ge=256 * 2**20,
            description="The most that an engine on this machine may hold, e.g. 4GiB: sail's process, or spark's heap.",
        ),
    ] = None
    emr_application: Annotated[
        str, Field(description="The ID of the EMR Serverless application that is the engine.")
    ] = ""
    emr_role: Annotated[str, Field(description="The ARN of the role by which its sessions reach the lake.")] = ""
    lineage: Annotated[
        Path | None,
        Field(
            description="The file to which the engine spark adds what each write was made from, as OpenLineage has it."
        ),
    ] = None
    snowflake: Annotated[SourceName, Field(description="Where orders, customers and products come from.")] = "demo"
    redshift: Annotated[SourceName, Field(description="Where customers' behaviour comes from.")] = "demo"
    salesforce: Annotated[SourceName, Field(description="Where accounts, contacts and opportunities come from.")] = (
        "demo"
    )
    kafka: Annotated[SourceName, Field(description="Where order events come from.")] = "demo"
    fx: Annotated[SourceName, Field(description="Where exchange rates come from.")] = "demo"
    files_root: Annotated[
        Path | None, Field(description="The folder that holds <source>/<table>/* for sources that are read from files.")
    ] = None
    polled: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(
            description="Sources that it costs to be asked, separated by commas: they are asked as often as their contracts say."
        ),
    ] = ()
    automation: Annotated[
        Literal["on", "off"],
        Field(
            description="Whether sensors, schedules and automation conditions run unless they are stopped in the UI."
        ),
    ] = "on"
    demo_scale: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="Size of the demo: 1 is about 1,000 orders a day.")
    ] = 1.0
    demo_seed: Annotated[int, Field(ge=0, description="Another seed is another retailer.")] = 1
    alerts: Annotated[
        SecretStr, Field(description="Where alerts go: log, a file, or a webhook, whose address may hold a secret.")
    ] = SecretStr(LOG)
    now: Annotated[
        dt.datetime | None, Field(description="A fixed clock (ISO 8601, UTC), for runs that can be repeated.")
    ] = None

    @field_validator("root")
    @classmethod
    def _absolute_root(cls, root: str) -> str:
        """A relative folder must mean the same to every process that is given it."""
        if "://" not in root:
            return str(Path(root).expanduser().absolute())
        if not root.startswith("s3://"):
            raise ValueError("is a folder, or an address that starts with s3://")
        return root.rstrip("/")

    @field_validator("lineage")
    @classmethod
    def _absolute_file(cls, lineage: Path | None) -> Path | None:
        return lineage and lineage.expanduser().absolute()

    @field_validator("engine")
    @classmethod
    def _without_token(cls, engine: str) -> str:
        """An address is shown; a token in it would be too."""
        if "token=" in engine:
            raise PydanticCustomError(_CREDENTIALS_SHOWN, f"holds a token, which belongs into {PREFIX}ENGINE_TOKEN")
        return engine

    @field_validator("polled", mode="before")
    @classmethod
    def _names(cls, polled: object) -> object:
        return tuple(filter(None, map(str.strip, polled.split(",")))) if isinstance(polled, str) else polled

    @field_validator("alerts")
    @classmethod
    def _known_channel(cls, alerts: SecretStr) -> SecretStr:
        return SecretStr(normal_address(alerts.get_secret_value()))

    @field_validator("now")
    @classmethod
    def _utc_now(cls, now: dt.datetime | None) -> dt.datetime | None:
        if now is None:
            return None
        return now.replace(tzinfo=dt.UTC) if now.tzinfo is None else now.astimezone(dt.UTC)

    @model_validator(mode="after")
    def _known_sources_are_polled(self) -> "Settings":
        if unknown := sorted({*self.polled} - self.sources.keys()):
            raise ValueError(
                f"{PREFIX}POLLED names {', '.join(unknown)}, and the sources are {', '.join(self.sources)}"
            )
        return self

    @model_validator(mode="after")
    def _files_need_a_folder(self) -> "Settings":
        if "files" in self.sources.values() and self.files_root is None:
            raise ValueError(f"{PREFIX}FILES_ROOT is required by a source that is read from files")
        return self

    @model_validator(mode="after")
    def _lineage_is_observed_by_spark(self) -> "Settings":
        """The others either observe nothing, or have a disk of their own, which a file would end with."""
        if self.lineage is not None and self.engine != "spark":
            raise ValueError(f"{PREFIX}LINEAGE needs {PREFIX}ENGINE=spark, and that is {self.engine}")
        return self

    @model_validator(mode="after")
    def _emr_serverless_is_complete(self) -> "Settings":
        if self.engine == "emr-serverless":
            missing = [name for name in ("emr_application", "emr_role") if not getattr(self, name)]
            if missing:
                raise ValueError(
                    f"{PREFIX}ENGINE=emr-serverless needs {' and '.join(PREFIX + name.upper() for name in missing)}"
                )
            if not self.on_s3:
                raise ValueError(f"{PREFIX}ENGINE=emr-serverless needs a {PREFIX}ROOT on S3, which its machines reach")
        return self

    def clock(self) -> dt.datetime:
        """The current time, UTC: the fixed one where it is set."""
        return self.now or dt.datetime.now(dt.UTC)

    @property
    def sources(self) -> Mapping[str, SourceName]:
        """What stands behind each source, by the source's name."""
        return {
            "snowflake": self.snowflake,
            "redshift": self.redshift,
            "salesforce": self.salesforce,
            "kafka": self.kafka,
            "fx": self.fx,
        }

    @property
    def on_s3(self) -> bool:
        """Whether the lake is on S3."""
        return self.root.startswith("s3://")

    @property
    def demo_only(self) -> bool:
        """Whether no data of anyone's own comes in."""
        return set(self.sources.values()) == {"demo"}


class Secrets(BaseSettings):
    """Settings that are never shown. Read when a run needs them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    mask_salt: Annotated[
        SecretStr | None, Field(description="What personal values are hashed with. Changing it changes every hash.")
    ] = None
    engine_token: Annotated[
        SecretStr | None, Field(description="By which a Spark Connect server at an address knows whom it serves.")
    ] = None


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        ConfigurationError: a variable is malformed or contradicts another; the message names each.
    """
    try:
        return Settings()
    except ValidationError as error:
        # Without its cause, which shows all of `.env` that has the prefix, secrets included.
        raise ConfigurationError(_explain(error)) from None


def mask_salt(settings: Settings) -> str:
    """The salt of hashed values; a well-known one is good enough for demo data alone.

    Raises:
        ConfigurationError: real data is loaded and no salt is set.
    """
    salt = Secrets().mask_salt
    if salt is not None and salt.get_secret_value():
        return salt.get_secret_value()
    if settings.demo_only:
        return DEMO_MASK_SALT
    raise ConfigurationError(
        f"{PREFIX}MASK_SALT is not set: customers' e-mail addresses can't be masked. Set it to a long random text, and keep it: "
        "another salt gives every customer another hash."
    )


def engine_token() -> str | None:
    """The token for a Spark Connect server at an address, where it asks for one."""
    token = Secrets().engine_token
    return token.get_secret_value() if token is not None else None


_NEVER_SHOWN = frozenset(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)


def _explain(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False, include_input=True):
        where = PREFIX + ".".join(str(part) for part in problem["loc"]).upper() if problem["loc"] else "settings"
        hidden = not problem["loc"] or problem["loc"][0] in _NEVER_SHOWN or problem["type"] == _CREDENTIALS_SHOWN
        given = "" if hidden else f" (given: {problem['input']!r})"
        problems.append(f"{where}: {problem['msg']}{given}")
    return "; ".join(problems)
