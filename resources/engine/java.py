"""The Java that a local Spark runs on."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping

from resources.engine.interface import EngineError

OLDEST = 17
_VERSION = re.compile(r'version "(\d+)')
_HINT = (
    f"engine 'spark' needs Java {OLDEST} or newer: install it (Debian: openjdk-17-jre-headless) and set JAVA_HOME, "
    "or choose LAKEHOUSE_ENGINE=sail, which needs none."
)


def require_java(environment: Mapping[str, str] = os.environ) -> None:
    """Looks for the Java that Spark will start: of JAVA_HOME, else the first on the PATH.

    Raises:
        EngineError: there is none, it can't be run, or it is too old.
    """
    home = environment.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java", path=environment.get("PATH"))
    if java is None:
        raise EngineError(f"no Java was found: JAVA_HOME is not set, and the PATH has no java. {_HINT}")
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{java} can't be run: {error}. {_HINT}") from error
    version = _VERSION.search(answer.stderr)
    if version is None or int(version[1]) < OLDEST:
        said = answer.stderr.splitlines()[0] if answer.stderr else "nothing"
        raise EngineError(f"{java} says {said}. {_HINT}")
