"""Stretches of time out of what each moment says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def spans_of(
    flags: NDArray[np.bool_],
    starts_s: NDArray[np.float64],
    ends_s: NDArray[np.float64],
    *,
    least_s: float,
) -> list[tuple[float, float]]:
    """(start, end) in seconds of every run of true ``flags`` that lasts ``least_s`` or more.

    Moment n lasts from ``starts_s[n]`` to ``ends_s[n]``.
    """
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    begins, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    found = [
        (round(float(starts_s[begin]), 3), round(float(ends_s[stop - 1]), 3))
        for begin, stop in zip(begins, stops, strict=True)
    ]
    # A frame's time is rounded in the file: a hundredth of a second is no reason to miss it.
    return [(start, end) for start, end in found if end - start >= least_s - 0.01]
