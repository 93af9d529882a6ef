"""What a stream remembers of its past: keys and values of a few moments, for every block.

The first moment stays for good, as an anchor of the look and a sink of attention (Xiao et al. 2023,
StreamingLLM, arXiv:2309.17453); of the others the last few do. Keys are kept as they are before
rotary positions turn them. They are turned when they are looked at, by where they stand in the
cache: the first moment right before the oldest of the others, however long ago it was. So no
distance is ever seen that training did not show, and a stream may be of any length.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class CacheShape(NamedTuple):
    """``heads`` that this process looks with; ``window`` moments that are kept beside the first."""

    batch: int
    blocks: int
    heads: int
    head_dim: int
    window: int


class Seats(NamedTuple):
    """Keys, not turned, and values of a block: (B, heads, M, head_dim)."""

    keys: Tensor
    values: Tensor


class KeyCache:
    """``window`` moments and the first one, with one more seat for the moment that is being made.

    ``place``: (P, 2) of all tokens of a moment. Memory is taken once and does not grow.
    """

    def __init__(self, shape: CacheShape, place: Tensor, dtype: torch.dtype) -> None:
        self.window = shape.window
        self.place = place
        self.seen = 0
        size = (shape.batch, shape.heads, (shape.window + 2) * len(place), shape.head_dim)
        self._keys, self._values = (
            [torch.zeros(size, device=place.device, dtype=dtype) for _ in range(shape.blocks)]
            for _ in range(2)
        )

    @property
    def held(self) -> int:
        """Moments that are remembered."""
        return min(self.seen, self.window + 1)

    @property
    def order(self) -> list[int]:
        """For each seat in use the place in time of its moment, from 0 on; the one being made comes
        last, in the last seat.
        """
        oldest = max(1, self.seen - self.window)
        places = [0] * self.held
        for moment in range(oldest, self.seen):
            places[self._seat(moment)] = moment - oldest + 1
        return [*places, self.held]

    def seats(self, block: int) -> Seats:
        """What is remembered, and behind it seats for the moment that is being made, to be filled;
        until :meth:`keep` they are given out again and again.
        """
        whole = slice(0, (self.held + 1) * len(self.place))
        return Seats(self._keys[block][:, :, whole], self._values[block][:, :, whole])

    def keep(self) -> None:
        """Remember the moment in the last seat, in place of the oldest but the first."""
        here, there = self.held, self._seat(self.seen)
        if here != there:
            places = len(self.place)
            own = slice(here * places, (here + 1) * places)
            seat = slice(there * places, (there + 1) * places)
            for kept in (*self._keys, *self._values):
                kept[:, :, seat] = kept[:, :, own]
        self.seen += 1

    def forget(self) -> None:
        """Begin anew, in the same memory."""
        self.seen = 0

    @property
    def bytes(self) -> int:
        """Memory that keys and values take."""
        return sum(kept.numel() * kept.element_size() for kept in (*self._keys, *self._values))

    def _seat(self, moment: int) -> int:
        return 0 if moment == 0 else 1 + (moment - 1) % self.window
