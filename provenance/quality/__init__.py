"""How far marked pictures are from their originals, measured on luma.

All levels and decibels are on the 8-bit scale (peak 255), whatever the depth of the samples.
:class:`LumaQuality` measures on the way what writing can afford; :class:`VmafMeter` costs more
time than encoding and is asked for.
"""

from __future__ import annotations

from provenance.quality.flicker import Flicker
from provenance.quality.luma import (
    SAMPLED_EVERY,
    LumaQuality,
    Quality,
    psnr,
    worst_block_psnr,
)
from provenance.quality.structure import ms_ssim, ssim
from provenance.quality.vmaf import Vmaf, VmafMeter

__all__ = [
    "SAMPLED_EVERY",
    "Flicker",
    "LumaQuality",
    "Quality",
    "Vmaf",
    "VmafMeter",
    "ms_ssim",
    "psnr",
    "ssim",
    "worst_block_psnr",
]
