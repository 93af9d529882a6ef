"""PSNR, its worst block, what changes in flat areas, and a summary of a clip while it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from provenance.errors import FrameError, OptionError
from provenance.quality.flicker import Flicker
from provenance.quality.levels import check_alike, levels
from provenance.quality.structure import WINDOW, ssim

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 32
FLAT_DEVIATION = 1.5  # levels: an area that varies less than this hides nothing
_FLAT_AREA = 8  # pixels a side of the areas that are flat or not

SAMPLED_EVERY = 24  # frames: what writing can afford to measure on the way
# Where not every frame is measured: flicker takes every so many rows of all frames instead, and
# SSIM, which costs ten times as much as the rest, every so many of the frames that are.
_FLICKER_ROWS = 16
_SSIM_EVERY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What marking changed, over ``frames`` frames that were looked at.

    ``psnr_db``: mean of the frames' luma PSNR. ``lowest_psnr_db``: of the worst frame.
    ``worst_block_psnr_db``: of the worst 32 × 32 pixels anywhere. ``flat_rms``: root of the mean
    squared change, in levels, where the original varies by less than 1.5 levels; None when it
    does so nowhere. ``ssim``: mean of the frames' SSIM (of every fourth, where not every frame is
    measured); None where frames are smaller than its window. ``flicker``: rms, in levels, of what
    the mark changes from one frame to the next, over all frames that passed
    (:class:`~provenance.quality.flicker.Flicker`); None for a single frame. A PSNR is infinite
    where nothing was changed.
    """

    frames: int
    psnr_db: float
    lowest_psnr_db: float
    worst_block_psnr_db: float
    flat_rms: float | None
    ssim: float | None
    flicker: float | None


def psnr(reference: NDArray[Any], marked: NDArray[Any], *, bits: int = 8) -> float:
    """Peak signal-to-noise ratio in dB between two luma planes (H, W) of ``bits`` bits a sample.

    Infinite for equal planes. Raises :class:`FrameError` when shapes or types differ.
    """
    return _decibels(_mean_square(_change(reference, marked, bits)))


def worst_block_psnr(
    reference: NDArray[Any], marked: NDArray[Any], *, bits: int = 8, block: int = BLOCK
) -> float:
    """Lowest PSNR in dB of ``block`` × ``block`` pixels, wherever they lie (no fixed grid).

    A plane that is smaller is one block. Raises :class:`FrameError` when shapes or types differ.
    """
    return _decibels(_worst_mean_square(_change(reference, marked, bits), block))


class LumaQuality:
    """Compares frames as they pass, every ``every``-th of them, starting with the first.

    Raises :class:`OptionError` for ``every`` below 1.
    """

    def __init__(self, *, every: int = 1) -> None:
        if every < 1:
            raise OptionError(f"cannot measure every {every} frames", hint="use 1 or more")
        self._every = every
        self._seen = 0
        self._psnrs: list[float] = []
        self._worst_block = 0.0  # mean squared change
        self._flat_sum, self._flat_areas = 0.0, 0
        self._ssims: list[float] = []
        self._ssim_every = 1 if every == 1 else _SSIM_EVERY
        self._flicker = Flicker(rows=1 if every == 1 else _FLICKER_ROWS)

    def add(self, reference: NDArray[Any], marked: NDArray[Any], *, bits: int = 8) -> None:
        """Take in a frame's luma (H, W) before and after marking, ``bits`` bits a sample.

        Raises :class:`FrameError` when shapes or types differ.
        """
        self._flicker.add(reference, marked, bits=bits)
        self._seen += 1
        if (self._seen - 1) % self._every:
            return
        change = _change(reference, marked, bits)
        self._psnrs.append(_decibels(_mean_square(change)))
        self._worst_block = max(self._worst_block, _worst_mean_square(change, BLOCK))
        changed = _areas(change * change)
        flat = _flat(levels(reference, bits))
        self._flat_sum += float(changed[flat].sum(dtype=np.float64))
        self._flat_areas += int(flat.sum())
        wanted = (len(self._psnrs) - 1) % self._ssim_every == 0
        if wanted and min(reference.shape) >= WINDOW:
            self._ssims.append(ssim(reference, marked, bits=bits))

    def result(self) -> Quality:
        """What was measured so far. Raises :class:`FrameError` when that is nothing."""
        if not self._psnrs:
            raise FrameError("no frame was compared", hint="add one before asking for the result")
        flat = math.sqrt(self._flat_sum / self._flat_areas) if self._flat_areas else None
        return Quality(
            frames=len(self._psnrs),
            psnr_db=math.fsum(self._psnrs) / len(self._psnrs),
            lowest_psnr_db=min(self._psnrs),
            worst_block_psnr_db=_decibels(self._worst_block),
            flat_rms=flat,
            ssim=math.fsum(self._ssims) / len(self._ssims) if self._ssims else None,
            flicker=self._flicker.result(),
        )


def _change(reference: NDArray[Any], marked: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """(H, W) absolute change in levels."""
    check_alike(reference, marked)
    return levels(np.asarray(cv2.absdiff(reference, marked)), bits)


def _mean_square(change: NDArray[np.float32]) -> float:
    return float(cv2.norm(change, cv2.NORM_L2SQR)) / change.size


def _worst_mean_square(change: NDArray[np.float32], block: int) -> float:
    height, width = change.shape
    down, across = min(block, height), min(block, width)
    squares = cv2.sqrBoxFilter(
        change, cv2.CV_32F, (across, down), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
    )
    return float(squares[: height - down + 1, : width - across + 1].max())


def _areas(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of the whole 8 × 8 areas of ``plane``."""
    rows, columns = (max(1, side // _FLAT_AREA) for side in plane.shape)
    whole = plane[: rows * _FLAT_AREA, : columns * _FLAT_AREA]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _flat(levels: NDArray[np.float32]) -> NDArray[np.bool_]:
    # Around mid grey, so that squares do not eat up the precision of the difference.
    centred = levels - np.float32(128)
    mean = _areas(centred)
    variance = _areas(centred * centred) - mean * mean
    return np.asarray(variance < FLAT_DEVIATION**2)


def _decibels(mean_square: float) -> float:
    return math.inf if mean_square <= 0 else 10 * math.log10(255.0**2 / mean_square)
