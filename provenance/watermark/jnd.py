"""For the nets: how much luma may be changed, pixel by pixel, without being seen.

The carrier in use has its own bound, in ``perception``.

The bound is computed from the host alone, before anything is embedded, and the residual can never
leave it: it is the amplitude that the embedder's output (−1…1) is multiplied by.

Three terms (Watson 1993, Chou & Li 1995, reduced to what a still working frame can tell):
a floor for flat areas, a luminance factor, and contrast masking by *texture*. Texture is what is
left of the local energy after erosion, so that the flat side of an edge keeps the floor: an edge
hides nothing beside itself. A linear ramp (sky, wall, vignette) has no energy at all here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The constants of the bound, in 8-bit levels of luma.

    ``flat``: amplitude in flat areas of medium luma. ``slope``: amplitude per level of eroded
    local deviation. ``peak``: amplitude that no pixel exceeds.
    """

    flat: float = 0.6
    slope: float = 0.5
    power: float = 0.85
    peak: float = 4.4


DEFAULT_BOUND = Bound()


def _box(picture: Tensor, size: int) -> Tensor:
    padded = functional.pad(picture, (size // 2,) * 4, mode="replicate")
    return functional.avg_pool2d(padded, size, 1)


def _erode(picture: Tensor, size: int) -> Tensor:
    return -functional.max_pool2d(-picture, size, 1, size // 2)


def amplitude(luma: Tensor, bound: Bound = DEFAULT_BOUND) -> Tensor:
    """Largest invisible change at every pixel.

    ``luma``: (B, 1, H, W), 0…1, H and W even, at the working size (short side 480 px).
    Returns (B, 1, H, W) in 8-bit levels. Worked out at half the resolution: the mask need not be
    sharper than a cell, and it is a quarter of the work.
    """
    levels = luma * 255.0
    mean = functional.avg_pool2d(levels, 2)  # (B, 1, H/2, W/2)
    fine = (functional.avg_pool2d(levels * levels, 2) - mean * mean).clamp_min(0.0)
    band = mean - _box(mean, 5)
    energy = _box(band * band + fine, 5)
    # Deviations up to about one level are compression and quantisation noise: they hide nothing.
    deviation = ((_erode(energy, 9) + 1e-6).sqrt() - 1.0).clamp_min(1e-3)
    dark = (1.0 - mean / 48.0).clamp_min(0.0)
    bright = ((mean - 140.0) / 115.0).clamp_min(0.0)
    floor = bound.flat * (1.0 + 0.3 * dark + 0.25 * bright)
    allowed = (floor + bound.slope * deviation.pow(bound.power)).clamp_max(bound.peak)
    allowed = _box(allowed, 3)
    return functional.interpolate(allowed, scale_factor=2, mode="bilinear", align_corners=False)
