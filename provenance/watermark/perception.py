"""How much a pixel may change unseen.

The bound is in 8-bit levels of luma, at the working size. It is low and even where the eye is best
and nothing hides a change (flat areas, the flat side of an edge), grows with the activity around
(contrast masking, cut off early: strong texture hides more than a codec lets through), and falls
where the picture moves: a pattern that stands still in front of moving content is what an eye picks
out, and what a codec pays for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLAT_LEVELS = 0.7
TEXTURE_LEVELS = 2.0  # most that activity adds
TEXTURE_SLOPE = 1 / 6  # levels for each level of local deviation
MOTION_FLOOR = 0.5
MOTION_LEVELS = 3.0  # temporal difference at which half of what motion takes is taken


def visibility_bound(
    luma: NDArray[np.float32], previous: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """(H, W) amplitude in levels for ``luma`` (H, W) in 0…255, two pixels a cell.

    ``previous`` is the same view a fraction of a second earlier, None at the start of a clip.
    """
    mean = cv2.blur(luma, (5, 5))
    deviation = np.sqrt(np.maximum(cv2.blur(luma * luma, (5, 5)) - mean * mean, 0))
    # Erosion keeps the texture of one side of an edge from raising the bound on its flat side.
    deviation = cv2.erode(deviation, np.ones((3, 3), np.uint8))
    bound = FLAT_LEVELS + np.minimum(deviation * TEXTURE_SLOPE, TEXTURE_LEVELS)
    if previous is not None:
        moved = cv2.blur(cv2.absdiff(luma, previous), (7, 7)) / MOTION_LEVELS
        bound *= MOTION_FLOOR + (1 - MOTION_FLOOR) / (1 + moved * moved)
    return np.asarray(cv2.blur(bound, (5, 5)), np.float32)
