"""The jars that a local Spark needs beside its own: resolved once, into a folder of their own, and read from there ever after."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

DELTA = ("io.delta:delta-spark_4.1_2.13:4.2.0",)
S3 = (
    "org.apache.hadoop:hadoop-aws:3.4.2",
    "software.amazon.awssdk:s3:2.29.52",
    "software.amazon.awssdk:sts:2.29.52",
    "software.amazon.awssdk:s3-transfer-manager:2.29.52",
)
LINEAGE = ("io.openlineage:openlineage-spark_2.13:1.53.0",)

# What Spark ships itself, and all of AWS in one jar of 600 MB, of which S3's parts are asked for above.
_SHIPPED = (
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.hadoop:hadoop-client-runtime",
    "software.amazon.awssdk:bundle",
)
_IVY = """<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true"/></resolvers>
</ivysettings>
"""
"""Spark's own settings would look into ~/.m2 first, and fail on a project file there that has no jar beside it."""


def cache_folder() -> Path:
    """Where jars are kept for all lakes of a user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lakehouse" / "jars"


@contextmanager
def jar_settings(packages: Sequence[str], cache: Path) -> Iterator[Mapping[str, str]]:
    """The settings by which Spark, started within, has the packages (Maven coordinates) with all that they need.

    The first start resolves them, for which a package registry has to be reached; others wait for it. Later ones do
    without. A start that fails leaves them unresolved.
    """
    folder = cache / hashlib.sha256("\n".join(packages).encode()).hexdigest()[:16]
    resolved = folder / "resolved"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not resolved.exists():
            ivy = folder / "ivysettings.xml"
            ivy.write_text(_IVY)
            yield {
                "spark.jars.packages": ",".join(packages),
                "spark.jars.excludes": ",".join(_SHIPPED),
                "spark.jars.ivy": str(folder),
                "spark.jars.ivySettings": str(ivy),
            }
            resolved.touch()
            return
    yield {"spark.jars": ",".join(sorted(str(jar) for jar in (folder / "jars").glob("*.jar")))}
