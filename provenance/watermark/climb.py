"""Improving a supposed shape of the tile without folding the map anew for every try.

A change of the shape by a few thousandths moves each tile as a whole, by little, and differently
from its neighbours. So each tile is correlated with the pilot on its own, once, at the few shifts
around the peak; what a changed shape would give is the sum of these correlations, each read where
its tile would have moved to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REACH = 5  # pixels around the peak at which tiles are correlated
# Ways to change a shape, in units of the tile's own sides: wider, taller, turned, sheared.
_MOVES = (
    np.array([[1.0, 0], [0, 0]]),
    np.array([[0, 0], [0, 1.0]]),
    np.array([[0, -1.0], [1, 0]]),
    np.array([[0, 1.0], [0, 0]]),
)
_STEPS = (0.004, 0.002, 0.001, 0.0005)
_AT_ONCE = 24  # tiles
_FINENESS = 4  # places a pixel at which the correlations are known
_NUDGES = np.array([(x, y) for y in (-0.5, 0, 0.5) for x in (-0.5, 0, 0.5)])  # pixels
_WORTH_MOVING = 0.02  # standard deviations; less is noise, and would tilt what is straight


def climbed(
    sheet: NDArray[np.float32],
    low: NDArray[np.float64],
    pilot: NDArray[np.float32],
    peak: tuple[int, int],
    *,
    deviation: float,
) -> NDArray[np.float64]:
    """(2, 2) change E of a shape M such that M (I + E) fits best, uphill from E = 0.

    ``sheet``: (rows, 64, columns, 64) tiles at the shape M, ``low`` the pixel (x, y) of the tile's
    plane where the first begins. ``pilot``: (64, 64), laid as the sheet's tiles are. ``peak``:
    (row, column) of its shift in their sum; ``deviation``: the standard deviation of that sum's
    correlation over all shifts.
    """
    if not sheet.any():  # a picture of one level
        return np.zeros((2, 2))
    places, heard = _tile_by_tile(sheet, low, pilot, peak)
    places -= places.mean(0)
    change, nudge = np.zeros((2, 2)), np.zeros(2)
    best = float(_sums(heard, places, change[None], nudge[None])[0, 0])
    least = _WORTH_MOVING * deviation
    for step in _STEPS:
        for move in _MOVES:
            near = np.stack([(np.eye(2) + change) @ (np.eye(2) + s * step * move) for s in (1, -1)])
            near -= np.eye(2)
            nudges = nudge + _NUDGES
            sums = _sums(heard, places, near, nudges)
            which, where = np.unravel_index(int(sums.argmax()), sums.shape)
            if sums[which, where] > best + least:
                change, nudge, best = near[which], nudges[where], float(sums[which, where])
    return change


def _tile_by_tile(
    sheet: NDArray[np.float32],
    low: NDArray[np.float64],
    pilot: NDArray[np.float32],
    peak: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """(n, 2) middles (x, y) of the tiles that hold something, and (n, 41, 41) correlations.

    Four to a pixel, the middle one at ``peak``.
    """
    rows, side, columns, _ = sheet.shape
    tiles = sheet.transpose(1, 0, 2, 3).reshape(side, rows * columns, side)
    column, row = np.meshgrid(np.arange(columns), np.arange(rows))
    middles = (np.stack([column.ravel(), row.ravel()], 1) + 0.5) * side + low
    held = tiles.any((0, 2))
    tiles = tiles[:, held]
    rolled = np.pad(np.roll(pilot, peak, (0, 1)), _REACH, mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view(rolled, (side, side))[::-1, ::-1]
    around = 2 * _REACH + 1
    shifts = np.ascontiguousarray(windows.transpose(2, 3, 0, 1)).reshape(side, side, -1)
    # In small products: large ones BLAS spreads over threads, which here take longer than one.
    firsts = range(0, tiles.shape[1], _AT_ONCE)
    parts = [np.matmul(tiles[:, n : n + _AT_ONCE], shifts).sum(0) for n in firsts]
    heard = np.concatenate(parts).reshape(-1, around, around)
    finer = _finer(around)
    return middles[held], finer @ heard @ finer.T


def _finer(length: int) -> NDArray[np.float32]:
    """(4 length − 3, length): values, and three more between any two of them (Lanczos, 3 lobes).

    A straight line would be lower between two values than at them, and favour whole pixels.
    """
    at = np.arange(_FINENESS * (length - 1) + 1)[:, None] / _FINENESS - np.arange(length)
    weights = np.sinc(at) * np.sinc(at / 3) * (np.abs(at) < 3)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def _sums(
    heard: NDArray[np.float32],
    places: NDArray[np.float64],
    changes: NDArray[np.float64],
    nudges: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(changes, nudges): the tiles' correlations, read where they have moved to, added up."""
    moved = (places @ changes.transpose(0, 2, 1))[:, None] + nudges[:, None]  # (c, s, n, 2)
    at = np.clip(moved + _REACH, 0, 2 * _REACH - 1e-6) * _FINENESS
    whole = at.astype(np.intp)
    x, y = np.moveaxis(at - whole, -1, 0)
    column, row = np.moveaxis(whole, -1, 0)
    tile = np.arange(len(heard))
    upper = heard[tile, row, column] * (1 - x) + heard[tile, row, column + 1] * x
    lower = heard[tile, row + 1, column] * (1 - x) + heard[tile, row + 1, column + 1] * x
    return np.asarray((upper * (1 - y) + lower * y).sum(-1), np.float64)
