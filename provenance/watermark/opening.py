"""What the openings of shots say, the first quarter of a second of each, and what that is worth.

It is worth more than as much of the rest. The first frame of a shot is marked louder, and it is a
frame that codecs keep well; what comes later repeats it in part. By how much, only the file can
tell: where a pilot is found, its cells are looked at in both parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from provenance.watermark.sync import Folds, clipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.watermark.tile import Tile

_USUAL = 3.0  # times the rest, where nothing is known: excerpts gain by it as well
_LEAST, _MOST = 1.0, 8.0
_RIDGE = 1e-3  # so that a part that says nothing, or the same as the other, gets no odd weight


def folds(opening: NDArray[np.float32], rest: NDArray[np.float32]) -> Folds:
    """The map (H, W) to look for a mark in, and its two parts to be weighed at a placement."""
    loud, louder = (float(np.sqrt(np.mean(np.square(part)))) for part in (rest, opening))
    if not loud or not louder:
        return Folds(clipped(opening + rest))
    parts = (clipped(opening) * np.float32(louder / loud), clipped(rest))
    return Folds(clipped(np.float32(_USUAL) * opening + rest), parts=parts)


def weighed(
    opening: NDArray[np.float32], rest: NDArray[np.float32], tile: Tile
) -> NDArray[np.float32]:
    """(32, 32) cells of both parts, by what ``tile``'s pilot says of each.

    The weights are the mean of the usual ones and of those that fit the pilot's signs best, by
    least squares: 128 cells alone tell them too coarsely.
    """
    both = np.stack([opening, rest]).reshape(2, -1)[:, tile.pilot].astype(np.float64)
    usual = np.array([_USUAL, 1.0])
    power = both @ both.T
    power += _RIDGE * np.diag(np.diag(power)) + 1e-12 * np.eye(2)
    said = both @ tile.pilot_signs
    fitted = np.linalg.solve(power, said)
    fitted += usual * max(float(usual @ said), 0.0) / float(usual @ power @ usual)
    first, later = fitted.tolist()
    times = _MOST if later <= 0 else min(max(first / later, _LEAST), _MOST)
    return np.asarray(np.float32(times) * opening + rest, np.float32)
