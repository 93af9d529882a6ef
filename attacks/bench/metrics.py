"""What marking changed, by the project's own measures, in the form in which results state it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from provenance.quality import LumaQuality, VmafMeter, ms_ssim
from provenance.quality.structure import SMALLEST_MULTISCALE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.clip import VideoSpec
    from provenance.video import Picture

_SCALES_EVERY = 8  # frames


class PictureMeter:
    """Compares pictures before and after marking as they pass; use it as a context manager.

    Raises :class:`~provenance.errors.PackageMissing` where ``vmaf`` is asked for and FFmpeg with
    it is not installed.
    """

    def __init__(self, video: VideoSpec, *, vmaf: bool) -> None:
        self.frames = 0
        self._luma = LumaQuality()
        self._scales: list[float] = []
        size = {"width": video.width, "height": video.height, "bits": video.bits}
        self._vmaf = VmafMeter(**size) if vmaf else None

    def __enter__(self) -> Self:
        if self._vmaf is not None:
            self._vmaf.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._vmaf is not None:
            self._vmaf.__exit__(*error)

    def add(self, before: Picture, after: Picture) -> None:
        one, other, bits = before.luma, after.luma, before.bits
        # What comes once in a while is enough of a measure that costs a multiple of the others.
        if self.frames % _SCALES_EVERY == 0 and min(one.shape) >= SMALLEST_MULTISCALE:
            self._scales.append(ms_ssim(one, other, bits=bits))
        self.frames += 1
        self._luma.add(one, other, bits=bits)
        if self._vmaf is not None:
            self._vmaf.add(one, other)

    def result(self) -> dict[str, Any]:
        """Fields of :class:`~attacks.bench.results.Master`; asked once, inside of the block."""
        luma = self._luma.result()
        vmaf = None if self._vmaf is None else self._vmaf.result()
        return {
            "psnr_db": _finite(luma.psnr_db),
            "worst_block_psnr_db": _finite(luma.worst_block_psnr_db),
            "flat_rms": _rounded(luma.flat_rms, 3),
            "ssim": _rounded(luma.ssim, 5),
            "ms_ssim": _rounded(float(np.mean(self._scales)) if self._scales else None, 5),
            "flicker": _rounded(luma.flicker, 4),
            "vmaf": None if vmaf is None else round(vmaf.vmaf, 2),
            "vmaf_neg": None if vmaf is None else round(vmaf.vmaf_neg, 2),
            "vmaf_neg_p1": None if vmaf is None else round(vmaf.vmaf_neg_p1, 2),
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


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _finite(decibels: float) -> float | None:
    return round(decibels, 2) if math.isfinite(decibels) else None
