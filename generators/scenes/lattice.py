"""Noise that is a function of whole numbers alone: the same on every device and at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_ROUND = 0x45D9F3B  # multiplier of a well-mixing 32-bit integer hash (as of T. Mueller, public)


def mix(counter: Tensor) -> Tensor:
    """int32 in, int32 out, each bit depending on all: two rounds of shift and multiply."""
    for _ in range(2):
        counter = (counter ^ ((counter >> 16) & 0xFFFF)) * _ROUND
    return counter ^ ((counter >> 16) & 0xFFFF)


def uniform(counter: Tensor) -> Tensor:
    """float32 in [0, 1) for each int32."""
    return (mix(counter) & 0xFFFF).to(torch.float32) / 65536


def bell(counter: Tensor) -> Tensor:
    """float32 of mean 0 and deviation 1: the sum of two uniform halves of one hash (a triangle)."""
    bits = mix(counter)
    total = (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF)
    return (total.to(torch.float32) / 65536 - 1) * 6**0.5
