"""Watermarks for still images, used on video: each frame is marked, and all of them vote.

That is their best use: what is averaged over the frames are soft values, before any is decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attacks.clip import frames_of, on_frames
from attacks.systems.base import Reading
from provenance.errors import MediaTooSmall

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from attacks.clip import Clip

    # (H, W, 3) uint8 BGR, as OpenCV and so the packages have it.
    OnImage = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    # The same to (n,) soft values, one a bit, larger where it is rather 1.
    FromImage = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
    Decide = Callable[[NDArray[np.float64]], NDArray[np.bool_]]


def marked_frames(clip: Clip, mark: OnImage) -> Clip:
    """``clip`` with every frame marked, while it is read."""
    return on_frames(clip, lambda frame, _time: _bgr(mark(_bgr(frame))))


def voted(clip: Clip, listen: FromImage, decide: Decide, *, message: NDArray[np.uint8]) -> Reading:
    """What all frames together say, compared with the ``message`` (n,) that should be there.

    Such a mark makes no claim that it is there, and without its message nothing can be said: any
    picture gives some bits.
    """
    total, frames = np.zeros(len(message)), 0
    for _, frame in frames_of(clip):
        total += listen(_bgr(frame))
        frames += 1
    if not frames:
        return Reading(recovered=False)
    right = decide(total / frames) == message.astype(bool)
    recovered = bool(right.all())
    return Reading(
        recovered=recovered,
        bit_accuracy=float(right.mean()),
        # No beginning was asked alone: the frames shown were all needed.
        seconds_needed=clip.duration_s if recovered else None,
    )


def check_size(clip: Clip, *, least_px: int, system: str) -> None:
    """Raises :class:`~provenance.errors.MediaTooSmall` below ``least_px`` pixels a frame."""
    width, height = clip.video.width, clip.video.height
    if width * height < least_px:
        raise MediaTooSmall(
            f"{system} cannot mark frames of {width}×{height} pixels",
            hint=f"it needs {least_px:,} pixels or more, such as 256×256",
        )


def _bgr(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB as BGR, and the other way round."""
    return np.ascontiguousarray(frame[..., ::-1])
