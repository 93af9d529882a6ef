"""Drawn pictures: what cameras do not show but screens do.

Text, windows, flat shapes, gradients and cartoons. Large exactly flat areas, hard edges and
one-level steps are where a mark shows first and where rounding eats it.
"""

from __future__ import annotations

import string

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)
_LETTERS = np.array(list(string.ascii_letters + "    .,:;0123456789"))


def draw_screens(count: int, side: int, random: np.random.Generator) -> Luma:
    """(count, side, side) uint8, all kinds in turn."""
    kinds = (_text, _gradient, _shapes, _windows)
    return np.stack([kinds[index % len(kinds)](side, random) for index in range(count)])


def _level(random: np.random.Generator) -> int:
    return int(random.integers(0, 256))


def _text(side: int, random: np.random.Generator) -> Luma:
    picture = np.full((side, side), _level(random), np.uint8)
    ink = int((int(picture[0, 0]) + random.integers(90, 166)) % 256)
    scale = float(random.uniform(0.35, 1.6))
    line = int(34 * scale)
    for bottom in range(line, side + line, line):
        words = "".join(random.choice(_LETTERS, 60))
        font = int(random.choice(_FONTS)) if random.random() < 0.1 else _FONTS[side % 4]
        thick = 1 + int(scale > 0.9)
        cv2.putText(picture, words, (-5, bottom), font, scale, ink, thick, cv2.LINE_AA)
    return picture


def _gradient(side: int, random: np.random.Generator) -> Luma:
    y, x = np.mgrid[0:side, 0:side] / side
    angle = random.uniform(0, 2 * np.pi)
    ramp = x * np.cos(angle) + y * np.sin(angle)
    if random.random() < 0.4:
        ramp = np.hypot(x - random.random(), y - random.random())
    low, span = random.uniform(10, 200), random.uniform(-120, 120)
    noise = random.normal(0, random.choice([0.0, 0.0, 0.7, 2.0]), (side, side))
    return np.asarray(np.clip(np.round(low + span * ramp + noise), 0, 255), np.uint8)


def _shapes(side: int, random: np.random.Generator) -> Luma:
    """Cartoon: filled outlines over a gradient, softened a little as by a renderer."""
    picture = _gradient(side, random)
    for _ in range(int(random.integers(4, 25))):
        points = random.normal(0, side / random.uniform(4, 14), (int(random.integers(3, 9)), 2))
        points += random.uniform(0, side, 2)
        outline = cv2.convexHull(points.astype(np.int32))
        cv2.fillPoly(picture, [outline], _level(random), cv2.LINE_AA)
        if random.random() < 0.4:
            cv2.polylines(picture, [outline], True, _level(random), 2, cv2.LINE_AA)
    sigma = float(random.uniform(0.3, 1.2))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def _windows(side: int, random: np.random.Generator) -> Luma:
    picture = np.full((side, side), _level(random), np.uint8)
    for _ in range(int(random.integers(3, 10))):
        left, top = (int(place) for place in random.integers(-20, side - 30, 2))
        width, height = (int(size) for size in random.integers(30, side, 2))
        corner = (left + width, top + height)
        cv2.rectangle(picture, (left, top), corner, _level(random), -1)
        cv2.rectangle(picture, (left, top), (left + width, top + 14), _level(random), -1)
        inside = _text(side, random)[: max(0, height - 20), : max(0, width - 8)]
        region = picture[max(0, top + 16) :, max(0, left + 4) :]
        rows, columns = min(len(region), len(inside)), min(region.shape[1], inside.shape[1])
        if random.random() < 0.6:
            region[:rows, :columns] = inside[:rows, :columns]
    return picture
