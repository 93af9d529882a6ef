"""Messages and keys that follow from a seed, the same on every machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def secret(label: str, seed: int, count: int) -> bytes:
    """``count`` bytes that nobody guesses from those of another ``label`` or ``seed``."""
    digest = hashlib.shake_256(f"everyframe bench\0{label}\0{seed}".encode())
    return digest.digest(count)


def drawn_bits(label: str, seed: int, count: int) -> NDArray[np.uint8]:
    """(count,) bits, 0 or 1."""
    raw = np.frombuffer(secret(label, seed, -(-count // 8)), np.uint8)
    return np.unpackbits(raw)[:count]
