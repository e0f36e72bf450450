"""How much memory an engine on this machine may count on."""

import os
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container finds its limit, in either version of control groups; what it says where there is none is no number, or a huge one."""


def available_memory(limits: tuple[Path, ...] = _LIMITS) -> int:
    """The machine's memory, or that of the container where it has less, bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    stated = (limit.read_text().strip() for limit in limits if limit.exists())
    return min([machine, *(int(limit) for limit in stated if limit.isdecimal())])
