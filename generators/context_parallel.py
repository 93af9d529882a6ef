"""One stream on several GPUs: each process holds some of the places of a moment.

Only attention needs the others. There tokens are exchanged for heads: each process gets some of the
heads of all tokens, looks, and gives back its own tokens with all heads (Jacobs et al. 2023,
DeepSpeed-Ulysses, arXiv:2309.14509). So the cache of keys is spread too, by heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from generators.causal_dit import CausalDiT


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadsAcross:
    """Processes, of which this one is number ``rank``; each holds ``tokens`` of a moment."""

    rank: int
    tokens: tuple[int, ...]

    @classmethod
    def joined(cls, places: int) -> HeadsAcross:
        """Of the processes that have joined, for moments of so many places."""
        return cls(rank=dist.get_rank(), tokens=tuple(_shares(places, dist.get_world_size())))

    @property
    def own(self) -> slice:
        """Which places of a moment are held here."""
        start = sum(self.tokens[: self.rank])
        return slice(start, start + self.tokens[self.rank])

    def own_heads(self, heads: int) -> int:
        """How many of so many heads this process looks with."""
        return _shares(heads, len(self.tokens))[self.rank]

    def by_heads(self, x: Tensor) -> Tensor:
        """(B, heads, own tokens, D) → (B, own heads, all tokens, D)."""
        batch, heads, _, depth = x.shape
        own = self.own_heads(heads)
        sent = list(torch.split(x, _shares(heads, len(self.tokens)), dim=1))
        return torch.cat(self._swap(sent, [(batch, own, n, depth) for n in self.tokens]), dim=2)

    def by_tokens(self, x: Tensor, heads: int) -> Tensor:
        """The inverse of :meth:`by_heads`, of ``heads`` in all."""
        batch, _, _, depth = x.shape
        here = self.tokens[self.rank]
        shapes = [(batch, share, here, depth) for share in _shares(heads, len(self.tokens))]
        return torch.cat(self._swap(list(torch.split(x, list(self.tokens), dim=2)), shapes), dim=1)

    def whole(self, x: Tensor) -> Tensor:
        """(B, S, own tokens, C) → (B, S, all tokens, C), in every process."""
        most = max(self.tokens)
        padded = torch.nn.functional.pad(x, (0, 0, 0, most - x.shape[2])).contiguous()
        parts = [torch.empty_like(padded) for _ in self.tokens]
        dist.all_gather(parts, padded)
        return torch.cat([p[:, :, :n] for p, n in zip(parts, self.tokens, strict=True)], dim=2)

    @staticmethod
    def _swap(sent: list[Tensor], shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Part i goes to process i, and what comes from it has shape i."""
        sizes = [int(torch.Size(shape).numel()) for shape in shapes]
        flat = torch.cat([part.flatten() for part in sent])
        got = flat.new_empty(sum(sizes))
        dist.all_to_all_single(got, flat, sizes, [part.numel() for part in sent])
        return [
            part.view(shape) for part, shape in zip(torch.split(got, sizes), shapes, strict=True)
        ]


def spread(model: CausalDiT, across: HeadsAcross) -> None:
    """From now on each process gives the model its own tokens, and all call it together."""
    model.across = across


def _shares(count: int, processes: int) -> list[int]:
    return [count // processes + (index < count % processes) for index in range(processes)]
