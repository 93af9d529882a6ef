"""A recording that was held in the hand: how the tile moves from one moment to the next.

Between two moments the whole picture slips by a few pixels, and a sum of their maps smears what is
smaller than that. What the picture shows moves as well, by itself, and says nothing sure about the
hand; the tile does. So each moment's map is folded at the supposed shape and compared with the sum
of the others: how far its fold has slipped is how far the picture has. No key is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from scipy import fft

from provenance.watermark.bend import planar, straighten
from provenance.watermark.sync import SIDE, clipped, fold, straightened, transform
from provenance.watermark.vertex import vertex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.watermark.bend import Bend

Value = TypeVar("Value", np.float32, np.uint8)

_MOST_SLIP = 6  # pixels of a fold, in one round
_ROUNDS = 8  # of comparing with the others, at most
_STILL = 0.1  # pixels of a fold: less is no news
_NEAR = 0.7  # moments: a hand is about where it was a moment ago
_TOGETHER = (4, 1, 1)  # moments summed up before they are compared, at most, round by round
_FEWEST = 5  # sums that are compared, if there are so many moments
_SHARES = (0.8, 0.9, 1.0)  # of the coherence that is needed in the end, after each


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """How a moving tile lies.

    ``slips``: (n, 2), by how many pixels (x, y) each moment's map has moved. ``bend``: of the map
    that is the sum of all of them, each moved back.
    """

    slips: NDArray[np.float64]
    bend: Bend


def moved_back(plane: NDArray[Value], slip: NDArray[np.float64]) -> NDArray[Value]:
    """A map or a picture (H, W) moved by −``slip`` (x, y) pixels; 0 comes in from outside."""
    if not slip.any():
        return plane
    way = np.column_stack([np.eye(2), slip])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(plane, way, plane.shape[::-1], flags=flags)
    return np.asarray(moved, plane.dtype)


def steadied(
    maps: Sequence[NDArray[np.float32]], plane: NDArray[np.float64], *, least: float
) -> Steady | None:
    """How the tile moves in ``maps`` (H, W each, in order of time), about shaped as ``plane`` says.

    ``plane``: (3, 3) homography from the tile's pixels to the maps', counted from their corners.
    None where no tile can be recognised, or the sum's coherence stays below ``least``.
    """
    slips = np.zeros((len(maps), 2))
    bend = planar(plane, maps[0].shape)
    for most, share in zip(_TOGETHER, _SHARES, strict=True):
        together = max(1, min(most, len(maps) // _FEWEST))
        if not bend.plausible:
            return None
        folds = []
        for first in range(0, len(maps), together):
            part = slice(first, first + together)
            soft = total(maps[part], slips[part])
            folds.append(fold(straightened(soft, bend.homography), bend.matrix))
        moved = slipped(np.stack(folds)) @ bend.matrix.T
        slips = slips + np.repeat(moved, together, 0)[: len(maps)]
        found = straighten(total(maps, slips), bend.plane, SIDE)
        if found is None or found.coherence < share * least:
            return None
        bend = found
    return Steady(slips=slips, bend=bend)


def total(maps: Sequence[NDArray[np.float32]], slips: NDArray[np.float64]) -> NDArray[np.float32]:
    """The sum of ``maps``, each moved back by its of (n, 2) ``slips``; outliers cut off."""
    summed = np.zeros_like(maps[0])
    for soft, slip in zip(maps, slips, strict=True):
        summed += moved_back(soft, slip)
    return clipped(summed)


def slipped(folds: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, 2): by how many pixels (x, y) each of (n, 64, 64) ``folds`` is off their common place."""
    spectra = transform(folds)
    spectra[:, 0, 0] = 0
    across, down = np.fft.rfftfreq(SIDE)[None, None], np.fft.fftfreq(SIDE)[None, :, None]
    order = np.arange(len(folds))
    near = np.exp(-0.5 * ((order[:, None] - order) / _NEAR) ** 2).astype(np.float32)
    slips = np.zeros((len(folds), 2))
    width = 2 * _MOST_SLIP + 1
    for _ in range(_ROUNDS):
        x, y = slips.T[:, :, None, None]
        placed = spectra * np.exp(2j * np.pi * (across * x + down * y)).astype(np.complex64)
        likeness = fft.irfft2(placed * np.conj(placed.sum(0) - placed), (SIDE, SIDE))
        likeness = np.tensordot(near, likeness, 1)
        around = np.roll(likeness, (_MOST_SLIP, _MOST_SLIP), (1, 2))[:, :width, :width]
        step = np.array([_peak(surface) for surface in around]) - _MOST_SLIP
        slips += step
        slips -= slips.mean(0)
        if float(np.abs(step).max()) < _STILL:
            break
    return slips


def _peak(surface: NDArray[np.float64]) -> tuple[float, float]:
    """(x, y) of the highest place of ``surface``, with fractions."""
    row, column = (int(i) for i in np.unravel_index(int(surface.argmax()), surface.shape))
    return vertex(surface[row], column), vertex(surface[:, column], row)
