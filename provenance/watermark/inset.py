"""Small pictures: a marked one shrunk onto other content, or filling the frame at a small size.

The cells of such a picture are too small for the usual maps, and most of the frame says nothing of
it. So a finer map is folded at each small size, once for every place that a picture of that size
can take, and where a pilot shows, the tiles that carry it are cut out before the mark is read.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from provenance.watermark import sync
from provenance.watermark.sync import SIDE, THREADS, Placement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_RATIOS = (0.32, 0.72)  # size of a cell over that of an uncropped frame's, least and most
_STEP = 0.006
_PER_BOX = 3  # places tried along a picture's own side
_PARTS = 8  # in which a pilot is looked for, of each size
_FEWEST = 4  # tiles in a rectangle


class Insets:
    """What a finer map says of small pictures in it, whatever number of keys ask.

    ``soft_map``: outliers cut off, four pixels a cell of a frame as it was marked. Where a mark can
    be read, its tiles are as alike as its pilot is loud. So what repeats most is found first,
    without a key, and every key asks for its pilot there alone.
    """

    def __init__(self, soft_map: NDArray[np.float32]) -> None:
        self.soft_map = soft_map
        low, high = _RATIOS
        steps = range(int(np.log(high / low) / _STEP))
        ratios = [low * float(np.exp(index * _STEP)) for index in steps]
        # The sums and transforms of one size let those of another run beside them.
        with ThreadPoolExecutor(THREADS) as pool:
            self._sizes = list(pool.map(partial(_alike, soft_map), ratios))

    def best(self, pilot: sync.PilotSearch) -> Iterator[Placement]:
        """For each small size the best placement, limited to the part that it shows in."""
        for size in self._sizes:
            which, found = pilot.upright(size.spectra, size.shape)
            yield replace(found, window=size.windows[which])


class _Size(NamedTuple):
    """Parts of a map at one size: ``spectra`` (n, 64, 33) of their folds."""

    shape: Placement
    windows: list[sync.Window]
    spectra: NDArray[np.complex64]


def _alike(soft_map: NDArray[np.float32], ratio: float) -> _Size:
    """The parts whose tiles are most alike at cells ``ratio`` times as large; the whole map last.

    Parts overlap by two thirds of a side, so that one of them holds most of the picture.
    """
    shape = Placement(scale_x=2 * ratio, scale_y=2 * ratio)
    sheet, _ = sync.tiles(soft_map, sync.shape_of(shape))
    rows, _, columns, _ = sheet.shape
    upper, left = _intervals(rows, ratio), _intervals(columns, ratio)
    down, across = _members(upper, rows), _members(left, columns)
    # Line by line of the tiles, so that no product is large enough for BLAS to spread over threads.
    lines = sheet.reshape(rows, SIDE, columns * SIDE).transpose(1, 0, 2)
    bands = np.matmul(down, lines).reshape(SIDE, len(upper), columns, SIDE)
    folds = np.matmul(across, bands)  # (64, parts down, parts across, 64)
    loud = np.einsum("rycx,rycx->rc", sheet, sheet)
    alike = np.einsum("yrcx,yrcx->rc", folds, folds) / (down @ loud @ across.T + 1e-12)
    most = np.argsort(-alike, axis=None)[:_PARTS]
    chosen = [divmod(int(index), len(left)) for index in most]
    edge = SIDE * 2 * ratio
    windows = [
        (
            round(upper[i][0] * edge),
            round(left[j][0] * edge),
            round(upper[i][1] * edge),
            round(left[j][1] * edge),
        )
        for i, j in chosen
    ]
    kept = np.stack([*(folds[:, i, j] for i, j in chosen), sheet.sum(0).sum(1)])
    return _Size(
        shape, [*windows, (0, 0, round(rows * edge), round(columns * edge))], sync.transform(kept)
    )


def _intervals(length: int, ratio: float) -> list[tuple[int, int]]:
    """From where to where a picture ``ratio`` times as large may reach, in ``length`` tiles."""
    size = max(2, round(ratio * length))
    room = max(0, length - size)
    count = int(np.ceil(_PER_BOX * room / size)) + 1
    starts = sorted({round(start) for start in np.linspace(0, room, count)})
    return [(start, start + size) for start in starts]


def _members(intervals: Sequence[tuple[int, int]], length: int) -> NDArray[np.float32]:
    """(n, length): 1 where a tile is in an interval."""
    tiles = np.arange(length)
    return np.array([(tiles >= a) & (tiles < b) for a, b in intervals], np.float32)


def framed(
    soft_map: NDArray[np.float32], pilot: NDArray[np.float32], placement: Placement
) -> list[Placement]:
    """``placement`` limited to where in ``soft_map`` the (32, 32) ``pilot`` is heard, in two ways.

    As a whole picture: its tiles begin in its corner, and its size follows from its scale. And
    as any rectangle of tiles, for one that was cut. Each is the one over which the sum of the
    tiles' correlations rises highest above what as many tiles would give by chance.
    """
    heard, (top, left) = _heard(soft_map, pilot, placement)
    rows, columns = heard.shape
    if min(rows, columns) < 2:
        return []
    total = np.zeros((rows + 1, columns + 1))
    total[1:, 1:] = heard.cumsum(0).cumsum(1)
    sides = placement.scale_y * SIDE, placement.scale_x * SIDE
    height = soft_map.shape[0] * placement.scale_y / 2
    width = soft_map.shape[1] * placement.scale_x / 2
    found: list[Placement] = []
    whole = _whole(total, round(height / sides[0]), round(width / sides[1]))
    for place, sized in (whole, True), (_rectangle(total), False):
        row, column, last_row, last_column = place
        window = [
            top + row * sides[0],
            left + column * sides[1],
            top + last_row * sides[0],
            left + last_column * sides[1],
        ]
        if sized:  # of a mirrored picture, the tiles begin on the right
            window[2] = window[0] + height
            if placement.flipped:
                window[1] = window[3] - width
            else:
                window[3] = window[1] + width
        upper, before, lower, after = (max(0, round(edge)) for edge in window)
        # Where nothing repeats, the best may lie in the margin outside of the map.
        if lower - upper >= sides[0] / 2 and after - before >= sides[1] / 2:
            found.append(replace(placement, window=(upper, before, lower, after)))
    return found


def _whole(total: NDArray[np.float64], high: int, wide: int) -> sync.Window:
    """The best (top, left, bottom, right) of so many tiles in a summed-area table."""
    rows, columns = (n - 1 for n in total.shape)
    high, wide = min(high, rows), min(wide, columns)
    sums = total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide]
    top, left = (int(n) for n in np.unravel_index(int(sums.argmax()), sums.shape))
    return top, left, top + high, left + wide


def _rectangle(total: NDArray[np.float64]) -> sync.Window:
    """The (top, left, bottom, right) with the highest sum for its size, of any size."""
    rows, columns = (n - 1 for n in total.shape)
    across = np.arange(columns + 1)
    wide = across[None] - across[:, None]
    best, window = -np.inf, (0, 0, rows, columns)
    for top in range(rows):
        for bottom in range(top + 1, rows + 1):
            band = total[bottom] - total[top]
            count = (bottom - top) * wide
            scores = np.where(
                count >= _FEWEST,
                (band[None] - band[:, None]) / np.sqrt(np.maximum(count, 1)),
                -np.inf,
            )
            if scores.max() > best:
                best = float(scores.max())
                left, right = np.unravel_index(int(scores.argmax()), scores.shape)
                window = (top, int(left), bottom, int(right))
    return window


def _first_corner(placement: Placement) -> tuple[float, float]:
    """(row, column), in pixels of the map, of the last corner of a tile above and left of it."""
    row, column = placement.shift
    if placement.flipped:
        column = -column
    return (row % SIDE - SIDE) * placement.scale_y, (column % SIDE - SIDE) * placement.scale_x


def _heard(
    soft_map: NDArray[np.float32], pilot: NDArray[np.float32], placement: Placement
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """(rows, columns) correlation of each tile with the pilot, in units of their spread.

    Also the (row, column), in pixels of the map, of the first tile's corner.
    """
    top, left = _first_corner(placement)
    # The first row and column of tiles begin outside of the map.
    padded = np.pad(soft_map, ((-round(top), 0), (-round(left), 0)))
    sheet, low = sync.tiles(padded, sync.shape_of(placement))
    corner = (top + low[1] * placement.scale_y, left + low[0] * placement.scale_x)
    drawn = np.kron(pilot, np.ones((sync.FOLD_GRAIN, sync.FOLD_GRAIN), np.float32))
    if placement.flipped:
        drawn = drawn[:, ::-1]
    heard = np.einsum("rycx,yx->rc", sheet, drawn, optimize=True).astype(np.float64)
    return np.asarray(heard / (heard.std() + 1e-12)), corner
