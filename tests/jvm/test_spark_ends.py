"""A JVM ends with the process that started it, however that one ends."""

import os
import subprocess
import sys

STARTS_AND_WAITS = """
import sys
from resources.engine.spark import SparkEngine

engine = SparkEngine()
session = engine.session()
assert session.sql("select 1").collect()[0][0] == 1
print("JVM", engine._context._gateway.proc.pid, flush=True)
sys.stdin.read()
"""


def test_a_process_that_is_killed_leaves_no_jvm_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_AND_WAITS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")
        started = next((line for line in said if line.startswith("JVM ")), None)
        assert started, "Spark did not start"
        os.kill(int(started.split()[1]), 0)
        process.kill()
        # The JVM writes to the same pipe, which ends when the last of the two has ended.
        process.communicate(timeout=60)
