"""A small convolutional autoencoder with a code of whole numbers, for regeneration attacks.

A picture is said in ``kept`` of 16 values of four bits for every 8 × 8 pixels, the most telling
first, and drawn again from them; what the code has no room for is gone (Zhao et al., "Invisible
image watermarks are provably removable using generative AI", NeurIPS 2024, arXiv:2306.01953). In
training, rounding is uniform noise (Ballé et al., "End-to-end optimized image compression", ICLR
2017) and ``kept`` is drawn anew for every picture (nested dropout, Rippel et al., ICML 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VALUES = 16
"""Values of the code for every 8 × 8 pixels."""

SIDE = 8
_LEVELS = 8  # steps from 0 to 1: values are -8 … 8 eighths, a little over four bits


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderSizes:
    """Channels at a quarter and at an eighth of the picture's size, and residual blocks at each."""

    quarter: int = 48
    eighth: int = 96
    blocks: int = 2


class Block(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)  # every block begins as the identity
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))  # type: ignore[no-any-return]


class Autoencoder(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1], H and W multiples of 8, to a code (B, 16, H/8, W/8) in
    [-1, 1] and back.
    """

    def __init__(self, sizes: AutoencoderSizes | None = None) -> None:
        super().__init__()
        s = sizes or AutoencoderSizes()
        quarter = [Block(s.quarter) for _ in range(s.blocks)]
        eighth = [Block(s.eighth) for _ in range(s.blocks)]
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),  # (B, 48, H/4, W/4)
            nn.Conv2d(48, s.quarter, 3, padding=1),
            *quarter,
            nn.Conv2d(s.quarter, s.eighth, 4, stride=2, padding=1),  # (B, eighth, H/8, W/8)
            *eighth,
            nn.SiLU(),
            nn.Conv2d(s.eighth, VALUES, 3, padding=1),
            nn.Tanh(),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(VALUES, s.eighth, 3, padding=1),
            *[Block(s.eighth) for _ in range(s.blocks)],
            nn.Conv2d(s.eighth, 4 * s.quarter, 3, padding=1),
            nn.PixelShuffle(2),  # (B, quarter, H/4, W/4)
            *[Block(s.quarter) for _ in range(s.blocks)],
            nn.SiLU(),
            nn.Conv2d(s.quarter, 48, 3, padding=1),
            nn.PixelShuffle(4),  # (B, 3, H, W)
        )

    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, 16, H/8, W/8), not rounded."""
        return self.encoder(2 * pictures - 1)  # type: ignore[no-any-return]

    def decode(self, code: Tensor, kept: Tensor) -> Tensor:
        """(B, 16, h, w) → (B, 3, 8 h, 8 w); of each code the first ``kept`` (B,) count."""
        order = torch.arange(VALUES, device=code.device)
        mask = (order[None] < kept[:, None]).to(code)[..., None, None]
        return (self.decoder(code * mask) + 1) / 2  # type: ignore[no-any-return]


def rounded(code: Tensor) -> Tensor:
    """The whole numbers that a code is stored as, in the code's own scale."""
    return torch.round(code * _LEVELS) / _LEVELS


def noisy(code: Tensor, random: torch.Generator) -> Tensor:
    """What stands for :func:`rounded` in training."""
    noise = torch.rand(code.shape, generator=random, device=code.device) - 0.5
    return code + noise.to(code) / _LEVELS


@lru_cache(maxsize=1)
def load_autoencoder() -> Autoencoder:
    """The trained one of ``attacks/removal/weights``."""
    packed = resources.files("attacks.removal") / "weights" / "autoencoder.safetensors"
    model = Autoencoder()
    model.load_state_dict({name: t.float() for name, t in load(packed.read_bytes()).items()})
    return model.eval().requires_grad_(requires_grad=False)


def redrawn(frame: NDArray[np.uint8], kept: int) -> NDArray[np.uint8]:
    """``frame`` (H, W, 3) uint8 sRGB, any size, said in ``kept`` (1 … 16) values, drawn again."""
    height, width = frame.shape[:2]
    model = load_autoencoder()
    with torch.inference_mode():
        picture = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float() / 255
        # Whole blocks, and one more all around: pictures end in zeros for a convolution.
        room = (SIDE, SIDE + -width % SIDE, SIDE, SIDE + -height % SIDE)
        padded = F.pad(picture, room, mode="replicate")
        code = rounded(model.encode(padded))
        drawn = model.decode(code, torch.tensor([kept]))[0, :, SIDE:, SIDE:]
        levels = (drawn[:, :height, :width] * 255).round().clamp(0, 255).byte()
    return levels.permute(1, 2, 0).contiguous().numpy()
