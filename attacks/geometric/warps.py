"""Projective and bent pictures: rotation, shear, perspective, shift, zoom.

Interpolation is bicubic; what lies outside the picture is black. Matrices act on pixel coordinates
whose origin is the centre of the top left pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attacks.base import Attack, drawn_seed, within
from attacks.canvas import even_size
from attacks.clip import on_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attacks.base import Desk
    from attacks.canvas import Frame
    from attacks.clip import Clip

    Matrix = NDArray[Any]


def warped(clip: Clip, matrix: Matrix, size: tuple[int, int] | None = None) -> Clip:
    """Every pixel (x, y, 1) of the clip at ``matrix`` (3, 3) times it, on a canvas of ``size``."""
    target = size or (clip.video.width, clip.video.height)

    def change(frame: Frame, _time: float) -> Frame:
        return cv2.warpPerspective(frame, matrix, target, flags=cv2.INTER_CUBIC)

    return on_frames(clip, change, size=target)


def about_centre(linear: Matrix, size: tuple[int, int], target: tuple[int, int]) -> Matrix:
    """The (2, 2) map ``linear`` about the centre of a picture, which becomes that of ``target``."""
    centre = (np.array(size) - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = (np.array(target) - 1) / 2 - linear @ centre
    return matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate:
    """Turned by ``degrees`` counter-clockwise about the centre.

    Cut to the frame; or, with ``expand``, on a canvas that holds all of the picture.
    """

    degrees: float
    expand: bool = False

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        angle = math.radians(self.degrees)
        cos, sin = math.cos(angle), math.sin(angle)
        size = target = (clip.video.width, clip.video.height)
        if self.expand:
            width = abs(cos) * size[0] + abs(sin) * size[1]
            height = abs(sin) * size[0] + abs(cos) * size[1]
            target = even_size(width, height)
        # Rows grow downwards: counter-clockwise for the eye.
        linear = np.array([[cos, sin], [-sin, cos]])
        return warped(clip, about_centre(linear, size, target), target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shear:
    """Sheared about the centre: vertical lines lean by ``x`` degrees, horizontal ones by ``y``."""

    x: float
    y: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        size = (clip.video.width, clip.video.height)
        lean = [math.tan(math.radians(angle)) for angle in (self.x, self.y)]
        return warped(clip, about_centre(np.array([[1, lean[0]], [lean[1], 1]]), size, size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Perspective:
    """The corners of the picture move inwards, each by a share of half the width and height.

    ``corners``: (x, y) shares of top left, top right, bottom right, bottom left. With a distortion
    scale of d, torchvision's ``RandomPerspective`` draws each from 0…d, as VideoSeal (d up to 0.5)
    uses it. The canvas keeps its size.
    """

    corners: tuple[float, ...]

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        right, bottom = clip.video.width - 1, clip.video.height - 1
        corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
        inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * (
            clip.video.width / 2,
            clip.video.height / 2,
        )
        moved = corners + np.reshape(self.corners, (4, 2)) * inwards
        return warped(clip, cv2.getPerspectiveTransform(corners, moved.astype(np.float32)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Translate:
    """Shifted by ``x`` and ``y`` shares of the sides, to the right and down; whole pixels."""

    x: float
    y: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        matrix = np.eye(3)
        matrix[0, 2] = round(self.x * clip.video.width)
        matrix[1, 2] = round(self.y * clip.video.height)
        return warped(clip, matrix)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowZoom:
    """The picture grows steadily up to ``factor`` at the clip's end, towards (``x``, ``y``).

    ``x``, ``y``: shares of the sides, the point that stays. Known as the Ken Burns effect.
    """

    factor: float
    x: float
    y: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        size = (clip.video.width, clip.video.height)
        focus = np.array([self.x * (size[0] - 1), self.y * (size[1] - 1)])

        def change(frame: Frame, time: float) -> Frame:
            scale = 1 + (self.factor - 1) * min(1.0, time / clip.duration_s)
            matrix = np.array([[scale, 0, 0], [0, scale, 0]])
            matrix[:, 2] = (1 - scale) * focus
            return cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_CUBIC)

        return on_frames(clip, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """Smoothly bent: points move by up to ``share`` of the short side, differently everywhere.

    The random bending of StirMark (Petitcolas, Anderson and Kuhn 1998, "Attacks on copyright
    marking systems"), with a grid of 5 × 5 random moves between which cubics run. The same in all
    frames.
    """

    share: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, height = clip.video.width, clip.video.height
        rng = np.random.default_rng(self.seed)
        grid = rng.uniform(-1, 1, (5, 5, 2)).astype(np.float32) * (self.share * min(width, height))
        moves = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        places = x + moves[..., 0], y + moves[..., 1]

        def change(frame: Frame, _time: float) -> Frame:
            return cv2.remap(frame, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)

        return on_frames(clip, change)


def _sign(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0


def _shear(degrees: float, rng: np.random.Generator) -> Shear:
    lean = _sign(rng) * within("angle", degrees, 0, 60)
    return Shear(x=lean, y=0.0) if rng.random() < 0.5 else Shear(x=0.0, y=lean)


def _perspective(scale: float, rng: np.random.Generator) -> Perspective:
    within("distortion scale", scale, 0.0, 0.9)
    return Perspective(corners=tuple(rng.uniform(0, scale, 8).tolist()))


def _translate(share: float, rng: np.random.Generator) -> Translate:
    within("share", share, 0.0, 0.9)
    return Translate(x=_sign(rng) * share, y=_sign(rng) * share)


def _zoom(factor: float, rng: np.random.Generator) -> SlowZoom:
    within("factor", factor, 1.0, 8.0)
    return SlowZoom(factor=factor, x=rng.uniform(0.2, 0.8), y=rng.uniform(0.2, 0.8))


_warp = partial(Attack, family="geometric")
_ANGLES = (1.0, 2.0, 5.0, 10.0, 20.0, 37.0, 45.0)
ATTACKS: tuple[Attack, ...] = (
    _warp(
        name="rotate",
        summary="turned either way, cut to the frame",
        unit="degrees",
        ladder=_ANGLES,
        default=10.0,
        draw=lambda s, rng: Rotate(degrees=_sign(rng) * within("angle", s, 0, 360)),
    ),
    _warp(
        name="rotate_expand",
        summary="turned either way, on a larger canvas",
        unit="degrees",
        ladder=_ANGLES,
        default=10.0,
        draw=lambda s, rng: Rotate(degrees=_sign(rng) * within("angle", s, 0, 360), expand=True),
    ),
    _warp(
        name="shear",
        summary="sheared along one axis",
        unit="degrees",
        ladder=(2.0, 5.0, 10.0, 20.0, 30.0),
        default=10.0,
        draw=_shear,
    ),
    _warp(
        name="perspective",
        summary="corners moved inwards at random",
        unit="distortion scale",
        ladder=(0.1, 0.2, 0.3, 0.4, 0.5),
        default=0.3,
        draw=_perspective,
    ),
    _warp(
        name="translate",
        summary="shifted across the frame",
        unit="share of each side",
        ladder=(0.05, 0.1, 0.2, 0.4),
        default=0.1,
        draw=_translate,
    ),
    _warp(
        name="slow_zoom",
        summary="zoomed in steadily",
        unit="times at the end",
        ladder=(1.05, 1.1, 1.25, 1.5, 2.0),
        default=1.25,
        draw=_zoom,
    ),
    _warp(
        name="bend",
        summary="bent smoothly at random",
        unit="share of the short side",
        ladder=(0.002, 0.005, 0.01, 0.02, 0.04),
        default=0.01,
        draw=lambda s, rng: Bend(share=within("share", s, 0, 0.2), seed=drawn_seed(rng)),
    ),
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Rotate, Shear, Perspective, Translate, SlowZoom, Bend)
}
