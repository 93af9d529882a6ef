"""Geometric attacks: what of the picture is left, how large it is, and which way it faces.

Sizes are shares of the picture's, so that the same draw fits any clip; what comes out has even
sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from attacks.base import Attack, within
from attacks.canvas import even_size, resized
from attacks.clip import on_frames

if TYPE_CHECKING:
    from attacks.base import Desk
    from attacks.canvas import Frame
    from attacks.clip import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A rectangle of the picture: ``width`` and ``height`` are shares of the sides that are kept.

    ``x``, ``y``, 0…1: where in what is left over it lies. ``resize``: brought back to the size of
    the clip.
    """

    width: float
    height: float
    x: float
    y: float
    resize: bool = False

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        full = clip.video.width, clip.video.height
        width, height = even_size(full[0] * self.width, full[1] * self.height)
        left, top = round((full[0] - width) * self.x), round((full[1] - height) * self.y)
        size = even_size(*full) if self.resize else (width, height)

        def change(frame: Frame, _time: float) -> Frame:
            return resized(frame[top : top + height, left : left + width], size)

        return on_frames(clip, change, size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """``width`` and ``height`` times as large; ``back``: and then to the clip's size again."""

    width: float
    height: float
    back: bool = False

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        full = even_size(clip.video.width, clip.video.height)
        size = even_size(clip.video.width * self.width, clip.video.height * self.height)

        def change(frame: Frame, _time: float) -> Frame:
            small = resized(frame, size)
            return resized(small, full) if self.back else small

        return on_frames(clip, change, size=full if self.back else size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Mirrored: ``axis`` "x" exchanges left and right, "y" top and bottom."""

    axis: Literal["x", "y"]

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        code = 1 if self.axis == "x" else 0
        return on_frames(clip, lambda frame, _: np.asarray(cv2.flip(frame, code)))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterTurn:
    """Turned by ``turns`` times 90° counter-clockwise, exactly."""

    turns: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        video = clip.video
        size = (video.width, video.height)
        if self.turns % 2:
            size, aspect = size[::-1], 1 / video.pixel_aspect
            turned = replace(clip, video=replace(video, pixel_aspect=aspect))
            return on_frames(turned, self._change, size=size)
        return on_frames(clip, self._change)

    def _change(self, frame: Frame, _time: float) -> Frame:
        return np.rot90(frame, self.turns)


def _crop(share: float, rng: np.random.Generator, *, resize: bool) -> Crop:
    within("share", share, 0.05, 1.0)
    return Crop(width=share, height=share, x=rng.uniform(0, 1), y=rng.uniform(0, 1), resize=resize)


def _resize(scale: float, *, back: bool) -> Resize:
    within("scale", scale, 0.05, 4.0)
    return Resize(width=scale, height=scale, back=back)


def _aspect(share: float, rng: np.random.Generator) -> Resize:
    """Wider, or flatter to the same effect: one side is ``share`` longer than it should be."""
    within("share", share, 0.0, 1.0)
    factor = 1 + share if rng.random() < 0.5 else 1 / (1 + share)
    return Resize(width=factor, height=1.0)


_SCALES = (0.9, 0.75, 1.5, 2.0, 0.5, 0.35, 0.25)
_KEPT = (0.9, 0.8, 0.71, 0.55, 0.35)
_geometric = partial(Attack, family="geometric")
ATTACKS: tuple[Attack, ...] = (
    _geometric(
        name="crop",
        summary="a rectangle from anywhere, at its own size",
        unit="share of each side kept",
        ladder=_KEPT,
        default=0.71,
        draw=lambda s, rng: _crop(s, rng, resize=False),
    ),
    _geometric(
        name="crop_resize",
        summary="a rectangle from anywhere, brought back to full size",
        unit="share of each side kept",
        ladder=_KEPT,
        default=0.71,
        draw=lambda s, rng: _crop(s, rng, resize=True),
    ),
    _geometric(
        name="resize",
        summary="another size",
        unit="times each side",
        ladder=_SCALES,
        default=0.5,
        draw=lambda s, _rng: _resize(s, back=False),
    ),
    _geometric(
        name="resize_back",
        summary="to another size and back",
        unit="times each side",
        ladder=_SCALES,
        default=0.5,
        draw=lambda s, _rng: _resize(s, back=True),
    ),
    _geometric(
        name="aspect",
        summary="stretched or squeezed in one direction",
        unit="share",
        ladder=(0.05, 0.1, 0.2, 0.33),
        default=0.1,
        draw=_aspect,
    ),
    _geometric(
        name="hflip",
        summary="mirrored left to right",
        unit="on",
        ladder=(1.0,),
        default=1.0,
        draw=lambda _s, _rng: Flip(axis="x"),
    ),
    _geometric(
        name="vflip",
        summary="mirrored top to bottom",
        unit="on",
        ladder=(1.0,),
        default=1.0,
        draw=lambda _s, _rng: Flip(axis="y"),
    ),
    _geometric(
        name="quarter_turn",
        summary="turned by 90°, 180° or 270°",
        unit="degrees",
        ladder=(180.0, 90.0, 270.0),
        default=90.0,
        draw=lambda s, _rng: QuarterTurn(turns=round(within("angle", s, 0, 360) / 90)),
    ),
)
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Crop, Resize, Flip, QuarterTurn)}
