"""How much a pixel may change unseen, and how much of that is worth what it costs.

The bound is in 8-bit levels of luma, at the working size. It is low and even where the eye is best
and nothing hides a change (flat areas, the flat side of an edge) and grows with the activity around
(contrast masking). From strong texture it is taken back again: there, and where the picture moves,
a mark costs most (bits, and what VMAF counts as lost detail) and says least to who listens for it.
How much of it such places get depends on the whole picture: where quiet places alone say enough,
next to nothing; where there are none, what the eye lets through.

Signals add up as amplitudes and costs as their squares, so that the cheapest mark is as loud at a
place as a unit of amplitude says there over what its square costs there. The shape below follows
what both were behind x264, by activity and motion (``docs/measurements.md``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLAT_LEVELS = 0.85
TEXTURE_SLOPE = 1 / 6  # levels for each level of local deviation
ROUGH = 20.0  # deviation from which texture costs more than it is worth: half is taken back there
NOISE_FLOOR = 6.0  # levels², as that of who listens
HEARD_IN_MOTION = 0.3  # least share of a mark, and of the picture itself, heard where it moves
ENOUGH = 0.28  # evidence for its noise, of a mean pixel, from which quiet places are enough


class Manner(NamedTuple):
    """``texture_levels``: most that activity adds. ``motion_floor``: share left in fast motion.

    ``motion_levels``: temporal difference at which half of what motion takes is taken.
    """

    texture_levels: float
    motion_floor: float
    motion_levels: float


SPARING = Manner(0.3, 0.0, 2.0)
FULL = Manner(1.6, 0.5, 3.0)


def visibility_bound(
    luma: NDArray[np.float32], previous: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """(H, W) amplitude in levels for ``luma`` (H, W) in 0…255, two pixels a cell.

    ``previous`` is the same view a fraction of a second earlier, None at the start of a clip.
    """
    mean = cv2.blur(luma, (5, 5))
    power = np.asarray(np.maximum(cv2.blur(luma * luma, (5, 5)) - mean * mean, 0), np.float32)
    # Erosion keeps the texture of one side of an edge from raising the bound on its flat side.
    deviation = np.asarray(cv2.erode(np.sqrt(power), np.ones((3, 3), np.uint8)), np.float32)
    moved: NDArray[np.float32] | None = None
    if previous is not None:
        moved = np.asarray(cv2.blur(cv2.absdiff(luma, previous), (7, 7)), np.float32)
    share = _share(power, deviation, moved)
    bound = _bound(deviation, moved, SPARING if share < 1 else FULL)
    if 0 < share < 1:
        bound += np.float32(share) * (_bound(deviation, moved, FULL) - bound)
    return np.asarray(cv2.blur(bound, (5, 5)), np.float32)


def _share(
    power: NDArray[np.float32], deviation: NDArray[np.float32], moved: NDArray[np.float32] | None
) -> float:
    """How far from ``SPARING`` to ``FULL`` the bound has to go to be heard, 0…1."""
    # Every other row and column tells as much of a mean.
    every = slice(None, None, 2)
    power, deviation = power[every, every], deviation[every, every]
    # What the extractor makes of a level, and of the picture itself, in each place.
    energy = power / 2
    worth = 1 / (energy + np.float32(NOISE_FLOOR))
    noise = energy * worth * worth
    if moved is not None:
        moved = moved[every, every]
        still = HEARD_IN_MOTION + (1 - HEARD_IN_MOTION) / (1 + (moved / SPARING.motion_levels) ** 2)
        # In motion less of the mark is left, and what the picture itself says averages out.
        worth, noise = worth * still, noise * still
    spread = float(np.sqrt(noise.mean())) + 1e-6
    least, most = (
        float((_bound(deviation, moved, manner) * worth).mean()) / spread
        for manner in (SPARING, FULL)
    )
    return min(max((ENOUGH - least) / max(most - least, 1e-6), 0.0), 1.0)


def _bound(
    deviation: NDArray[np.float32], moved: NDArray[np.float32] | None, manner: Manner
) -> NDArray[np.float32]:
    texture = np.minimum(deviation * np.float32(TEXTURE_SLOPE), np.float32(manner.texture_levels))
    rough = cv2.multiply(deviation, deviation, scale=1 / ROUGH**2)
    rough += 1
    bound = np.asarray(cv2.divide(texture, rough), np.float32)
    bound += np.float32(FLAT_LEVELS)
    if moved is not None:
        taken = np.asarray(
            cv2.multiply(moved, moved, scale=1 / manner.motion_levels**2), np.float32
        )
        taken += 1
        left = np.asarray(cv2.divide(1 - manner.motion_floor, taken), np.float32)
        left += np.float32(manner.motion_floor)
        bound *= left
    return bound
