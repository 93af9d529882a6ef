"""Where a hand has moved a mark that was read: followed from one moment to the next.

A placement says where the mark lies in the mean of all moments. Where it is off by a cell or two,
its cells say nothing at that place, and the moment would count as unmarked. Once the payload is
known, a quarter of a second mostly says by itself where the mark lies. One that does not is looked
at where the mark was before, so that what carries no mark finds none by trying.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from provenance.watermark.sync import FOLD_GRAIN, SIDE, clipped, shape_of, transform, upright_fold
from provenance.watermark.vertex import vertex

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from provenance.watermark.sync import Placement

_REACH = 8  # pixels of a fold, from one moment to the next
_SURE = 6.0  # standard deviations: less of a peak may be one by chance
_STILL = 1.0  # pixels of a fold, half a cell: less a codec does, where the picture moves


class Hand:
    """Follows the mark whose steady signs are ``own`` (32, 32; without the pilot, that any mark
    under the key has), at ``placement`` in maps of a size (H, W).
    """

    def __init__(
        self, own: NDArray[np.float32], placement: Placement, size: tuple[int, int]
    ) -> None:
        drawn = np.kron(own, np.ones((FOLD_GRAIN, FOLD_GRAIN), np.float32))
        self._signs = np.conj(transform(drawn))
        self._placement = placement
        self._onto = _onto(placement, size)
        self._last = np.zeros(2)  # row and column, in pixels of a fold
        self._sure = self._off = 0  # moments that said where the mark is, and that it is elsewhere

    def slips(self, maps: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """(n, 2) pixels (x, y) by which the mark is off its place in each of ``maps`` (H, W)."""
        slips = np.array([self._slip(soft) for soft in maps]).reshape(-1, 2)
        # Into a part that was exchanged, a codec carries the mark from before, along with what
        # moves there. A hand is hardly ever where it is in the mean.
        return slips if 2 * self._off > self._sure else np.zeros_like(slips)

    def _slip(self, soft_map: NDArray[Any]) -> NDArray[np.float64]:
        folded = upright_fold(clipped(soft_map.astype(np.float32)), self._placement)
        plane = fft.irfft2(transform(folded) * self._signs, (SIDE, SIDE))
        top, left = _REACH - np.rint(self._last).astype(int)
        around = np.roll(plane, (top, left), (0, 1))[: 2 * _REACH + 1, : 2 * _REACH + 1]
        row, column = divmod(int(around.argmax()), 2 * _REACH + 1)
        if around[row, column] > _SURE * plane.std():  # not where there is nothing at all
            self._last = np.array([vertex(around[:, column], row), vertex(around[row], column)])
            self._last -= (top, left)
            self._sure += 1
            self._off += bool(np.abs(self._last).max() > _STILL)
        return np.asarray(self._onto @ self._last[::-1], np.float64)


def _onto(placement: Placement, size: tuple[int, int]) -> NDArray[np.float64]:
    """(2, 2): pixels (x, y) of the map a pixel (x, y) of the upright tile, in the map's middle."""
    # The tile was mirrored, then turned back: undone in the other order.
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    way = np.linalg.matrix_power(turn, placement.quarter_turns)
    if placement.flipped:
        way = np.diag([-1.0, 1.0]) @ way
    way = np.asarray(shape_of(placement) @ way, np.float64)
    if placement.bend is None:
        return way
    bend = np.reshape(placement.bend, (3, 3))
    middle = np.array([size[1] / 2, size[0] / 2])
    x, y, depth = bend @ [*middle, 1.0]
    there = np.array([x, y]) / depth
    near = (bend[:2, :2] - np.outer(there, bend[2, :2])) / depth
    return np.asarray(near @ way, np.float64)
