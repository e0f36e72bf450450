"""How large a session is, by the name that a contract gives its table's need."""

from collections.abc import Iterable, Mapping

from contracts.model import ENGINE_PROFILES

_SIZES: Mapping[str, tuple[int, int, int]] = {"small": (2, 8, 4), "medium": (4, 16, 16), "large": (8, 32, 50)}
"""Cores and GiB of the driver and of each executor, and how many executors there may be."""


def largest(profiles: Iterable[str]) -> str:
    """The profile of a session in which tables of several are made; the smallest where there are none."""
    return max(profiles, key=ENGINE_PROFILES.index, default=ENGINE_PROFILES[0])


def profile_settings(profile: str) -> Mapping[str, str]:
    """Spark's settings of a profile. Executors come and go with the work."""
    cores, memory, executors = _SIZES[profile]
    # EMR Serverless adds a tenth of overhead to what is asked for.
    heap = f"{int(memory * 0.9)}g"
    return {
        "spark.driver.cores": str(cores),
        "spark.driver.memory": heap,
        "spark.executor.cores": str(cores),
        "spark.executor.memory": heap,
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.minExecutors": "1",
        "spark.dynamicAllocation.maxExecutors": str(executors),
    }
