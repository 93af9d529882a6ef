"""Convolutions along time that see the past only, and can be cut anywhere.

Each takes what it remembers of the past (None: silence) and gives it back for the next call.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.residual import ChannelNorm


class CausalConv(nn.Module):
    """(B, C, N) → (B, D, N) with ``size`` taps, the last one on the present."""

    def __init__(self, inputs: int, outputs: int, size: int, *, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, size, groups=groups)
        self.past = size - 1

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        if past is None:
            past = x.new_zeros(*x.shape[:2], self.past)
        x = torch.cat([past.to(x.dtype), x], 2)
        out: Tensor = self.conv(x)
        return out, x[:, :, x.shape[2] - self.past :]


class CausalBlock(nn.Module):
    """x + f(x): a tap for each channel, then two layers at each position (ConvNeXt, Liu 2022)."""

    def __init__(self, channels: int, size: int, *, hidden: int) -> None:
        super().__init__()
        self.spread = CausalConv(channels, channels, size, groups=channels)
        self.norm = ChannelNorm(channels)
        self.widen = nn.Conv1d(channels, hidden, 1)
        self.narrow = nn.Conv1d(hidden, channels, 1)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        spread, past = self.spread(x, past)
        change: Tensor = self.narrow(functional.gelu(self.widen(self.norm(spread))))
        return x + change, past


class CausalStack(nn.Module):
    """Layers of the two kinds above after each other, with one memory for all."""

    def __init__(self, *layers: CausalConv | CausalBlock) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(
        self, x: Tensor, memory: tuple[Tensor, ...] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        kept: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            x, past = layer(x, None if memory is None else memory[index])
            kept.append(past)
        return x, tuple(kept)
