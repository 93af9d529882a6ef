"""Something without the mark that moves through the picture: a path of boxes, window by window.

Track before detect by dynamic programming (Barniv 1985, doi:10.1109/TAES.1985.310548): what a box
says in a window is added to the best that a box near it came to in the window before. No window
has to be sure alone; together they have to be.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from provenance.watermark.rectangles import Rectangle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SURE_NATS = 23.0
_STEP, _ROWS = 2, 40  # spots between places that are tried, at least, and as many rows of them
_REACH = 3  # steps that a box moves from a window to the next, at most
_STEP_NATS = 2.0  # what each window more has to be worth
_MOST_NATS = 5.0  # that one window counts for: what moves is there in all of them
_HEIGHTS, _WIDTHS = (12, 18, 26, 38), (12, 18, 26, 38, 56)  # spots
_LARGEST = 0.2  # of the picture: what is larger does not move through it
_MOVED = 1.5  # of its own height or width, at least
_STRIDE, _STRAIGHT = 6, 0.8  # windows; of its way in such strides: chance goes to and fro
_SHORTEST = 4  # windows

Path = dict[int, Rectangle]
"""Where it is in which window; ``total`` is what the box says then, in nats."""


class _Best(NamedTuple):
    total: float
    rows: int
    columns: int
    step: int
    values: list[NDArray[np.float32]]


def wandering(nats: NDArray[np.float32]) -> Path:
    """The path that says most for "missing" in (T, h, w) ``nats``; empty where it does not suffice.

    What stays in its place is no such path.
    """
    count, height, width = nats.shape
    step = max(_STEP, height // _ROWS)
    rows, columns = height // step, width // step
    joined = nats[:, : rows * step, : columns * step]
    joined = joined.reshape(count, rows, step, columns, step).sum((2, 4))
    sums = [cv2.integral(plane) for plane in joined]
    best: _Best | None = None
    for size in _sizes(rows, columns, step):
        values = _values(sums, *size)
        total = max(float(plane.max()) for plane in values)
        if best is None or total > best.total:
            best = _Best(total, *size, step, values)
    if best is None or best.total < SURE_NATS:
        return {}
    path = _traced(best, sums)
    return path if len(path) >= _SHORTEST and _goes_on(path) else {}


def _goes_on(path: Path) -> bool:
    """Whether ``path`` leads somewhere else, without detours."""
    places = [path[window] for window in sorted(path)]
    first, last = places[0], places[-1]
    moved = max(
        abs(last.top - first.top) / (first.bottom - first.top),
        abs(last.left - first.left) / (first.right - first.left),
    )
    # In strides: from window to window the evidence pulls it about.
    way = sum(_distance(one, other) for one, other in pairwise([*places[::_STRIDE], last]))
    return moved >= _MOVED and _distance(first, last) >= _STRAIGHT * way


def _distance(one: Rectangle, other: Rectangle) -> float:
    return math.hypot(one.top - other.top, one.left - other.left)


def _sizes(rows: int, columns: int, step: int) -> Iterator[tuple[int, int]]:
    for tall in _HEIGHTS:
        for wide in _WIDTHS:
            size = (tall // step, wide // step)
            if (
                size[0] < rows
                and size[1] < columns
                and size[0] * size[1] <= _LARGEST * rows * columns
            ):
                yield size


def _values(
    sums: Sequence[NDArray[np.float64]], rows: int, columns: int
) -> list[NDArray[np.float32]]:
    """For each window the best path of such boxes that ends at each place, by its top-left."""
    near = np.ones((2 * _REACH + 1,) * 2, np.uint8)
    values: list[NDArray[np.float32]] = []
    for total in sums:
        told = np.minimum(_boxes(total, rows, columns), _MOST_NATS)
        if values:
            told += np.maximum(cv2.dilate(values[-1], near) - _STEP_NATS, 0)
        values.append(told)
    return values


def _boxes(total: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float32]:
    lower, upper = total[rows:], total[:-rows]
    told = lower[:, columns:] - lower[:, :-columns] - upper[:, columns:] + upper[:, :-columns]
    return np.asarray(told, np.float32)


def _traced(best: _Best, sums: Sequence[NDArray[np.float64]]) -> Path:
    """The path that came to most, back from where it ends."""
    window = int(np.argmax([plane.max() for plane in best.values]))
    values = best.values[window]
    row, column = divmod(int(values.argmax()), values.shape[1])
    path = {}
    while True:
        told = float(_boxes(sums[window], best.rows, best.columns)[row, column])
        path[window] = Rectangle(
            row * best.step,
            column * best.step,
            (row + best.rows) * best.step,
            (column + best.columns) * best.step,
            told,
        )
        if window == 0:
            return path
        window -= 1
        top, left = max(0, row - _REACH), max(0, column - _REACH)
        around = best.values[window][top : row + _REACH + 1, left : column + _REACH + 1]
        if around.max() <= _STEP_NATS:
            return path
        down, across = divmod(int(around.argmax()), around.shape[1])
        row, column = top + down, left + across
