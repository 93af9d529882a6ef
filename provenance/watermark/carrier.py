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
_NOISE_FLOOR = 6.0  # levels²: below this a quiet band is the codec's doing, not a clear view


@lru_cache(maxsize=1)
def _bands() -> tuple[NDArray[np.float32], ...]:
    """The 8 lowest kernels, (4, 4) each, of the orthonormal DCT, without the mean."""
    steps = np.arange(_BLOCK)
    basis = [
        np.cos(np.pi * (2 * steps + 1) * u / (2 * _BLOCK)) * np.sqrt((1 if u == 0 else 2) / _BLOCK)
        for u in range(3)
    ]
    return tuple(
        np.outer(basis[v], basis[u]).astype(np.float32)
        for v in range(3)
        for u in range(3)
        if u or v
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
        out = np.zeros_like(luma)
        window = (_BAND_ENERGY_WINDOW, _BAND_ENERGY_WINDOW)
        centre = _BLOCK - 1 - _BLOCK // 2
        for kernel in _bands():
            band = cv2.filter2D(luma, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)
            energy = cv2.blur(band * band, window, borderType=cv2.BORDER_REFLECT)
            out += cv2.filter2D(
                band / (energy + _NOISE_FLOOR),
                cv2.CV_32F,
                kernel[::-1, ::-1],
                anchor=(centre, centre),
                borderType=cv2.BORDER_REFLECT,
            )
        return out
