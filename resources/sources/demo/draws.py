"""Random numbers that are a function of what they are drawn for: no state, so that any day can be drawn alone.

Every draw is a hash of the seed, a purpose and the identity of what is drawn (an order's day and number, say), by
splitmix64's finaliser. Unlike a generator's stream it depends neither on the order of draws nor on a library's version.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)
_ALL_BITS = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Draws:
    """All random numbers of one seed."""

    seed: int

    def bits(self, purpose: str, *identity: Any) -> Bits:
        """64 random bits for each identity; its parts are integers, or arrays of them that broadcast."""
        drawn: Any = _purpose(self.seed, purpose)
        with np.errstate(over="ignore"):
            for part in identity:
                # An array of one number costs numpy as much as one of hundreds.
                if isinstance(part, int) and isinstance(drawn, int):
                    drawn = _mixed_number(drawn ^ _mixed_number((part + int(_STEP)) & _ALL_BITS))
                else:
                    own = np.asarray(part, dtype=np.int64).astype(np.uint64) + _STEP
                    drawn = _mixed(np.asarray(drawn, dtype=np.uint64) ^ _mixed(own))
        return np.asarray(drawn, dtype=np.uint64)

    def share(self, purpose: str, *identity: Any) -> Floats:
        """Uniform in [0, 1)."""
        return (self.bits(purpose, *identity) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def happens(self, chance: float, purpose: str, *identity: Any) -> Flags:
        """Whether something happens that has a chance."""
        return self.share(purpose, *identity) < chance

    def below(self, limit: int | Integers, purpose: str, *identity: Any) -> Integers:
        """Uniform integers from 0 up to, but without, a limit."""
        return (self.share(purpose, *identity) * limit).astype(np.int64)

    def choice(self, weights: tuple[float, ...], purpose: str, *identity: Any) -> Integers:
        """Indices into weights, as often as they weigh."""
        bounds = np.cumsum(np.asarray(weights, dtype=np.float64))
        chosen = np.searchsorted(bounds, self.share(purpose, *identity) * bounds[-1], side="right")
        return np.asarray(chosen, dtype=np.int64)


def _mixed(bits: Bits) -> Bits:
    mixed: Bits = bits >> _30
    mixed ^= bits
    mixed *= _FIRST
    mixed ^= mixed >> _27
    mixed *= _SECOND
    mixed ^= mixed >> _31
    return mixed


def _mixed_number(bits: int) -> int:
    bits = (bits ^ (bits >> 30)) * int(_FIRST) & _ALL_BITS
    bits = (bits ^ (bits >> 27)) * int(_SECOND) & _ALL_BITS
    return bits ^ (bits >> 31)


@lru_cache(maxsize=1024)
def _purpose(seed: int, purpose: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little")
