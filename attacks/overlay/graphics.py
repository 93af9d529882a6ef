"""Overlays: what is laid over a picture, drawn here.

Sizes are shares: of the area for shapes, of the height for bands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attacks.base import Attack, drawn_seed, within
from attacks.clip import on_frames
from attacks.overlay import sprites
from attacks.overlay.sprites import BLACK, WHITE, Sprite, lay, sprite

if TYPE_CHECKING:
    from collections.abc import Callable

    from attacks.base import Desk
    from attacks.canvas import Frame
    from attacks.clip import Clip

MARGIN = 0.03  # from the edges of the frame, as a share of its short side
CAPTION_S = 2.0  # how long a caption stands
LINE = 0.07  # height of a line of captions, as a share of the frame's
COUNT = 4  # stickers and emoji at once


def overlaid(clip: Clip, draw: Callable[[Frame, float], None]) -> Clip:
    """``draw`` paints on a copy of every frame."""

    def change(frame: Frame, time: float) -> Frame:
        out = frame.copy()
        draw(out, time)
        return out

    return on_frames(clip, change)


def side_of(clip: Clip, area: float) -> int:
    """Side in pixels of a square of that share of the picture, which it fits into."""
    side = round(math.sqrt(area * clip.video.width * clip.video.height))
    return max(1, min(side, clip.video.width, clip.video.height))


def corner_place(clip: Clip, corner: int, size: tuple[int, int]) -> tuple[int, int]:
    """Left and top of ``size`` in ``corner``: 0 top left, 1 top right, 2 and 3 below."""
    full = clip.video.width, clip.video.height
    margin = round(MARGIN * min(full))
    far = [max(0, f - s - margin) for f, s in zip(full, size, strict=True)]
    near = [min(margin, f) for f in far]
    return (far if corner % 2 else near)[0], (far if corner >= 2 else near)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A channel's tile of ``area`` of the picture in ``corner`` 0…3, ``opacity`` 0…1."""

    area: float
    corner: int
    opacity: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        tile = sprites.logo(side_of(clip, self.area), self.opacity)
        left, top = corner_place(clip, self.corner, tile.size)
        return overlaid(clip, lambda frame, _: lay(frame, tile, left, top))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stickers:
    """Four shapes that cover ``area`` of the picture between them, and sway."""

    area: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        rng = np.random.default_rng(self.seed)
        side = side_of(clip, self.area / COUNT)
        kinds = (sprites.star, sprites.heart, sprites.badge)
        # A star, a heart and a badge fill about half of their square.
        side = min(round(side * math.sqrt(2)), clip.video.width, clip.video.height)
        shapes = [
            kinds[int(rng.integers(3))](side, rng.integers(40, 256, 3).tolist())
            for _ in range(COUNT)
        ]
        return _swaying(clip, shapes, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Emoji:
    """Four faces that cover ``area`` of the picture between them, and sway."""

    area: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        rng = np.random.default_rng(self.seed)
        # A disc fills π/4 of its square.
        side = side_of(clip, self.area / COUNT * 4 / math.pi)
        faces = [sprites.face(side, int(rng.integers(4))) for _ in range(COUNT)]
        return _swaying(clip, faces, rng)


def _swaying(clip: Clip, shapes: list[Sprite], rng: np.random.Generator) -> Clip:
    """One of ``shapes`` in each quarter of the frame."""
    full = np.array([clip.video.width, clip.video.height])
    centres = np.array([[1, 1], [3, 1], [1, 3], [3, 3]]) / 4 + rng.uniform(-0.1, 0.1, (4, 2))
    phases = rng.uniform(0, 2 * np.pi, (4, 2))

    def draw(frame: Frame, time: float) -> None:
        for shape, centre, phase in zip(shapes, centres, phases, strict=True):
            place = (centre + 0.02 * np.sin(2 * time + phase)) * full
            left, top = np.rint(place - np.array(shape.size) / 2).astype(int).tolist()
            lay(frame, shape, left, top)

    return overlaid(clip, draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    """Burnt-in captions near the bottom, on a dark band of ``height``, new every two seconds.

    ``opacity``: of the band, 0…1; letters are opaque.
    """

    height: float
    opacity: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, full = clip.video.width, clip.video.height
        band = max(4, round(full * self.height))
        left, top = round(0.05 * width), max(0, round(0.97 * full) - band)
        size = (width - 2 * left, band)

        @lru_cache(maxsize=2)
        def caption(number: int) -> Sprite:
            rng = np.random.default_rng([self.seed, number])
            return _caption(size, max(1, round(self.height / LINE)), self.opacity, rng)

        return overlaid(
            clip, lambda frame, time: lay(frame, caption(int(time / CAPTION_S)), left, top)
        )


def _caption(size: tuple[int, int], lines: int, opacity: float, rng: np.random.Generator) -> Sprite:
    width, height = size
    colour = np.zeros((height, width, 3), np.float32)
    alpha = np.full((height, width), 255 * opacity, np.float32)
    row = height // lines
    for line in range(lines):
        mask = sprites.text_mask(sprites.sentence(rng, 6), max(1, round(0.9 * row)))
        if mask.shape[1] > width:
            mask = np.asarray(cv2.resize(mask, (width, len(mask)), interpolation=cv2.INTER_AREA))
        top, left = line * row + round(0.05 * row), (width - mask.shape[1]) // 2
        place = np.s_[top : top + len(mask), left : left + mask.shape[1]]
        share = mask.astype(np.float32) / 255
        covered = share * 255 + (1 - share) * alpha[place]
        colour[place] = (255 * 255 * share / np.maximum(covered, 1))[..., None]
        alpha[place] = covered
    return sprite(colour, alpha)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    """A line of news that runs along a band of ``height`` at the bottom, a fifth of the width a
    second.
    """

    height: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, full = clip.video.width, clip.video.height
        band = max(4, round(full * self.height))
        rng = np.random.default_rng(self.seed)
        text = "  +++  ".join(sprites.sentence(rng, 7) for _ in range(4)) + "  +++  "
        mask = sprites.text_mask(text, max(1, round(0.8 * band)))
        strip = np.zeros((band, max(width, mask.shape[1])), np.float32)
        strip[(band - len(mask)) // 2 :][: len(mask), : mask.shape[1]] = mask / 255
        back, ink = np.array(rng.integers(0, 110, 3), np.float32), np.array(WHITE, np.float32)
        drawn = np.rint(back + strip[..., None] * (ink - back)).astype(np.uint8)

        def draw(frame: Frame, time: float) -> None:
            start = round(0.2 * width * time) % drawn.shape[1]
            first = drawn[:, start : start + width]
            frame[full - band :, : first.shape[1]] = first
            frame[full - band :, first.shape[1] :] = drawn[:, : width - first.shape[1]]

        return overlaid(clip, draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """A coloured frame of ``width`` (a share of the short side) painted over the edges."""

    width: float
    colour: tuple[int, int, int]

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        wide = max(1, round(self.width * min(clip.video.width, clip.video.height)))

        def draw(frame: Frame, _time: float) -> None:
            frame[:wide] = frame[-wide:] = self.colour
            frame[:, :wide] = frame[:, -wide:] = self.colour

        return overlaid(clip, draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTiles:
    """Slanted text of ``opacity`` 0…1 all over the picture, as stock previews have it."""

    opacity: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, height = clip.video.width, clip.video.height
        rng = np.random.default_rng(self.seed)
        line = sprites.text_mask("PREVIEW  COPY   ", max(6, height // 12))
        tile = np.zeros((2 * len(line), line.shape[1]), np.uint8)
        tile[: len(line)] = line
        # Larger than the frame by its diagonal, so that turning leaves no corner without text.
        span = math.ceil(math.hypot(width, height))
        field = np.tile(tile, (span // len(tile) + 2, span // tile.shape[1] + 2))
        field = np.roll(field, rng.integers(0, tile.shape, 2).tolist(), (0, 1))[:span, :span]
        turn = cv2.getRotationMatrix2D(((span - 1) / 2, (span - 1) / 2), 30, 1)
        turn = turn - np.array([[0, 0, (span - width) / 2], [0, 0, (span - height) / 2]])
        alpha = cv2.warpAffine(field, turn, (width, height), flags=cv2.INTER_LINEAR)
        layer = sprite(np.array(WHITE), alpha, self.opacity)
        return overlaid(clip, lambda frame, _: lay(frame, layer, 0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facecam:
    """The box of somebody who talks, of ``area`` of the picture, in ``corner`` 0…3."""

    area: float
    corner: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        side = side_of(clip, self.area)
        left, top = corner_place(clip, self.corner, (side, side))
        wall = np.linspace(90, 140, side, dtype=np.uint8)[:, None, None]
        room = np.broadcast_to(wall, (side, side, 3)) - np.array((20, 10, 0), np.uint8)
        room = np.ascontiguousarray(room)

        def draw(frame: Frame, time: float) -> None:
            box = room.copy()
            nod = 0.02 * side * np.array([math.sin(3 * time), math.cos(2.3 * time)])
            x, y = np.rint(nod + side * np.array([0.5, 0.42])).astype(int).tolist()
            shoulders = (max(1, round(0.38 * side)), max(1, round(0.32 * side)))
            cv2.ellipse(box, (x, side), shoulders, 0, 180, 360, (50, 70, 120), -1, cv2.LINE_AA)
            head = (max(1, round(0.17 * side)), max(1, round(0.22 * side)))
            cv2.ellipse(box, (x, y), head, 0, 0, 360, (214, 172, 140), -1, cv2.LINE_AA)
            mouth = (max(1, head[0] // 3), max(1, round(head[1] * 0.12 * (1 + math.sin(9 * time)))))
            cv2.ellipse(box, (x, y + head[1] // 2), mouth, 0, 0, 360, (120, 50, 50), -1)
            edge = max(1, side // 60)
            cv2.rectangle(box, (0, 0), (side - 1, side - 1), BLACK, edge)
            frame[top : top + side, left : left + side] = box

        return overlaid(clip, draw)


def _area(area: float) -> float:
    return within("area", area, 0.0001, 1.0)


def _height(height: float) -> float:
    return within("height", height, 0.01, 0.9)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


_overlay = partial(Attack, family="overlay")
ATTACKS: tuple[Attack, ...] = (
    _overlay(
        name="logo",
        summary="a channel's tile in a corner",
        unit="share of the area",
        ladder=(0.01, 0.02, 0.05, 0.1, 0.2),
        default=0.02,
        draw=lambda s, rng: Logo(area=_area(s), corner=int(rng.integers(4)), opacity=0.85),
    ),
    _overlay(
        name="captions",
        summary="burnt-in captions on a dark band",
        unit="share of the height",
        ladder=(0.07, 0.14, 0.21, 0.3),
        default=0.14,
        draw=lambda s, rng: Captions(height=_height(s), opacity=0.7, seed=drawn_seed(rng)),
    ),
    _overlay(
        name="ticker",
        summary="news that run along the bottom",
        unit="share of the height",
        ladder=(0.06, 0.1, 0.15, 0.2),
        default=0.1,
        draw=lambda s, rng: Ticker(height=_height(s), seed=drawn_seed(rng)),
    ),
    _overlay(
        name="stickers",
        summary="stars, hearts and badges",
        unit="share of the area",
        ladder=(0.02, 0.05, 0.1, 0.2, 0.3),
        default=0.1,
        draw=lambda s, rng: Stickers(area=_area(s), seed=drawn_seed(rng)),
    ),
    _overlay(
        name="emoji",
        summary="faces",
        unit="share of the area",
        ladder=(0.02, 0.05, 0.1, 0.2, 0.3),
        default=0.1,
        draw=lambda s, rng: Emoji(area=_area(s), seed=drawn_seed(rng)),
    ),
    _overlay(
        name="border",
        summary="a coloured frame over the edges",
        unit="share of the short side",
        ladder=(0.02, 0.05, 0.1, 0.15),
        default=0.05,
        draw=lambda s, rng: Border(width=within("width", s, 0.001, 0.5), colour=_colour(rng)),
    ),
    _overlay(
        name="text_tiles",
        summary="slanted text all over, as in stock previews",
        unit="opacity",
        ladder=(0.1, 0.25, 0.5, 1.0),
        default=0.25,
        draw=lambda s, rng: TextTiles(opacity=within("opacity", s, 0, 1), seed=drawn_seed(rng)),
    ),
    _overlay(
        name="facecam",
        summary="the box of a commentator in a corner",
        unit="share of the area",
        ladder=(0.02, 0.05, 0.1, 0.2),
        default=0.05,
        draw=lambda s, rng: Facecam(area=_area(s), corner=int(rng.integers(4))),
    ),
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (Logo, Captions, Ticker, Stickers, Emoji, Border, TextTiles, Facecam)
}
