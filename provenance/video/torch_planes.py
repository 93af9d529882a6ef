"""sRGB to what encoders take, on the device that made the pictures: half of the bytes to carry."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722  # ITU-R BT.709


def planes_of(levels: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (T, H, W) and chroma (T, 2, H/2, W/2), uint8, of sRGB (T, 3, H, W) uint8, even sides:
    BT.709 in limited range, 4:2:0 by the mean of four pixels, as
    :func:`provenance.video.picture_from_rgb` has it, to a level.
    """
    red, green, blue = levels.float().unbind(1)
    grey = _RED * red + _GREEN * green + _BLUE * blue
    luma = (16 + grey * (219 / 255)).round().byte()
    differences = torch.stack(
        [(blue - grey) / (2 * (1 - _BLUE)), (red - grey) / (2 * (1 - _RED))], 1
    )
    chroma = 128 + functional.avg_pool2d(differences, 2) * (224 / 255)
    return luma, chroma.round().byte()
