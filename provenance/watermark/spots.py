"""Evidence spot by spot: how much each small part of the picture says for the mark.

Once payload and placement are known, the tile is drawn over the map as it lies there, and the map
is multiplied by it. What the mark says is then positive wherever the mark is; what the picture says
has signs like fair coins, whatever the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from provenance.watermark import sync
from provenance.watermark.carrier import PATTERN_SIGMA
from provenance.watermark.sync import FOLD_GRAIN, SIDE
from provenance.watermark.tile import TILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.watermark.evidence import Window
    from provenance.watermark.sync import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Spots:
    """What a window says, spot by spot: a grid (h, w) that divides the picture.

    ``evidence``: float16, for the mark. ``activity``: float16, standard deviation of the picture
    within a spot, in levels. ``brightness``: uint8, its mean.
    """

    start_s: float
    end_s: float
    evidence: NDArray[np.float16]
    activity: NDArray[np.float16]
    brightness: NDArray[np.uint8]


class SpotReader:
    """Reads maps of one ``shape`` (H, W) in which the tile lies as ``placement`` says.

    ``pattern``: (32, 32) signs of what is steady in the tile, 0 elsewhere. A spot is about as large
    as a cell.
    """

    def __init__(
        self, pattern: NDArray[np.float32], placement: Placement, shape: tuple[int, int]
    ) -> None:
        cell = FOLD_GRAIN * (placement.scale_x + placement.scale_y) / 2
        self.grain = max(2, round(cell))
        self.grid = (max(1, shape[0] // self.grain), max(1, shape[1] // self.grain))
        drawn = laid_over(shape, placement, pattern)
        soft = cv2.GaussianBlur(drawn, (0, 0), PATTERN_SIGMA * cell / FOLD_GRAIN)
        self._pattern = np.asarray(soft, np.float32)

    def read(self, window: Window, level: int) -> Spots:
        """``window``, which has a picture, by its map of ``level``."""
        assert window.picture is not None
        soft = sync.clipped(window.maps[level].astype(np.float32))
        told = _shrunk(soft * self._pattern, self.grid) * np.float32(self.grain)
        picture = window.picture.astype(np.float32)
        mean = _shrunk(picture, self.grid)
        spread = _shrunk(picture * picture, self.grid) - mean * mean
        return Spots(
            start_s=window.start_s,
            end_s=window.end_s,
            evidence=told.astype(np.float16),
            activity=np.sqrt(np.maximum(cv2.blur(spread, (3, 3)), 0)).astype(np.float16),
            brightness=np.rint(mean).astype(np.uint8),
        )


def laid_over(
    shape: tuple[int, int], placement: Placement, pattern: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(H, W) ``pattern`` (32, 32) as it lies in a map of ``shape``.

    :func:`~provenance.watermark.sync.cells_at`, backwards.
    """
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    if placement.bend is not None:
        bent = np.array(placement.bend).reshape(3, 3)
        x, y, depth = np.tensordot(np.linalg.inv(bent), np.stack([x, y, np.ones_like(x)]), 1)
        x, y = x / depth, y / depth
    inverse = np.linalg.inv(sync.shape_of(placement))
    column, row = np.tensordot(inverse, np.stack([x + 0.5, y + 0.5]), 1) - 0.5
    if placement.flipped:
        column = SIDE - 1 - column
    for _ in range(placement.quarter_turns):
        row, column = SIDE - 1 - column, row
    cells = [
        np.floor((place - shift + 0.5) / FOLD_GRAIN).astype(np.intp) % TILE
        for place, shift in zip((row, column), placement.shift, strict=True)
    ]
    drawn = np.asarray(pattern[cells[0], cells[1]], np.float32)
    if placement.window is None:
        return drawn
    top, left, bottom, right = placement.window
    inside = np.zeros_like(drawn)
    inside[top:bottom, left:right] = drawn[top:bottom, left:right]
    return inside


def _shrunk(plane: NDArray[np.float32], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Means of ``plane`` over the spots of ``grid`` (h, w)."""
    return np.asarray(cv2.resize(plane, grid[::-1], interpolation=cv2.INTER_AREA), np.float32)
