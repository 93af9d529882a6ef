"""How much a pixel may change unseen, and how much of that is worth what it costs.

The bound is in 8-bit levels of luma, at the working size. It is low and even where the eye is best
and nothing hides a change (flat areas, the flat side of an edge), grows with the activity around
(contrast masking), and falls where the picture moves: a pattern that stands still in front of what
moves is what an eye picks out, and what a codec pays for.

Strong texture hides a mark, but costs most there (VMAF counts it as lost detail) and says least to
who listens. So texture is spared, strong texture most. Where the picture moves as a whole, the loss
is small and codecs take more: there, what moves gets what it hides. So does the first picture of a
shot: it is gone after one frame, and it is the frame that codecs keep best, and go on showing where
nothing moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLAT_LEVELS = 0.75
TEXTURE_SLOPE = 1 / 6  # levels for each level of local deviation
FIRST_LEVELS = 2.3  # most that texture adds in the first picture of a shot
SPARED_LEVELS = 1.2  # most that it adds in later ones
SPARED_ROUGH = 9.0  # local deviation at which half of that is taken back
MOVING_LEVELS, MOVING_ROUGH = 2.4, 80.0  # the same for what moves, where the whole picture does
MOVING = (6.5, 9.0)  # mean temporal differences: from one to the other, it comes to move as a whole
FAST = 12.0  # most that the difference of one place counts for in that mean
MOTION_FLOOR = 0.47
MOTION_LEVELS = 3.0  # temporal difference at which half of what motion takes is taken


def visibility_bound(
    luma: NDArray[np.float32], previous: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """(H, W) amplitude in levels for ``luma`` (H, W) in 0…255, two pixels a cell.

    ``previous`` is the same view a fraction of a second earlier, None at the start of a shot.
    """
    mean = cv2.blur(luma, (5, 5))
    deviation = np.sqrt(np.maximum(cv2.blur(luma * luma, (5, 5)) - mean * mean, 0))
    # Erosion keeps the texture of one side of an edge from raising the bound on its flat side.
    deviation = cv2.erode(deviation, np.ones((3, 3), np.uint8))
    texture = deviation * TEXTURE_SLOPE
    if previous is None:
        bound = FLAT_LEVELS + np.minimum(texture, FIRST_LEVELS)
    else:
        moved = cv2.blur(cv2.absdiff(luma, previous), (7, 7))
        share = float(np.interp(np.minimum(moved, FAST).mean(), MOVING, (0, 1)))
        still = 1 / (1 + np.square(moved / MOTION_LEVELS))
        spared = np.minimum(texture, SPARED_LEVELS) / (1 + np.square(deviation / SPARED_ROUGH))
        moving = np.minimum(texture, MOVING_LEVELS) / (1 + np.square(deviation / MOVING_ROUGH))
        bound = FLAT_LEVELS + spared + share * (1 - still) * (moving - spared)
        bound *= MOTION_FLOOR + (1 - MOTION_FLOOR) * still
    return np.asarray(cv2.blur(bound, (5, 5)), np.float32)
