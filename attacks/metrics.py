"""What marking changed, by the project's own measures, in the form in which results state it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.quality import LumaQuality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.clip import VideoSpec
    from provenance.video import Picture


class PictureMeter:
    """Compares pictures before and after marking as they pass."""

    def __init__(self, vmaf: bool) -> None:
        self.frames = 0
        self._luma = LumaQuality()
        self._vmaf = vmaf

    def add(self, before: Picture, after: Picture) -> None:
        self.frames += 1
        self._luma.add(before.luma, after.luma, bits=before.bits)

    def result(self, video: VideoSpec) -> dict[str, Any]:
        """Fields of :class:`~attacks.results.Master`."""
        _ = video
        luma = self._luma.result()
        return {
            "psnr_db": _finite(luma.psnr_db),
            "worst_block_psnr_db": _finite(luma.worst_block_psnr_db),
            "flat_rms": luma.flat_rms and round(luma.flat_rms, 3),
        }


def snr_db(plain: NDArray[np.float32], marked: NDArray[np.float32]) -> float | None:
    """Signal-to-noise ratio in dB of two arrays (N, channels); None when nothing was changed."""
    length = min(len(plain), len(marked))
    change = np.asarray(marked[:length], np.float64) - plain[:length]
    noise = float(np.mean(change**2)) if length else 0.0
    signal = float(np.mean(np.asarray(plain[:length], np.float64) ** 2)) if length else 0.0
    if noise <= 0 or signal <= 0:
        return None
    return round(10 * math.log10(signal / noise), 2)


def _finite(decibels: float) -> float | None:
    return round(decibels, 2) if math.isfinite(decibels) else None
