"""Filters over neighbouring pixels: blurs, medians, denoisers, sharpening."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attacks.base import Attack, within
from attacks.clip import on_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attacks.base import Desk
    from attacks.canvas import Frame
    from attacks.clip import Clip
    from provenance.video import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianBlur:
    """Blurred by a Gaussian of standard deviation ``sigma`` pixels."""

    sigma: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        return on_frames(clip, lambda frame, _: cv2.GaussianBlur(frame, (0, 0), self.sigma))


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionBlur:
    """The mean along a line of ``length`` pixels at ``degrees`` to the horizontal."""

    length: float
    degrees: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        kernel = line_kernel(self.length, self.degrees)
        return on_frames(clip, lambda frame, _: cv2.filter2D(frame, -1, kernel))


def line_kernel(length: float, degrees: float) -> NDArray[np.float32]:
    """A line through the middle, sum 1; ends and slopes are shared among the pixels they touch."""
    half = math.ceil(length / 2)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    angle = math.radians(degrees)
    for along in np.linspace(-length / 2, length / 2, 8 * half + 1):
        x, y = half + along * math.cos(angle), half - along * math.sin(angle)
        left, top = int(x), int(y)
        for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
            if column < kernel.shape[1] and row < kernel.shape[0]:
                kernel[row, column] += max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row))
    kernel /= kernel.sum()
    return kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """The median of ``side`` × ``side`` pixels of each channel; ``side`` is odd."""

    side: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        return on_frames(clip, lambda frame, _: cv2.medianBlur(frame, self.side))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilateral:
    """Smoothed where neighbours differ by less than about ``sigma`` levels, over 5 pixels.

    Tomasi and Manduchi 1998, "Bilateral filtering for gray and color images".
    """

    sigma: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        return on_frames(clip, lambda frame, _: cv2.bilateralFilter(frame, 5, self.sigma, 2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class NonLocalMeans:
    """Patches alike within 11 × 11 pixels averaged, with filter strength ``h`` in levels.

    Buades, Coll and Morel 2005; slow: about a second a megapixel.
    """

    h: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def change(frame: Frame, _time: float) -> Frame:
            return cv2.fastNlMeansDenoisingColored(frame, None, self.h, self.h, 3, 11)

        return on_frames(clip, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalDenoise:
    """Each sample follows the frames before it, and the more, the less it changes.

    ``strength``: levels of change of which about half is let through. The part of FFmpeg's
    ``hqdn3d`` that works over time.
    """

    strength: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        unit = 1 << (clip.video.bits - 8)
        changes = np.arange(256 * unit, dtype=np.float32) / unit
        # Share that is let through of a change: a tenth where there is none, all of a large one.
        passed = 1 - 0.9 * 0.5 ** ((changes / self.strength) ** 2)

        def smooth(plane: NDArray[Any], before: NDArray[np.float32] | None) -> NDArray[np.float32]:
            if before is None:
                return plane.astype(np.float32)
            change = plane - before
            index = np.minimum(np.abs(change), len(passed) - 1).astype(np.int32)
            change *= passed[index]
            change += before
            return change

        def pictures() -> Iterator[Picture]:
            held: list[NDArray[np.float32]] | None = None
            for picture in clip.pictures():
                before = held or (None, None, None)
                held = [smooth(p, b) for p, b in zip(picture.planes, before, strict=True)]
                kind = picture.luma.dtype
                yield picture.with_planes([np.rint(plane).astype(kind) for plane in held])

        return clip.changed(pictures=pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpen:
    """Unsharp mask: ``amount`` times what a blur of σ ``sigma`` pixels takes away, added."""

    amount: float
    sigma: float = 1.0

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def change(frame: Frame, _time: float) -> Frame:
            soft = cv2.GaussianBlur(frame, (0, 0), self.sigma)
            return cv2.addWeighted(frame, 1 + self.amount, soft, -self.amount, 0)

        return on_frames(clip, change)


_filter = partial(Attack, family="photometric")
ATTACKS: tuple[Attack, ...] = (
    _filter(
        name="gaussian_blur",
        summary="out of focus",
        unit="pixels (σ)",
        ladder=(0.5, 1.0, 1.5, 2.0, 3.0, 5.0),
        default=1.0,
        draw=lambda s, _rng: GaussianBlur(sigma=within("sigma", s, 0.05, 100)),
    ),
    _filter(
        name="motion_blur",
        summary="smeared along a line in any direction",
        unit="pixels",
        ladder=(3.0, 5.0, 9.0, 15.0, 25.0),
        default=9.0,
        draw=lambda s, rng: MotionBlur(
            length=within("length", s, 1, 101), degrees=rng.uniform(0, 180)
        ),
    ),
    _filter(
        name="median",
        summary="median filter",
        unit="pixels a side",
        ladder=(3.0, 5.0, 7.0),
        default=3.0,
        draw=lambda s, _rng: Median(side=round(within("side", s, 1, 31)) // 2 * 2 + 1),
    ),
    _filter(
        name="bilateral",
        summary="denoised by a filter that keeps edges",
        unit="levels (σ)",
        ladder=(10.0, 25.0, 50.0, 100.0),
        default=25.0,
        draw=lambda s, _rng: Bilateral(sigma=within("sigma", s, 1, 500)),
    ),
    _filter(
        name="nlmeans",
        summary="denoised by non-local means",
        unit="levels (h)",
        ladder=(3.0, 6.0, 10.0),
        default=3.0,
        draw=lambda s, _rng: NonLocalMeans(h=within("h", s, 0.1, 50)),
    ),
    _filter(
        name="temporal_denoise",
        summary="denoised over time, as encoders' prefilters do",
        unit="levels",
        ladder=(2.0, 4.0, 8.0, 16.0),
        default=4.0,
        draw=lambda s, _rng: TemporalDenoise(strength=within("strength", s, 0.1, 255)),
    ),
    _filter(
        name="sharpen",
        summary="unsharp mask",
        unit="amount",
        ladder=(0.5, 1.0, 2.0, 4.0),
        default=1.0,
        draw=lambda s, _rng: Sharpen(amount=within("amount", s, 0, 20)),
    ),
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        GaussianBlur, MotionBlur, Median, Bilateral, NonLocalMeans, TemporalDenoise, Sharpen,
    )
}  # fmt: skip
