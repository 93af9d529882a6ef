"""Convolutions that the small nets of the generators are built of.

No layer here looks further than its kernel: no statistics over the picture, so that a tile of a
picture gives what the whole gives, away from the seam.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_EPSILON = 1e-6


class ChannelNorm(nn.Module):
    """Root mean square over the channels of each position (Zhang and Sennrich 2019), times a gain.

    (B, C, …) → (B, C, …).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        power = x.float().square().mean(1, keepdim=True)
        gain = self.gain.view(1, -1, *(1,) * (x.ndim - 2))
        return x * ((power + _EPSILON).rsqrt() * gain).to(x.dtype)


class Residual(nn.Module):
    """x + f(x), f: norm, 3×3 convolution, SiLU, 1×1 convolution. (B, C, H, W) → the same.

    One 3×3 in place of the usual two: the same depth for little more than half of the weights.
    f begins at nought, so that a deep stack begins as a shallow one.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.spread = nn.Conv2d(channels, channels, 3, padding=1)
        self.mix = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.mix(functional.silu(self.spread(self.norm(x))))
        return x + change


class Down(nn.Module):
    """(B, C, H, W) → (B, D, H/2, W/2): four neighbours become channels, then a 1×1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(4 * inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.mix(functional.pixel_unshuffle(x, 2))
        return mixed


class Up(nn.Module):
    """(B, C, H, W) → (B, D, 2H, 2W): a 1×1 convolution, then channels become four neighbours."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(inputs, 4 * outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.mix(x), 2)


def stack(channels: int, depth: int) -> nn.Sequential:
    """``depth`` residual blocks after each other."""
    return nn.Sequential(*(Residual(channels) for _ in range(depth)))
