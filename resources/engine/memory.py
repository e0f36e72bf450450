"""How much memory there is, and a guard that stops an engine's queries before the system would kill the whole process."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

logger = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1
GRACE_SECONDS = 5
"""How long memory may be short at first: a server that ended before this one gives it back by and by."""
RESERVE = 0.03
"""The share of all memory that is left when queries are stopped: more than a fast query takes until the next look."""
OWN_SHARE = 0.25
"""The share of all memory that this process holds at least, where it is to blame for what lacks."""

_MACHINE = Path("/proc/meminfo")
_PROCESS = Path("/proc/self/statm")
_CONTAINERS = tuple(
    (Path(limit), Path(used), Path(details), cache)
    for limit, used, details, cache in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            "/sys/fs/cgroup/memory/memory.stat",
            "total_inactive_file",
        ),
    )
)
"""Where a container finds its limit, what it uses, and what of that is cache, in both versions of control groups."""


def all_memory() -> int:
    """The machine's memory, or that of the container where it has less, bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(limit for limit, _ in _limits())])


def free_memory() -> int:
    """How much more may be used before the system has to end a process, bytes."""
    machine = _named(_MACHINE, "MemAvailable:") * 1024
    return min([machine, *(limit - used for limit, used in _limits())])


def held_memory() -> int:
    """What this process holds, bytes."""
    return int(_PROCESS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _limits() -> list[tuple[int, int]]:
    """The limits that a container sets, each with what of it is used. Where there is none, it says so in words, or by a huge number."""
    return [
        (int(stated), int(used.read_text()) - _named(details, cache))
        for limit, used, details, cache in _CONTAINERS
        if limit.exists() and (stated := limit.read_text().strip()).isdecimal()
    ]


def _named(file: Path, name: str) -> int:
    """The number that follows a name in a file of names and numbers."""
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.split()[0] == name)


class MemoryGuard:
    """Looks ten times a second how much memory is left, and interrupts an engine while there is too little.

    Where the system doesn't tell (it is not Linux) nothing is watched: it makes room by other means then.
    """

    def __init__(self, interrupt: Callable[[], object], most: int | None) -> None:
        """Prepares a guard.

        Args:
            interrupt: stops what the engine is at.
            most: how much this process may hold, bytes; by default what there is.
        """
        self._interrupt = interrupt
        self._most = most
        self._everything = all_memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory guard", daemon=True)
        self.has_acted = False
        """Whether it has interrupted anything."""

    def start(self) -> None:
        if _MACHINE.exists():
            self._thread.start()

    def stop(self) -> None:
        """Ends the watch. Does nothing where it didn't begin."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        began, was_enough = time.monotonic(), False
        while not self._ended.wait(LOOK_SECONDS):
            if not self._is_short():
                was_enough = True
            elif was_enough or time.monotonic() - began > GRACE_SECONDS:
                if not self.has_acted:
                    logger.warning("memory ends", held=held_memory(), free=free_memory(), most=self._most)
                self.has_acted = True
                self._interrupt()

    def _is_short(self) -> bool:
        held = held_memory()
        if self._most is not None and held > self._most:
            return True
        return held > OWN_SHARE * self._everything and free_memory() < RESERVE * self._everything
