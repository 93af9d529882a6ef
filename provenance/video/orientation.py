"""The display matrix: how a stored picture must be turned to be upright."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from provenance.video.layout import LAYOUTS, Layout, blank, convert, plane

if TYPE_CHECKING:
    import av
    from av.buffer import Buffer
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Orientation:
    """First mirrored left to right if ``flipped``, then turned ``degrees`` clockwise.

    ``degrees`` is 0, 90, 180 or 270.
    """

    degrees: int = 0
    flipped: bool = False

    @property
    def swaps_sides(self) -> bool:
        return self.degrees in (90, 270)


UPRIGHT = Orientation()

# Signs of (a, b, c, d) in x' = a·x + c·y, y' = b·x + d·y, y downwards (ISO/IEC 14496-12, 6.2.2).
ORIENTATIONS = {
    (1, 0, 0, 1): UPRIGHT,
    (0, 1, -1, 0): Orientation(90),
    (-1, 0, 0, -1): Orientation(180),
    (0, -1, 1, 0): Orientation(270),
    (-1, 0, 0, 1): Orientation(0, flipped=True),
    (0, -1, -1, 0): Orientation(90, flipped=True),
    (1, 0, 0, -1): Orientation(180, flipped=True),
    (0, 1, 1, 0): Orientation(270, flipped=True),
}
ROTATE = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """What the frame's display matrix asks for; a slanted one (no player obeys) is ignored.

    Ask once a file: the answer ties the frame into a cycle that only the garbage collector frees.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return UPRIGHT
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(cast("Buffer", data))[:36])
    signs = tuple(int(np.sign(round(value / 65536))) for value in (a, b, c, d))
    return ORIENTATIONS.get(signs, UPRIGHT)  # type: ignore[arg-type]


def turn(frame: av.VideoFrame, orientation: Orientation) -> av.VideoFrame:
    """``frame`` (planar YUV that we know) upright: every plane is turned, none resampled.

    4:2:2 on its side would be 4:4:0, which no encoder takes: it becomes 4:2:0 first.
    """
    if orientation == UPRIGHT:
        return frame
    layout = LAYOUTS[frame.format.name]
    if orientation.swaps_sides and layout.chroma == "422":
        layout = Layout("420", layout.bits)
        frame = convert(frame, layout)
    width, height = frame.width, frame.height
    if orientation.swaps_sides:
        width, height = height, width
    new = blank(layout, width, height, frame)
    for index in range(3):
        np.copyto(plane(new, index), _turn_plane(plane(frame, index), orientation))
    return new


def _turn_plane(samples: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    if orientation.flipped:
        samples = cv2.flip(samples, 1)
    if orientation.degrees:
        samples = cv2.rotate(samples, ROTATE[orientation.degrees])
    return samples
