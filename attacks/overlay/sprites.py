"""Things that are laid over pictures: shapes and lines of text, drawn here, with soft edges.

Text is in a font that OpenCV has built in: no font file is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attacks.canvas import Frame

    Colour = Sequence[int]

FINER = 4  # times as large as it is shown is a shape drawn, for soft edges
FONT = cv2.FONT_HERSHEY_DUPLEX
WORDS = (
    "and", "then", "we", "looked", "up", "nobody", "had", "told", "them", "about", "the", "river",
    "behind", "old", "house", "where", "light", "comes", "from", "every", "morning", "before",
    "six", "o'clock", "they", "would", "never", "believe", "what", "happened", "next",
)  # fmt: skip
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Sprite:
    """``colour`` times ``alpha``, and one minus ``alpha``: both (H, W, 3) float32, ready to lay."""

    light: NDArray[np.float32]
    behind: NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.light.shape[1], self.light.shape[0]


def sprite(colour: NDArray[Any], alpha: NDArray[Any], opacity: float = 1.0) -> Sprite:
    """Of (H, W, 3) levels, or one colour, and (H, W) alpha, both 0…255."""
    cover = np.repeat((alpha.astype(np.float32) * (opacity / 255))[..., None], 3, axis=2)
    return Sprite(light=np.asarray(colour, np.float32) * cover, behind=1 - cover)


def lay(frame: Frame, over: Sprite, left: int, top: int) -> None:
    """Lays ``over`` on ``frame``, in place; what sticks out is cut."""
    width, height = over.size
    x, y = max(0, left), max(0, top)
    right, bottom = min(frame.shape[1], left + width), min(frame.shape[0], top + height)
    if x >= right or y >= bottom:
        return
    part = np.s_[y - top : bottom - top, x - left : right - left]
    below = cv2.multiply(frame[y:bottom, x:right], over.behind[part], dtype=cv2.CV_32F)
    frame[y:bottom, x:right] = cv2.add(below, over.light[part], dtype=cv2.CV_8U)


class Drawing:
    """A square of ``side`` pixels to draw on, in coordinates 0…1 from the top left."""

    def __init__(self, side: int) -> None:
        self._full = max(1, side) * FINER
        self._side = max(1, side)
        self._colour = np.zeros((self._full, self._full, 3), np.uint8)
        self._alpha = np.zeros((self._full, self._full), np.uint8)

    def polygon(self, points: NDArray[Any], colour: Colour) -> None:
        corners = np.rint(points * self._full).astype(np.int32)
        cv2.fillPoly(self._colour, [corners], colour)
        cv2.fillPoly(self._alpha, [corners], 255)

    def ellipse(
        self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour,
        *, arc: tuple[float, float] = (0, 360), line: float | None = None,
    ) -> None:  # fmt: skip
        """Filled, or drawn as a ``line`` of that width along ``arc`` (degrees, clockwise)."""
        middle = (round(centre[0] * self._full), round(centre[1] * self._full))
        axes = (round(radii[0] * self._full), round(radii[1] * self._full))
        width = -1 if line is None else max(1, round(line * self._full))
        for target, value in ((self._colour, colour), (self._alpha, 255)):
            cv2.ellipse(target, middle, axes, 0, *arc, value, width)

    def sprite(self, opacity: float = 1.0) -> Sprite:
        size = (self._side, self._side)
        small = [
            cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (self._colour, self._alpha)
        ]
        # Outside a shape its colour goes on, so that soft edges are not dark.
        cover = np.maximum(small[1], 1)[..., None]
        return sprite(np.minimum(small[0] * (255.0 / cover), 255), small[1], opacity)


def star(side: int, colour: Colour) -> Sprite:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2, 0.2, 0.48)
    drawing = Drawing(side)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
    drawing.polygon(0.5 + 1.04 * points, WHITE)
    drawing.polygon(0.5 + 0.88 * points, colour)
    return drawing.sprite()


def heart(side: int, colour: Colour) -> Sprite:
    points = _heart_points()
    drawing = Drawing(side)
    drawing.polygon(0.5 + 1.04 * points, WHITE)
    drawing.polygon(0.5 + 0.9 * points, colour)
    return drawing.sprite()


def _heart_points() -> NDArray[np.float64]:
    """(80, 2) of a heart about the origin, nearly 1 wide."""
    t = np.linspace(0, 2 * np.pi, 80)
    x = 16 * np.sin(t) ** 3
    y = 5 * np.cos(2 * t) + 2 * np.cos(3 * t) + np.cos(4 * t) - 13 * np.cos(t) - 2.5
    points: NDArray[np.float64] = np.stack([x, y], axis=1) / 35
    return points


def badge(side: int, colour: Colour) -> Sprite:
    drawing = Drawing(side)
    drawing.ellipse((0.5, 0.5), (0.49, 0.49), WHITE)
    drawing.ellipse((0.5, 0.5), (0.43, 0.43), colour)
    drawing.ellipse((0.5, 0.5), (0.3, 0.3), WHITE, line=0.06)
    return drawing.sprite()


def face(side: int, mood: int) -> Sprite:
    """A round yellow face: 0 smiles, 1 laughs, 2 has hearts for eyes, 3 is astonished."""
    drawing = Drawing(side)
    dark = (92, 58, 20)
    drawing.ellipse((0.5, 0.5), (0.49, 0.49), (224, 158, 30))
    drawing.ellipse((0.5, 0.48), (0.46, 0.46), (255, 205, 60))
    for x in (0.33, 0.67):
        if mood == 2:
            drawing.polygon(0.27 * _heart_points() + np.array((x, 0.38)), (220, 40, 60))
        elif mood == 1:
            drawing.ellipse((x, 0.41), (0.09, 0.08), dark, arc=(180, 360), line=0.04)
        else:
            drawing.ellipse((x, 0.38), (0.06, 0.09), dark)
    if mood == 3:
        drawing.ellipse((0.5, 0.7), (0.1, 0.13), dark)
    elif mood == 1:
        drawing.ellipse((0.5, 0.56), (0.26, 0.28), dark, arc=(0, 180))
    else:
        drawing.ellipse((0.5, 0.53), (0.25, 0.24), dark, arc=(15, 165), line=0.05)
    return drawing.sprite()


def logo(side: int, opacity: float) -> Sprite:
    """A rounded tile with a ring and a play sign."""
    drawing = Drawing(side)
    for x in (0.16, 0.84):
        for y in (0.16, 0.84):
            drawing.ellipse((x, y), (0.16, 0.16), (24, 84, 190))
    for low, high in (((0.0, 0.16), (1.0, 0.84)), ((0.16, 0.0), (0.84, 1.0))):
        corners = [low, (high[0], low[1]), high, (low[0], high[1])]
        drawing.polygon(np.array(corners), (24, 84, 190))
    drawing.ellipse((0.5, 0.5), (0.34, 0.34), WHITE, line=0.07)
    drawing.polygon(np.array([(0.42, 0.33), (0.7, 0.5), (0.42, 0.67)]), (255, 196, 60))
    return drawing.sprite(opacity)


def text_mask(text: str, height: int) -> NDArray[np.uint8]:
    """(height, W) alpha 0…255 of one line of ASCII text."""
    line = 40  # pixels that letters are drawn at before they are shrunk or enlarged
    scale, thick = line / 30, 3
    (width, _), _ = cv2.getTextSize(text, FONT, scale, thick)
    mask = np.zeros((round(1.5 * line), width + 2 * thick), np.uint8)
    cv2.putText(mask, text, (thick, round(1.1 * line)), FONT, scale, 255, thick, cv2.LINE_AA)
    size = (max(1, round(mask.shape[1] * height / mask.shape[0])), height)
    method = cv2.INTER_AREA if height < mask.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, size, interpolation=method), np.uint8)


def sentence(rng: np.random.Generator, words: int) -> str:
    return " ".join(rng.choice(WORDS, words).tolist()).capitalize()
