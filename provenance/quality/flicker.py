"""How much of a mark moves by itself: the change of the residual from one frame to the next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import FrameError, OptionError
from provenance.quality.levels import check_alike

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Flicker:
    """The rms in levels, over pixels and frames, of r(t) − r(t − 1): r is marked minus original.

    That is the error of the difference between neighbouring frames: what moves in the marked
    video and not in the original, as in the flicker measures for marked video of Winkler, Gelasca
    and Ebrahimi 2003 (doi:10.1117/12.512550), without their weighting by spatial frequency. A
    residual that stands still gives 0, one that turns its sign in every frame twice its own rms.

    Every frame counts, but only every ``rows``-th row of it: a mark that is redrawn at fixed times
    would be missed by frames picked at fixed times. Raises
    :class:`~provenance.errors.OptionError` for ``rows`` below 1.
    """

    def __init__(self, *, rows: int = 1) -> None:
        if rows < 1:
            raise OptionError(f"cannot measure every {rows} rows", hint="use 1 or more")
        self._rows = rows
        self._previous: NDArray[np.int32] | None = None
        self._sum, self._pixels = 0.0, 0

    def add(self, reference: NDArray[Any], marked: NDArray[Any], *, bits: int = 8) -> None:
        """Take in the next frame's luma (H, W) before and after marking, ``bits`` bits a sample.

        Raises :class:`~provenance.errors.FrameError` when shapes or types differ, from each other
        or from the frame before.
        """
        check_alike(reference, marked)
        residual = np.subtract(marked[:: self._rows], reference[:: self._rows], dtype=np.int32)
        previous, self._previous = self._previous, residual
        if previous is None:
            return
        if previous.shape != residual.shape:
            raise FrameError(
                f"a frame of shape {reference.shape} after one of another",
                hint="all frames of a clip have one size",
            )
        change = (residual - previous).astype(np.float32).ravel()
        # In levels of 8 bits, as everything here.
        self._sum += float(change @ change) * 4.0 ** (8 - bits)
        self._pixels += change.size

    def result(self) -> float | None:
        """The rms in levels of the frames so far; None before there are two."""
        return math.sqrt(self._sum / self._pixels) if self._pixels else None
