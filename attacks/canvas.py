"""Sizes of pictures, frames that are brought to them, and a backdrop to lay them on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from provenance.errors import MediaTooSmall

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    # (H, W, 3) uint8 sRGB: what OpenCV returns has no type that says so.
    Frame = NDArray[Any]

LEAST_SIDE = 16


def even_size(width: float, height: float) -> tuple[int, int]:
    """The nearest (width, height) in even numbers, which encoders want.

    Raises :class:`~provenance.errors.MediaTooSmall` below 16 pixels.
    """
    if min(width, height) < LEAST_SIDE - 1:
        raise MediaTooSmall(
            f"the attack would leave {width:.0f}x{height:.0f} pixels",
            hint=f"use a larger clip: {LEAST_SIDE} pixels must be left",
        )
    return 2 * round(width / 2), 2 * round(height / 2)


def resized(frame: Frame, size: tuple[int, int]) -> Frame:
    """``frame`` at (width, height): by the mean of the area where it shrinks, else Lanczos."""
    if size == (frame.shape[1], frame.shape[0]):
        return frame
    shrinks = size[0] <= frame.shape[1] and size[1] <= frame.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return cv2.resize(frame, size, interpolation=method)


def backdrop(width: int, height: int, seed: int) -> Callable[[float], Frame]:
    """Something else to look at: soft texture, nearly grey, that drifts; a function of seconds.

    Frames are (height, width, 3) uint8 and read-only.
    """
    rng = np.random.default_rng(seed)
    margin = max(8, min(width, height) // 6)
    size = (width + 2 * margin, height + 2 * margin)
    canvas = np.full((size[1], size[0], 3), rng.uniform(90, 140), np.float32)
    for cells, depth in ((3, 30), (12, 15), (48, 10)):
        coarse = rng.normal(0, depth, (cells, cells, 1)) + rng.normal(0, depth / 5, (1, 1, 3))
        canvas += cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    canvas += rng.normal(0, 4, canvas.shape[:2])[..., None].astype(np.float32)
    texture = np.clip(canvas, 0, 255).astype(np.uint8)
    texture.flags.writeable = False

    def at(time: float) -> Frame:
        x = round(margin * (1 + np.sin(0.9 * time)))
        y = round(margin * (1 + np.cos(0.7 * time)))
        return texture[y : y + height, x : x + width]

    return at
