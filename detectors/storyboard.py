"""A few small pictures of a video, evenly spaced, whatever its length: what a report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from detectors.result import Shot
from provenance.video import rgb_from_picture, scaled

if TYPE_CHECKING:
    from provenance.video import Picture

MOST = 32
FIRST_STEP_S = 0.5
LONG_SIDE = 320
JPEG_QUALITY = 72


class Storyboard:
    """Takes the pictures of one file as they come and keeps at most ``most``.

    A picture is kept every half second; when there are too many, every other one goes and the
    step doubles, so that memory stays flat and they stay evenly spaced.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._step_s = FIRST_STEP_S
        self._next_s = 0.0
        self._shots: list[Shot] = []

    def add(self, picture: Picture, time_s: float) -> None:
        """Takes in the next picture, shown at ``time_s`` seconds."""
        if time_s < self._next_s:
            return
        self._shots.append(_shot(picture, time_s))
        if len(self._shots) > self._most:
            del self._shots[1::2]
            self._step_s *= 2
        self._next_s = self._shots[-1].time_s + self._step_s

    def shots(self) -> tuple[Shot, ...]:
        return tuple(self._shots)


def _shot(picture: Picture, time_s: float) -> Shot:
    factor = min(1.0, LONG_SIDE / max(picture.width, picture.height))
    # Even sides: chroma is stored at half of them.
    width, height = (
        max(2, round(side * factor / 2) * 2) for side in (picture.width, picture.height)
    )
    rgb = rgb_from_picture(scaled(picture, width, height))
    written, jpeg = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not written:  # pragma: no cover
        raise RuntimeError("OpenCV could not write a JPEG")
    return Shot(time_s=time_s, width=width, height=height, jpeg=jpeg.tobytes())
