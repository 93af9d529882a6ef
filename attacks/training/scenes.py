"""Moving pictures for training: runs of video, and a camera that moves over stills.

What matters is that the mark stands still while the picture moves under it: that is what makes
codecs drop it and what makes the mean of several frames worth taking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_REAL = 0.45  # share of scenes that are real video
_STILL = 0.3  # of cameras that do not move
_RELIT = 0.25
_GRAINY = 0.35
_LINES = 720  # short side of a clip whose cells have 6 pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """``stills``: (N, S, S) uint8 luma. ``runs``: clips, each (T, H, W) uint8 luma."""

    stills: NDArray[np.uint8]
    runs: Sequence[NDArray[np.uint8]]


def draw_scene(
    sources: Sources, length: int, size: tuple[int, int], random: np.random.Generator
) -> NDArray[np.uint8]:
    """(``length``, H, W) uint8 frames of ``size`` (H, W), whole levels."""
    long = [run for run in sources.runs if len(run) >= length]
    if long and random.random() < _REAL:
        frames = _cut(long[int(random.integers(len(long)))], length, size, random)
    else:
        still = sources.stills[int(random.integers(len(sources.stills)))]
        frames = _filmed(still, length, size, random)
    if random.random() < _RELIT:
        gain, gamma = random.uniform(0.25, 1.1), np.exp(random.uniform(-0.5, 0.5))
        frames = 255 * gain * (np.clip(frames, 0, 255) / 255) ** gamma
    if random.random() < _GRAINY:
        grain = random.standard_normal(frames.shape, np.float32)
        frames = frames + grain * np.float32(random.uniform(0, 3.5))
    return np.asarray(np.clip(np.rint(frames), 0, 255), np.uint8)


def _cut(
    run: NDArray[np.uint8], length: int, size: tuple[int, int], random: np.random.Generator
) -> NDArray[np.float32]:
    """A piece of video, at about its own scale, from anywhere in place and time."""
    height, width = run.shape[1:]
    zoom = np.exp(random.uniform(-0.5, 0.5)) * _LINES / min(height, width)
    zoom = max(zoom, size[0] / height, size[1] / width)
    wide, high = min(width, round(size[1] / zoom)), min(height, round(size[0] / zoom))
    left, top = random.integers(width - wide + 1), random.integers(height - high + 1)
    start = random.integers(len(run) - length + 1)
    shrinking = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    pieces = run[start : start + length, top : top + high, left : left + wide]
    if random.random() < 0.5:
        pieces = pieces[:, :, ::-1]
    return np.stack(
        [
            cv2.resize(np.ascontiguousarray(p), size[::-1], interpolation=shrinking)
            for p in pieces
        ]
    ).astype(np.float32)


def _filmed(
    still: NDArray[np.uint8], length: int, size: tuple[int, int], random: np.random.Generator
) -> NDArray[np.float32]:
    """A camera over a photograph: it stands, pans, zooms, turns a little, or shakes."""
    moving = random.random() >= _STILL
    zoom = np.exp(random.uniform(np.log(0.7), np.log(1.8)))
    angle = random.uniform(-0.3, 0.3) + (np.pi / 2) * random.integers(4)
    mirror = random.choice([-1.0, 1.0])
    # Most pans are slow; a few cross ten pixels a frame.
    speed, heading = 10 * random.random() ** 2, random.uniform(0, 2 * np.pi)
    shake = random.uniform(0, 1.5) if random.random() < 0.3 else 0.0
    growth = random.uniform(-0.01, 0.01) if random.random() < 0.3 else 0.0
    turn = random.uniform(-0.01, 0.01) if random.random() < 0.2 else 0.0
    place = random.uniform(0, len(still), 2)
    frames = []
    for index in range(length):
        time = index * moving
        near = 1 / (zoom * (1 + growth * time))
        turned = angle + turn * time
        cos, sin = np.cos(turned) * near, np.sin(turned) * near
        matrix = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
        moved = speed * time * np.array([np.cos(heading), np.sin(heading)])
        moved = moved + shake * moving * random.standard_normal(2)
        centre = np.array([size[1] / 2, size[0] / 2])
        offset = place + near * moved - matrix @ centre
        frames.append(
            cv2.warpAffine(
                still,
                np.column_stack([matrix, offset]),
                size[::-1],
                flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            )
        )
    return np.stack(frames).astype(np.float32)
