"""The rectangle with the largest sum in a plane of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Rectangle(NamedTuple):
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right``, the latter not included."""

    top: int
    left: int
    bottom: int
    right: int
    total: float

    @property
    def area(self) -> int:
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


def largest_sum(plane: NDArray[np.float32], *, shortest: int = 1) -> Rectangle:
    """The rectangle of ``plane`` (H, W) with the largest sum, no side below ``shortest``.

    Exact, in H² W steps: Kadane's algorithm along the columns for every pair of rows at once
    (Bentley 1984, doi:10.1145/358234.381162).
    """
    height, width = plane.shape
    shortest = min(shortest, height, width)
    sums = np.zeros((height + 1, width), np.float64)
    np.cumsum(plane, axis=0, out=sums[1:])
    top, bottom = np.triu_indices(height + 1, shortest)
    # From the left: the best strip that ends here is the last ``shortest`` columns and whatever
    # before them adds to it.
    strips = np.zeros((width + 1, len(top)))
    np.cumsum((sums[bottom] - sums[top]).T, axis=0, out=strips[1:])
    least = np.full(len(top), np.inf)
    begin = np.zeros(len(top), np.intp)
    best = np.full(len(top), -np.inf)
    where = np.zeros((2, len(top)), np.intp)
    for end in range(shortest, width + 1):
        start = end - shortest
        lower = strips[start] < least
        least = np.where(lower, strips[start], least)
        begin = np.where(lower, start, begin)
        total = strips[end] - least
        better = total > best
        best = np.where(better, total, best)
        where[0, better], where[1, better] = begin[better], end
    which = int(best.argmax())
    return Rectangle(
        int(top[which]),
        int(where[0, which]),
        int(bottom[which]),
        int(where[1, which]),
        float(best[which]),
    )
