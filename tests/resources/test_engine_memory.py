"""Memory that ends: what there is of it, the guard that interrupts queries, and how the engine goes on."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import tells_of_too_little_memory
from resources.engine import memory
from resources.engine.memory import MemoryGuard, all_memory, free_memory, held_memory
from resources.engine.sail import SailEngine

SECONDS = 30
"""The longest that a thread of a test may take."""


def contain(monkeypatch: pytest.MonkeyPatch, folder: Path, limit: str, used: int, cache: int) -> None:
    """Puts this process into a container, as its files tell it."""
    (folder / "max").write_text(f"{limit}\n")
    (folder / "current").write_text(f"{used}\n")
    (folder / "stat").write_text(f"anon 1\ninactive_file {cache}\nactive_file 7\n")
    files = (folder / "max", folder / "current", folder / "stat", "inactive_file")
    monkeypatch.setattr(memory, "_CONTAINERS", (files,))


def test_a_container_has_what_it_is_limited_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    contain(monkeypatch, tmp_path, str(2**20), used=1000, cache=300)
    assert (all_memory(), free_memory()) == (2**20, 2**20 - 700)


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_a_container_without_a_limit_has_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str
) -> None:
    contain(monkeypatch, tmp_path, limit, used=1000, cache=300)
    everything = all_memory()
    monkeypatch.setattr(memory, "_CONTAINERS", ())
    assert everything == all_memory()
    assert 0 < held_memory() < everything
    assert 0 < free_memory() < everything


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory may not be short for a moment."""
    monkeypatch.setattr(memory, "GRACE_SECONDS", 0)


@pytest.fixture
def interrupted() -> threading.Event:
    return threading.Event()


def guarded(interrupted: threading.Event, most: int | None) -> MemoryGuard:
    guard = MemoryGuard(interrupted.set, most)
    guard.start()
    return guard


def test_the_guard_interrupts_a_process_that_holds_more_than_it_may(interrupted: threading.Event) -> None:
    guard = guarded(interrupted, most=1)
    assert interrupted.wait(SECONDS)
    guard.stop()
    assert guard.has_acted


@pytest.mark.parametrize(("own_share", "acts"), [(0.0, True), (1.0, False)])
def test_memory_that_others_take_interrupts_nothing_here(
    monkeypatch: pytest.MonkeyPatch, interrupted: threading.Event, own_share: float, *, acts: bool
) -> None:
    looks = threading.Semaphore(0)
    monkeypatch.setattr(memory, "OWN_SHARE", own_share)
    monkeypatch.setattr(memory, "free_memory", lambda: 0)
    held = held_memory
    monkeypatch.setattr(memory, "held_memory", lambda: (looks.release(), held())[1])
    guard = guarded(interrupted, most=None)
    for _ in range(2):
        assert looks.acquire(timeout=SECONDS)
    assert not acts or interrupted.wait(SECONDS)
    guard.stop()
    assert (interrupted.is_set(), guard.has_acted) == (acts, acts)


def test_what_an_ended_server_gives_back_late_interrupts_nothing(
    monkeypatch: pytest.MonkeyPatch, interrupted: threading.Event
) -> None:
    answers = iter([True, True, False])
    enough = threading.Event()

    def is_short(_: MemoryGuard) -> bool:
        if (short := next(answers, None)) is None:
            enough.set()
        return bool(short)

    monkeypatch.setattr(memory, "GRACE_SECONDS", SECONDS)
    monkeypatch.setattr(MemoryGuard, "_is_short", is_short)
    guard = guarded(interrupted, most=None)
    assert enough.wait(SECONDS)
    guard.stop()
    assert not interrupted.is_set()


def test_a_guard_that_never_began_can_be_stopped(interrupted: threading.Event) -> None:
    guard = MemoryGuard(interrupted.set, None)
    guard.stop()
    assert (interrupted.is_set(), guard.has_acted) == (False, False)


@pytest.fixture
def engine() -> Iterator[SailEngine]:
    made = SailEngine()
    yield made
    made.close()


def test_a_query_that_is_interrupted_says_so_and_the_next_session_is_a_new_one(
    engine: SailEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = engine.session()
    with monkeypatch.context() as patch:
        patch.setattr(MemoryGuard, "_is_short", lambda _: True)
        with pytest.raises(Exception, match="operation not found") as raised:
            # A range stops between two batches; a join that finds nothing would go on to its end, whatever became of its session.
            session.sql("select count(*) from range(1000000000000) where id % 7 = 1").collect()
    assert tells_of_too_little_memory(raised.value)
    assert engine.session() is not session
    assert engine.session().range(3).count() == 3
