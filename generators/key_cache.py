"""What a stream remembers of its past: keys and values of a few moments, for every block.

The first moment stays for good, as an anchor of the look and a sink of attention (Xiao et al. 2023,
StreamingLLM, arXiv:2309.17453); of the others the last few do. It is seen right before the oldest
of them, however long ago it was, so that no distance is ever seen that training did not show, and a
stream may be of any length.

Keys are kept as rotary positions turn them, by the seconds since the stream began: what is seen of
two moments is the difference of their angles. Only the keys of the first moment are turned on when
the others leave it behind.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from generators.rope import grid_angles, rotate


class CacheShape(NamedTuple):
    """``heads`` that this process looks with; ``window`` moments that are kept beside the first;
    ``places`` of a moment, and the seconds that it lasts.
    """

    batch: int
    blocks: int
    heads: int
    head_dim: int
    window: int
    places: int
    span_s: float


class KeysValues(NamedTuple):
    """Keys and values to be looked at: (B, heads, M, head_dim)."""

    keys: Tensor
    values: Tensor


class KeyCache:
    """``window`` moments and the first one, with one more seat for the moment that is being made.
    Memory is taken once and does not grow.
    """

    def __init__(self, shape: CacheShape, device: torch.device, dtype: torch.dtype) -> None:
        self.shape = shape
        self.seen = 0
        size = [shape.blocks, shape.batch, shape.heads, shape.places, shape.head_dim]
        self._first = torch.zeros(size, device=device, dtype=dtype)  # keys, as of time 0
        size[3] *= shape.window + 2
        self._keys = torch.zeros(size, device=device, dtype=dtype)
        self._values = torch.zeros_like(self._keys)
        self._places = torch.arange(shape.places, device=device)
        self._own = self._places.clone()  # seats of the moment that is being made

    @property
    def held(self) -> int:
        """Moments that are remembered."""
        return min(self.seen, self.shape.window + 1)

    @property
    def now_s(self) -> float:
        """Where the moment that is being made stands."""
        return self.seen * self.shape.span_s

    def put(self, block: int, keys: Tensor, values: Tensor) -> KeysValues:
        """Seat the moment that is being made, (B, heads, P, head_dim) with keys turned to where it
        stands, in place of what was there; returns it with all that is remembered.
        """
        seats = KeysValues(self._keys[block], self._values[block])
        seats.keys.index_copy_(2, self._own, keys.to(seats.keys))
        seats.values.index_copy_(2, self._own, values.to(seats.values))
        whole = slice(0, (self.held + 1) * self.shape.places)
        return KeysValues(seats.keys[:, :, whole], seats.values[:, :, whole])

    def keep(self) -> None:
        """Remember what was put last. The next moment takes the seat of the oldest but the first,
        once it is out of sight.
        """
        if self.seen == 0:
            self._first.copy_(self._keys[:, :, :, : self.shape.places])
        self.seen += 1
        seat = 1 + (self.seen - 1) % (self.shape.window + 1)
        torch.add(self._places, seat * self.shape.places, out=self._own)
        behind = self.seen - self.shape.window - 1  # of the first moment, where all are seen
        if behind > 0:
            device = self._first.device
            time_s = torch.full(
                (1, 1), behind * self.shape.span_s, device=device, dtype=torch.float64
            )
            still = torch.zeros(1, 2, device=device)
            angles = grid_angles(time_s, still, self.shape.head_dim)
            self._keys[:, :, :, : self.shape.places] = rotate(self._first, angles)

    def forget(self) -> None:
        """Begin anew, in the same memory."""
        self.seen = 0
        self._own.copy_(self._places)

    @property
    def bytes(self) -> int:
        """Memory that keys and values take."""
        kept = (self._first, self._keys, self._values)
        return sum(one.numel() * one.element_size() for one in kept)
