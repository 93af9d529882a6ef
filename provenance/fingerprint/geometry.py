"""How one picture may lie on another, and what is compared when it does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROWS, COLUMNS = 10, 16
LEAST_CELLS = 4  # a side: less of the picture says too little
_AROUND = 1.6  # cells: what is slower than that, light and shade, many pictures share
_MOST_DEVIATIONS = 2.0
_LEAST_SIZE = 0.05  # levels of a fingerprint, of all cells together
_STEP = 0.05  # of the picture: nearly a cell
_CROPS = (0.9, 0.8, 0.7, 0.6, 0.5)
_SHARES = (0.316, 0.42, 0.5625, 0.75, 0.85)  # one side alone: 16:9 to 9:16, 3:4, 1:1, 4:3
_MARGINS = (1.12, 1.2, 1.33, 1.78, 2.37)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of the reference that the query shows, as shares of the reference's picture.

    ``left``, ``top``: where it begins; ``width``, ``height``: how much it shows. More than the
    reference has is what the query has around it: bars, or a backdrop.
    """

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0


WHOLE = Window()


@lru_cache(maxsize=1)
def windows() -> tuple[Window, ...]:
    """Every window that a search begins with: whole, crops, other shapes, bars, insets."""
    found = [WHOLE]
    for share in _CROPS:
        places = _places(share)
        found += [
            Window(left=x, top=y, width=share, height=share) for x, y in product(places, places)
        ]
    for share in _SHARES:
        for place in _places(share):
            found.append(Window(left=place, width=share))
            found.append(Window(top=place, height=share))
    for share in _MARGINS:
        before = (1 - share) / 2
        found.append(Window(left=before, width=share))
        found.append(Window(top=before, height=share))
        if share < 2:
            found.append(Window(left=before, top=before, width=share, height=share))
    return tuple(found)


def nearby(window: Window, step: float) -> Iterator[Window]:
    """``window`` moved, or made larger or smaller about its middle, by ``step``."""
    moves = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0, 1, 1))
    for (x, y, w, h), way in product(moves, (-step, step)):
        yield Window(
            left=window.left + way * (x - w / 2),
            top=window.top + way * (y - h / 2),
            width=window.width + way * w,
            height=window.height + way * h,
        )


def _places(share: float) -> list[float]:
    steps = max(2, round((1 - share) / _STEP))
    return [(1 - share) * index / steps for index in range(steps + 1)]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What is compared through a :class:`Window`: a rectangle of the query's cells."""

    rows: slice
    columns: slice
    across: NDArray[np.float32]  # (columns of the rectangle, COLUMNS of the reference)
    down: NDArray[np.float32]
    soften_across: NDArray[np.float32]
    soften_down: NDArray[np.float32]

    @property
    def cells(self) -> int:
        return len(self.down) * len(self.across)

    def of_query(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, ROWS, COLUMNS) → (N, cells): unit vectors of what is peculiar to each picture."""
        part = cells[:, self.rows, self.columns]
        return _peculiar(np.asarray(self.soften_down @ part @ self.soften_across.T, np.float32))

    def of_reference(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, ROWS, COLUMNS) → (N, cells), as the query would show it."""
        return _peculiar(np.asarray(self.down @ cells @ self.across.T, np.float32))


def comparison(window: Window) -> Comparison | None:
    """What can be compared through ``window``; None where the two share too little."""
    columns, across = _axis(window.left, window.width, COLUMNS)
    rows, down = _axis(window.top, window.height, ROWS)
    if len(across) < LEAST_CELLS or len(down) < LEAST_CELLS:
        return None
    return Comparison(
        rows,
        columns,
        across,
        down,
        _softening(len(across), window.width),
        _softening(len(down), window.height),
    )


def _axis(start: float, share: float, cells: int) -> tuple[slice, NDArray[np.float32]]:
    """Which of the query's cells see the reference, and of which of its cells each is the mean."""
    centres = (start + share * (np.arange(cells) + 0.5) / cells) * cells - 0.5
    half = max(1.0, share)
    # Whole cells of the reference alone: at a bar's edge a cell is half bar.
    reach = 0.5 * share
    inside = np.flatnonzero((centres - reach >= -0.75) & (centres + reach <= cells - 0.25))
    if not len(inside):
        return slice(0, 0), np.zeros((0, cells), np.float32)
    near = np.maximum(0, 1 - np.abs(centres[inside, None] - np.arange(cells)) / half)
    weights = near / near.sum(1, keepdims=True)
    return slice(int(inside[0]), int(inside[-1]) + 1), weights.astype(np.float32)


def _softening(cells: int, share: float) -> NDArray[np.float32]:
    """The query's cells as soft as the reference's are, where it shows them enlarged."""
    width = max(1.0, 1 / share)
    distance = np.abs(np.subtract.outer(np.arange(cells), np.arange(cells)))
    near = np.maximum(0, 1 - distance / width)
    return np.asarray(near / near.sum(1, keepdims=True), np.float32)


@lru_cache(maxsize=64)
def _blur(cells: int) -> NDArray[np.float32]:
    distance = np.subtract.outer(np.arange(cells), np.arange(cells))
    near = np.exp(-0.5 * (distance / _AROUND) ** 2)
    return np.asarray(near / near.sum(1, keepdims=True), np.float32)


def _peculiar(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    fine = cells - _blur(cells.shape[1]) @ cells @ _blur(cells.shape[2]).T
    flat = fine.reshape(len(cells), -1)
    flat = flat - flat.mean(1, keepdims=True)
    # A sticker or a line of text is one thing, however bright it is.
    most = _MOST_DEVIATIONS * flat.std(1, keepdims=True)
    flat = np.clip(flat, -most, most)
    size = np.linalg.norm(flat, axis=1, keepdims=True)
    # What is flat here has no direction: dust of rounding must not get the weight of a picture.
    return np.asarray(np.where(size > _LEAST_SIZE, flat / np.maximum(size, _LEAST_SIZE), 0))
