"""The trained ``Extractor``: a small convolutional net that hears the pattern better than a filter.

It starts from what the matched filter says, and adds what a net knows about pictures and codecs:
which detail belongs to an edge, what quantisation leaves of a cell and what it invents. It knows no
key, no payload and no geometry. docs/training.md says how it was trained and what it gains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from provenance.watermark.carrier import BAND_ENERGY_WINDOW, NOISE_FLOOR, bands

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH, DEEP_WIDTH, DEEP_BLOCKS = 48, 64, 2
_FOLD = 2  # pixels a side that become channels
_MULTIPLE = 4  # the net halves the folded picture once more
_TONE_WINDOW = 9
_DETAIL_LEVELS = (2.0, 8.0, 32.0)  # where detail is compressed: flat areas, texture, edges


def matched_filter(luma: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 1, H, W) evidence of the matched filter, and the mean energy of its bands.

    The same sums as :class:`~provenance.watermark.carrier.MatchedFilterExtractor` makes.
    """
    kernels = torch.as_tensor(bands(), device=luma.device)[:, None]  # (8, 1, 4, 4)
    size = kernels.shape[-1]
    first, last = size // 2, size - 1 - size // 2
    padded = functional.pad(luma, (first, last, first, last), mode="reflect")
    split = functional.conv2d(padded, kernels)
    half = BAND_ENERGY_WINDOW // 2
    power = functional.pad(split * split, (half, half, half, half), mode="reflect")
    energy = functional.avg_pool2d(power, BAND_ENERGY_WINDOW, 1)
    quiet = functional.pad(split / (energy + NOISE_FLOOR), (last, first, last, first), "reflect")
    turned = kernels.flip(2, 3).transpose(0, 1)
    return functional.conv2d(quiet, turned), energy.mean(1, keepdim=True)


class _Block(nn.Module):
    """x + f(x), two 3×3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class ListenerNet(nn.Module):
    """Luma (B, 1, H, W) in 0…255, sides multiples of 4 → (B, 1, H, W) log odds of the sign."""

    def __init__(self, width: int = WIDTH, deep: int = DEEP_WIDTH) -> None:
        super().__init__()
        folded = _FOLD * _FOLD
        self.stem = nn.Conv2d(folded * (1 + len(_DETAIL_LEVELS)) + 2, width, 3, 1, 1)
        self.near = _Block(width)
        self.down = nn.Conv2d(width, deep, 3, 2, 1)
        self.far = nn.Sequential(*(_Block(deep) for _ in range(DEEP_BLOCKS)))
        self.up = nn.Conv2d(deep, width, 1)
        self.end = _Block(width)
        self.out = nn.Conv2d(width, folded, 3, 1, 1)
        self.plain = nn.Parameter(torch.tensor(0.1))
        nn.init.zeros_(self.out.weight)

    def forward(self, luma: Tensor) -> Tensor:
        heard, energy = matched_filter(luma)
        half = _TONE_WINDOW // 2
        tone = functional.avg_pool2d(
            functional.pad(luma, (half, half, half, half), mode="reflect"), _TONE_WINDOW, 1
        )
        detail = functional.pixel_unshuffle(luma - tone, _FOLD)
        seen = [
            *((detail / level).tanh() for level in _DETAIL_LEVELS),
            functional.pixel_unshuffle(heard, _FOLD).tanh(),
            functional.avg_pool2d(energy, _FOLD).log1p() / 4,
            functional.avg_pool2d(tone, _FOLD) / 128 - 1,
        ]
        x = functional.relu(self.stem(torch.cat(seen, 1)))
        x = self.near(x)
        deep = self.far(functional.relu(self.down(x)))
        x = x + functional.interpolate(self.up(deep), scale_factor=2.0, mode="nearest")
        told = functional.pixel_shuffle(self.out(self.end(functional.relu(x))), _FOLD)
        return cast("Tensor", told.float() + self.plain * heard)


class ListenerExtractor:
    """The ``Extractor`` with the trained net, on one picture at a time."""

    pixels_per_cell = 2

    def __init__(self, net: ListenerNet) -> None:
        self._net = net.eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def soft_map(self, luma: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = luma.shape
        picture = torch.from_numpy(luma)[None, None]
        down, right = -height % _MULTIPLE, -width % _MULTIPLE
        told = self._net(functional.pad(picture, (0, right, 0, down), mode="replicate"))
        return cast("NDArray[np.float32]", told[0, 0, :height, :width].contiguous().numpy())
