"""Structural similarity of two luma planes, at one scale and at five.

SSIM compares local means, contrasts and structure under a Gaussian window (Wang, Bovik, Sheikh and
Simoncelli 2004, doi:10.1109/TIP.2003.819861); MS-SSIM does so at five scales, each half of the one
before, and weighs them as eyes were measured to (Wang, Simoncelli and Bovik 2003,
doi:10.1109/ACSSC.2003.1292216). Both are 1 for equal planes and fall towards 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from provenance.errors import FrameError
from provenance.quality.levels import check_alike, levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 11  # pixels a side
SMALLEST_MULTISCALE = WINDOW << 4  # pixels: at the fifth scale the window must still fit
_SIGMA = 1.5
_STRIP = 32  # rows looked at at once
_STABLE_MEAN = (0.01 * 255) ** 2
_STABLE_CONTRAST = (0.03 * 255) ** 2
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ssim(reference: NDArray[Any], marked: NDArray[Any], *, bits: int = 8) -> float:
    """SSIM of two luma planes (H, W) of ``bits`` bits a sample, where the window fits.

    Raises :class:`~provenance.errors.FrameError` when shapes or types differ or a side is shorter
    than 11 pixels.
    """
    check_alike(reference, marked)
    _check_side(reference, WINDOW)
    similarity, _ = _similarity(_centred(reference, bits), _centred(marked, bits))
    return similarity


def ms_ssim(reference: NDArray[Any], marked: NDArray[Any], *, bits: int = 8) -> float:
    """MS-SSIM of two luma planes (H, W) of ``bits`` bits a sample.

    Structure that is the opposite of the reference's counts as none. Raises
    :class:`~provenance.errors.FrameError` when shapes or types differ or a side is shorter than
    176 pixels.
    """
    check_alike(reference, marked)
    _check_side(reference, SMALLEST_MULTISCALE)
    first, second = _centred(reference, bits), _centred(marked, bits)
    product = 1.0
    for weight in _WEIGHTS[:-1]:
        _, contrast = _similarity(first, second)
        product *= max(contrast, 0.0) ** weight
        first, second = _halved(first), _halved(second)
    similarity, _ = _similarity(first, second)
    return float(product * max(similarity, 0.0) ** _WEIGHTS[-1])


def _similarity(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[float, float]:
    """Mean SSIM, and the mean of its factor for contrast and structure alone."""
    places = [rows - WINDOW + 1 for rows in first.shape]
    similarity = contrast = 0.0
    # In strips, whose planes stay in a core's cache.
    for top in range(0, places[0], _STRIP):
        rows = slice(top, top + _STRIP + WINDOW - 1)
        here = _summed_similarity(first[rows], second[rows])
        similarity, contrast = similarity + here[0], contrast + here[1]
    count = places[0] * places[1]
    return similarity / count, contrast / count


def _summed_similarity(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> tuple[float, float]:
    mean_1, mean_2 = _blurred(first), _blurred(second)
    # Planes are centred on mid grey: float32 keeps the small differences of large squares.
    both = _blurred(first * second) - mean_1 * mean_2
    spread = _blurred(first * first + second * second) - mean_1 * mean_1 - mean_2 * mean_2
    contrast = (2 * both + _STABLE_CONTRAST) / (spread + _STABLE_CONTRAST)
    level_1, level_2 = mean_1 + np.float32(128), mean_2 + np.float32(128)
    light = (2 * level_1 * level_2 + _STABLE_MEAN) / (
        level_1 * level_1 + level_2 * level_2 + _STABLE_MEAN
    )
    light *= contrast
    return float(light.sum(dtype=np.float64)), float(contrast.sum(dtype=np.float64))


def _blurred(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    edge = WINDOW // 2
    blurred = cv2.GaussianBlur(plane, (WINDOW, WINDOW), _SIGMA)
    return np.asarray(blurred[edge:-edge, edge:-edge], np.float32)


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of the whole 2 × 2 pixels: the low-pass filter and the step of the paper in one."""
    rows, columns = (side // 2 for side in plane.shape)
    whole = plane[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _centred(luma: NDArray[Any], bits: int) -> NDArray[np.float32]:
    return levels(luma, bits) - np.float32(128)


def _check_side(luma: NDArray[Any], least: int) -> None:
    if min(luma.shape) < least:
        height, width = luma.shape
        raise FrameError(
            f"a plane of {width}×{height} pixels is too small for the window",
            hint=f"both sides must be {least} pixels or more",
        )
