"""The picture as part of a larger one: bars, picture in picture, split screen, a shared window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from attacks.base import Attack, drawn_seed, within
from attacks.canvas import backdrop, even_size, resized
from attacks.clip import on_frames

if TYPE_CHECKING:
    from attacks.base import Desk
    from attacks.canvas import Frame
    from attacks.clip import Clip

BLUR_SIDE = 40  # pixels on the short side of the copy that the blurred bars are made of


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """More canvas around the picture: shares of its width (left, right) and height (top, bottom).

    ``fill``: "black", or "blur" for a blurred, darker copy of the picture that fills the canvas, as
    upright feeds show wide clips.
    """

    left: float = 0.0
    right: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    fill: Literal["black", "blur"] = "black"

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, height = clip.video.width, clip.video.height
        size = even_size(
            max(width * (1 + self.left + self.right), width + width % 2),
            max(height * (1 + self.top + self.bottom), height + height % 2),
        )
        # Where the canvas was rounded down to even sizes, the picture still lies inside.
        left = min(round(width * self.left), size[0] - width)
        top = min(round(height * self.top), size[1] - height)

        def change(frame: Frame, _time: float) -> Frame:
            if self.fill == "blur":
                canvas = _blurred(frame, size)
            else:
                canvas = np.zeros((size[1], size[0], 3), np.uint8)
            canvas[top : top + height, left : left + width] = frame
            return canvas

        return on_frames(clip, change, size=size)


def _blurred(frame: Frame, size: tuple[int, int]) -> Frame:
    """The middle of ``frame`` in the shape of ``size``, blurred and at 60 % of its brightness."""
    height, width = frame.shape[:2]
    scale = min(width / size[0], height / size[1])
    wide, high = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    left, top = (width - wide) // 2, (height - high) // 2
    middle = frame[top : top + high, left : left + wide]
    shrink = min(1.0, BLUR_SIDE / min(wide, high))
    small = cv2.resize(
        middle,
        (max(1, round(wide * shrink)), max(1, round(high * shrink))),
        interpolation=cv2.INTER_AREA,
    )
    soft = cv2.convertScaleAbs(cv2.GaussianBlur(small, (0, 0), 2), alpha=0.6)
    return cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureInPicture:
    """The clip, ``share`` times its sides, on other moving content of its size.

    ``x``, ``y``, 0…1: where in the room that is left it lies. ``seed``: of the other content.
    """

    share: float
    x: float
    y: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        full = even_size(clip.video.width, clip.video.height)
        size = even_size(full[0] * self.share, full[1] * self.share)
        left, top = (
            round((f - s) * p) for f, s, p in zip(full, size, (self.x, self.y), strict=True)
        )
        behind = backdrop(*full, self.seed)

        def change(frame: Frame, time: float) -> Frame:
            canvas = behind(time).copy()
            canvas[top : top + size[1], left : left + size[0]] = resized(frame, size)
            return canvas

        return on_frames(clip, change, size=full)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitScreen:
    """A strip of the clip beside other moving content, both of full height.

    ``share``: of the width, which shows as much of the clip, at its size. ``x``, 0…1: which part of
    it. ``right``: the clip is on the right.
    """

    share: float
    x: float
    right: bool
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, height = clip.video.width, clip.video.height
        strip = max(1, round(width * self.share))
        start = round((width - strip) * self.x)
        left = width - strip if self.right else 0
        behind = backdrop(width, height, self.seed)

        def change(frame: Frame, time: float) -> Frame:
            canvas = behind(time).copy()
            canvas[:, left : left + strip] = frame[:, start : start + strip]
            return canvas

        return on_frames(clip, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenShare:
    """The clip in a window of a video call: ``share`` of the width, title bar, faces beside it."""

    share: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        full = even_size(clip.video.width, clip.video.height)
        size = even_size(full[0] * self.share, full[1] * self.share)
        desktop, (left, top) = _desktop(full, size)

        def change(frame: Frame, _time: float) -> Frame:
            canvas = desktop.copy()
            canvas[top : top + size[1], left : left + size[0]] = resized(frame, size)
            return canvas

        return on_frames(clip, change, size=full)


def _desktop(full: tuple[int, int], size: tuple[int, int]) -> tuple[Frame, tuple[int, int]]:
    """A drawn call with a window of ``size``, and where the window's inside begins."""
    canvas = np.full((full[1], full[0], 3), 32, np.uint8)
    bar = max(4, full[1] // 24)
    left = max(0, (full[0] - size[0]) // 8)
    top = max(0, min(full[1] - size[1], (full[1] - size[1] + bar) // 2))
    right = left + size[0]
    cv2.rectangle(canvas, (left, top - bar), (right - 1, top - 1), (68, 71, 78), -1)
    for number, colour in enumerate(((237, 106, 94), (245, 191, 79), (98, 197, 84))):
        centre = (left + bar * (number + 1), top - bar // 2)
        cv2.circle(canvas, centre, max(1, bar // 4), colour, -1, cv2.LINE_AA)
    gap = max(2, bar // 3)
    wide = full[0] - right - 2 * gap
    high = round(wide * 9 / 16)
    for number in range(full[1] // max(1, high + gap) if wide >= 8 else 0):
        corner = (right + gap, gap + number * (high + gap))
        shade = (52 + 8 * number, 60, 84 - 6 * number)
        cv2.rectangle(canvas, corner, (corner[0] + wide, corner[1] + high), shade, -1)
        middle = (corner[0] + wide // 2, corner[1] + high // 2)
        cv2.circle(canvas, middle, max(1, high // 5), (214, 178, 150), -1, cv2.LINE_AA)
        below = (middle[0], corner[1] + high)
        radii = (max(1, high // 3), max(1, high // 4))
        cv2.ellipse(canvas, below, radii, 0, 180, 360, (110, 130, 170), -1, cv2.LINE_AA)
    return canvas, (left, top)


def _covered(share: float) -> float:
    """Length of both bars together, as a share of the picture, that covers ``share`` of all."""
    within("share", share, 0.0, 0.9)
    return share / (1 - share) / 2


def _letterbox(share: float, _rng: np.random.Generator) -> Bars:
    return Bars(top=_covered(share), bottom=_covered(share))


def _pillarbox(share: float, _rng: np.random.Generator) -> Bars:
    return Bars(left=_covered(share), right=_covered(share))


def _blurred_bars(share: float, _rng: np.random.Generator) -> Bars:
    return Bars(top=_covered(share), bottom=_covered(share), fill="blur")


def _pad(share: float, rng: np.random.Generator) -> Bars:
    """Uneven on purpose: nothing says that the picture lies in the middle."""
    within("share", share, 0.0, 2.0)
    x, y = rng.uniform(0, share, 2).tolist()
    return Bars(left=x, right=share - x, top=y, bottom=share - y)


def _inset(share: float, rng: np.random.Generator) -> PictureInPicture:
    within("share", share, 0.1, 1.0)
    x, y = rng.uniform(0, 1, 2).tolist()
    return PictureInPicture(share=share, x=x, y=y, seed=drawn_seed(rng))


def _split(share: float, rng: np.random.Generator) -> SplitScreen:
    within("share", share, 0.05, 1.0)
    right = bool(rng.random() < 0.5)
    return SplitScreen(share=share, x=rng.uniform(0, 1), right=right, seed=drawn_seed(rng))


_layout = partial(Attack, family="geometric")
ATTACKS: tuple[Attack, ...] = (
    _layout(
        name="letterbox",
        summary="black bars above and below",
        unit="share of the canvas in bars",
        ladder=(0.12, 0.25, 0.44),
        default=0.25,
        draw=_letterbox,
    ),
    _layout(
        name="pillarbox",
        summary="black bars left and right",
        unit="share of the canvas in bars",
        ladder=(0.12, 0.25, 0.44),
        default=0.25,
        draw=_pillarbox,
    ),
    _layout(
        name="blurred_bars",
        summary="an upright canvas filled with a blurred copy",
        unit="share of the canvas in bars",
        ladder=(0.25, 0.44, 0.55, 0.68),
        default=0.44,
        draw=_blurred_bars,
    ),
    _layout(
        name="pad",
        summary="black all around, not in the middle",
        unit="share of each side added",
        ladder=(0.05, 0.1, 0.25, 0.5),
        default=0.1,
        draw=_pad,
    ),
    _layout(
        name="picture_in_picture",
        summary="shrunk onto other moving content",
        unit="share of each side",
        ladder=(0.8, 0.6, 0.5, 0.4, 0.3),
        default=0.5,
        draw=_inset,
    ),
    _layout(
        name="split_screen",
        summary="a strip of it beside other moving content",
        unit="share of the width",
        ladder=(0.7, 0.5, 0.4, 0.33),
        default=0.5,
        draw=_split,
    ),
    _layout(
        name="screen_share",
        summary="in a window of a video call",
        unit="share of the width",
        ladder=(0.85, 0.75, 0.6, 0.45),
        default=0.75,
        draw=lambda s, _rng: ScreenShare(share=within("share", s, 0.1, 1.0)),
    ),
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Bars, PictureInPicture, SplitScreen, ScreenShare)
}
