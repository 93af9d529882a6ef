"""What the power of a fold says of its size, whatever the message.

The pilot is an eighth of the tile. At the right size all cells add up, so that the fold holds more
power than those of the sizes beside it: where the mark is faint, as good a sign as the pilot. It is
looked at in the sweep over sizes, whose folds are there already. How much more is due follows from
how loud the pilot is: what a picture itself repeats often holds far more, and counts no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from provenance.watermark.tile import PILOT_CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.watermark.sync import Folds, Placement

_HIGHEST = 0.25  # cycles a pixel of a fold: above, cells say little
_DUE = 0.6  # logarithm of the power for a mark as loud as the noise (measured on faint files)
_AT_MOST = 2.0  # times what is due: more is the picture's
_SPREAD = 0.05  # standard deviation of that logarithm by chance: of some 400 waves
_BESIDE = 31  # sizes on either side that tell what is usual
_NOT_RESIZED = 0.003  # this near to a map's own size, folding softens nothing: that is no mark
_AS_SWEPT = 0.006  # change of size, angle or stretch that leaves a fold what it is


class Powers:
    """The power of the folds of ``folds`` at upright ``shapes``, sizes that rise step by step."""

    def __init__(self, folds: Folds, shapes: Sequence[Placement]) -> None:
        self._sizes = np.log([shape.scale_x for shape in shapes])
        held = np.array([_power(folds.spectrum(shape)) for shape in shapes])
        held = np.log(np.maximum(held, 1e-20))
        window = 2 * _BESIDE + 1
        self._excess = held - ndimage.median_filter(held, window, mode="nearest")
        usual = 1.4826 * ndimage.median_filter(np.abs(self._excess), window, mode="nearest")
        self._spread = np.maximum(usual, _SPREAD)
        self._spread[np.abs(self._sizes) < _NOT_RESIZED] = np.inf

    def likelihood(self, placement: Placement) -> float:
        """Twice the logarithm of how much likelier the power makes the mark at ``placement``.

        0 where its shape is none of those that were swept.
        """
        sides = np.log([placement.scale_x, placement.scale_y])
        which = int(np.abs(self._sizes - sides.mean()).argmin())
        off = np.abs(sides - self._sizes[which]).max()
        if max(off, abs(placement.shear), abs(np.deg2rad(placement.rotation_deg))) > _AS_SWEPT:
            return 0.0
        due = _DUE * placement.score**2 / PILOT_CELLS
        there = min(float(self._excess[which]), _AT_MOST * due)
        return float((2 * there - due) * due / self._spread[which] ** 2)


def _power(spectrum: NDArray[np.complex64]) -> float:
    """The power of a (64, 33) transform below the highest wave, less that along the axes.

    Edges of the picture and of a codec's blocks lie there.
    """
    below = int(_HIGHEST * len(spectrum))
    low = spectrum[:, 1:below]
    kept = np.concatenate([low[1:below], low[1 - below :]])
    return float(np.square(kept.real).sum() + np.square(kept.imag).sum())
