"""What stands still in a clip: an attacker's estimate of the mark, without any key.

The oldest attack on video marks: the picture moves and the mark does not, so that the mean of what
remains of the frames after denoising is the mark (Holliman, Macy and Yeung, "Robust frame-dependent
video watermarking", 2000; Su, Kundur and Hatzinakos, "Statistical invisibility for collusion-
resistant digital video watermarking", IEEE Trans. Multimedia 7 (1), 2005). Where the mark is a tile
that repeats, as ours is (docs/watermark.md), a second mean over its repeats needs no movement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from attacks.base import within
from provenance.quality.levels import levels
from provenance.watermark.tile import TILE, cell_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attacks.clip import Clip

_FINE_LINES = 120  # detail is what is finer than so many on the short side
_MOST_LEVELS = 4.0  # a mark is weak: what is stronger is an edge, and counts as no more than this
_QUIET = 2.0  # levels²: no place is quieter, a codec sees to that


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """What stands still: ``mean`` (H, W) in levels of 8 bits, and the ``weight`` (H, W) behind it,
    the sum over frames of one over the variance of detail there.
    """

    mean: NDArray[np.float32]
    weight: NDArray[np.float32]


def detail(luma: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(H, W) what is finer in ``luma`` (levels of 8 bits) than its blur, cut off at ± 4 levels,
    and the weight of each place: one over the detail's variance around it.
    """
    sigma = max(1.5, min(luma.shape) / _FINE_LINES)
    fine = luma - cv2.GaussianBlur(luma, (0, 0), sigma)
    side = 2 * math.ceil(2 * sigma) + 1
    weight = 1 / (cv2.blur(fine * fine, (side, side)) + np.float32(_QUIET))
    return (
        np.asarray(np.clip(fine, -_MOST_LEVELS, _MOST_LEVELS), np.float32),
        np.asarray(weight, np.float32),
    )


def static_residual(clip: Clip) -> Residual:
    """Mean :func:`detail` of all frames, quiet places in quiet frames counting most; one pass, one
    frame at a time.
    """
    shape = (clip.video.height, clip.video.width)
    total, weights = np.zeros(shape, np.float64), np.full(shape, 1e-9)
    for picture in clip.pictures():
        fine, weight = detail(levels(picture.luma, picture.bits))
        total += fine * weight
        weights += weight
    mean = np.asarray(total / weights, np.float32)
    return Residual(mean=mean, weight=np.asarray(weights, np.float32))


def mean_tile(residual: Residual, period: float) -> NDArray[np.float32]:
    """(N, N), N the rounded ``period`` in pixels: the weighted mean of all tiles."""
    said = folded(residual.mean * residual.weight, period)
    weight = np.maximum(folded(residual.weight, period), np.float32(1e-9))
    return np.asarray(said / weight, np.float32)


def with_added(
    luma: NDArray[np.generic], change: NDArray[np.float32], bits: int
) -> NDArray[np.uint8 | np.uint16]:
    """``luma`` of so many bits with ``change``, in levels of 8, added and rounded."""
    moved = np.rint(np.asarray(luma, np.float32) + change * np.float32(2.0 ** (bits - 8)))
    return np.clip(moved, 0, (1 << bits) - 1).astype(np.uint8 if bits == 8 else np.uint16)


def tile_period(width: int, height: int) -> float:
    """Side of our tile, in pixels of a frame of this size as it was marked."""
    return TILE * cell_size(width, height)


def folded(plane: NDArray[np.float32], period: float) -> NDArray[np.float32]:
    """(N, N), N the rounded ``period`` in pixels: mean of all tiles of ``plane`` from its top-left
    corner.
    """
    side = max(2, round(period))
    grown = _scaled(plane, side / period)
    tiles = [-(-length // side) for length in grown.shape]
    room = [(0, count * side - length) for count, length in zip(tiles, grown.shape, strict=True)]

    def mean_of(values: NDArray[np.float32]) -> NDArray[np.float32]:
        padded = np.pad(values, room)
        mean = padded.reshape(tiles[0], side, tiles[1], side).mean(axis=(0, 2))
        return np.asarray(mean, np.float32)

    seen = np.maximum(mean_of(np.ones_like(grown)), np.float32(1e-6))
    return np.asarray(mean_of(grown) / seen, np.float32)


def laid_out(
    tile: NDArray[np.float32], period: float, width: int, height: int
) -> NDArray[np.float32]:
    """(height, width): ``tile`` of :func:`folded` repeated with its ``period``, in pixels."""
    side = len(tile)
    factor = period / side
    counts = (int(height / period) + 2, int(width / period) + 2)
    return _scaled(np.tile(tile, counts), factor, size=(width, height))


def budget(psnr_db: float) -> float:
    """``psnr_db`` as a budget of an attack. Raises :class:`~provenance.errors.OptionError` outside
    30 … 60 dB.
    """
    return within("psnr", psnr_db, 30, 60)


def rms_levels(psnr_db: float) -> float:
    """The rms, in levels of 8 bits, of a change that leaves ``psnr_db`` dB (peak 255)."""
    return float(255.0 / 10 ** (psnr_db / 20))


def at_psnr(pattern: NDArray[np.float32], psnr_db: float) -> NDArray[np.float32]:
    """``pattern`` as strong as to leave ``psnr_db`` dB when added to a picture (peak 255)."""
    rms = float(np.sqrt(np.mean(np.square(pattern, dtype=np.float64))))
    return np.asarray(pattern * np.float32(rms_levels(psnr_db) / max(rms, 1e-9)), np.float32)


def _scaled(
    plane: NDArray[np.float32], factor: float, size: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """``plane`` enlarged about its top-left corner by exactly ``factor``."""
    if factor == 1.0 and size is None:
        return plane
    height, width = plane.shape
    target = size or (round(width * factor), round(height * factor))
    shift = (factor - 1) / 2
    matrix = np.array([[factor, 0, shift], [0, factor, shift]])
    moved = cv2.warpAffine(
        plane, matrix, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)
