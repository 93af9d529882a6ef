"""The carrier: spread spectrum under the eye's bound, matched filter.

The extractor is what makes it strong. The usual correlator subtracts a blurred picture and lets
edges and texture drown the mark. Here every pixel's neighbourhood is split into the low bands of a
sliding 4 × 4 DCT, each band is divided by its own local energy (the optimal detector for Gaussian
coefficients whose variance is known locally: Kay, Detection Theory, §4.4), and the bands are put
together again by the adjoint transform. Along an edge, the bands that do not see it stay quiet.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from provenance.watermark.perception import visibility_bound

if TYPE_CHECKING:
    from numpy.typing import NDArray

PATTERN_SIGMA = 0.6  # pixels, two a cell: what a codec would take away is not written
_BLOCK = 4
_BAND_ENERGY_WINDOW = 7
_STRIP, _HALO = 112, 8  # rows listened to at once, and those around that they depend on
_NOISE_FLOOR = 6.0  # levels²: below this a quiet band is the codec's doing, not a clear view


@lru_cache(maxsize=1)
def _waves() -> tuple[NDArray[np.float32], ...]:
    """The 3 lowest waves, (4,) each, of the orthonormal DCT: a band is one down and one across."""
    steps = np.arange(_BLOCK)
    return tuple(
        (
            np.cos(np.pi * (2 * steps + 1) * u / (2 * _BLOCK))
            * np.sqrt((1 if u == 0 else 2) / _BLOCK)
        ).astype(np.float32)
        for u in range(3)
    )


class SpreadSpectrumEmbedder:
    """The ``Embedder`` in use: the pattern itself, as loud as the bound lets it be."""

    pixels_per_cell = 2

    def residual(
        self,
        luma: NDArray[np.float32],
        pattern: NDArray[np.float32],
        previous: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        soft = cv2.GaussianBlur(pattern, (0, 0), PATTERN_SIGMA)
        return soft * visibility_bound(luma, previous)


class MatchedFilterExtractor:
    """The ``Extractor`` in use: locally whitened bands, put together again."""

    pixels_per_cell = 2

    def soft_map(self, luma: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.empty_like(luma)
        height = len(luma)
        for top in range(0, height, _STRIP):
            first, end = max(0, top - _HALO), min(height, top + _STRIP + _HALO)
            out[top : top + _STRIP] = _heard(luma[first:end])[top - first :][:_STRIP]
        return out


def _heard(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """The soft map of a strip (H, W): all of its planes stay in a core's cache."""
    waves = _waves()
    even = np.full(_BAND_ENERGY_WINDOW, 1 / _BAND_ENERGY_WINDOW, np.float32)
    out, across = np.zeros_like(luma), np.empty_like(luma)
    band, energy = np.empty_like(luma), np.empty_like(luma)
    for down in waves:
        passed = _filtered(luma, down[:, None])
        summed = np.zeros_like(luma)
        for wave in waves:
            if wave is waves[0] and down is waves[0]:
                continue  # the mean
            _filtered(passed, wave[None], out=band)
            cv2.multiply(band, band, dst=energy)
            cv2.sepFilter2D(
                energy,
                cv2.CV_32F,
                even,
                even,
                dst=energy,
                delta=_NOISE_FLOOR,
                borderType=cv2.BORDER_REFLECT,
            )
            cv2.divide(band, energy, dst=band)
            cv2.add(summed, _filtered(band, wave[None, ::-1], out=across, back=True), dst=summed)
        cv2.add(out, _filtered(summed, down[::-1, None], out=across, back=True), dst=out)
    return out


def _filtered(
    plane: NDArray[np.float32],
    kernel: NDArray[np.float32],
    *,
    out: NDArray[np.float32] | None = None,
    back: bool = False,
) -> NDArray[np.float32]:
    """``plane`` filtered along one axis; ``back``: so as to undo the shift of a filter before."""
    anchor = [-1, -1]
    if back:
        anchor[0 if kernel.shape[0] == 1 else 1] = _BLOCK - 1 - _BLOCK // 2
    done = cv2.filter2D(
        plane,
        cv2.CV_32F,
        np.ascontiguousarray(kernel),
        dst=out,
        anchor=anchor,
        borderType=cv2.BORDER_REFLECT,
    )
    return np.asarray(done, np.float32)
