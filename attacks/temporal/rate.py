"""Attacks on time: frames lost, doubled, swapped, another frame rate, another speed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.base import Attack, Chain, drawn_seed, within
from attacks.clip import at
from attacks.temporal.mixing import Interpolate, frames_over, mixed
from attacks.temporal.soundtrack import varispeed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attacks.base import Desk
    from attacks.clip import Clip
    from provenance.video import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFrames:
    """Each frame but the first is lost with probability ``share``. The rest keep their times."""

    share: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def pictures() -> Iterator[Picture]:
            rng = np.random.default_rng(self.seed)
            for number, picture in enumerate(clip.pictures()):
                if rng.random() >= self.share or number == 0:
                    yield picture

        return clip.changed(pictures=pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFrames:
    """Each frame is replaced, with probability ``share``, by the one shown before it."""

    share: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def pictures() -> Iterator[Picture]:
            rng = np.random.default_rng(self.seed)
            shown: Picture | None = None
            for picture in clip.pictures():
                if rng.random() >= self.share or shown is None:
                    shown = picture
                yield at(shown, picture.time)

        return clip.changed(pictures=pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFrames:
    """The two frames of each pair (0 and 1, 2 and 3…) change places with probability ``share``."""

    share: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def pictures() -> Iterator[Picture]:
            rng = np.random.default_rng(self.seed)
            first: Picture | None = None
            for picture in clip.pictures():
                if first is None:
                    first = picture
                    continue
                one, two = (first, picture) if rng.random() >= self.share else (picture, first)
                yield at(one, first.time)
                yield at(two, picture.time)
                first = None
            if first is not None:
                yield first

        return clip.changed(pictures=pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRate:
    """``factor`` times the frame rate over the same time; sound stays.

    A new frame is the nearest old one, or, with ``blend``, the two around it mixed by distance.
    """

    factor: float
    blend: bool = False

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        rate = clip.video.rate * Fraction(self.factor).limit_denominator(1000)
        count = frames_over(clip.duration_s, rate)

        def between(before: Picture, after: Picture, time: Fraction) -> Picture:
            share = float((time - before.time) / (after.time - before.time))
            if not self.blend:
                return before if share <= 0.5 else after
            return mixed(before, after, share)

        def pictures() -> Iterator[Picture]:
            number = 0
            with closing(clip.pictures()) as source:  # type: ignore[type-var]
                before = next(source)
                for after in source:
                    while number < count and number / rate < after.time:
                        time = number / rate
                        yield at(between(before, after, time), time)
                        number += 1
                    before = after
            for rest in range(number, count):
                yield at(before, rest / rate)

        return clip.changed(pictures=pictures, video=replace(clip.video, rate=rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """All frames, shown ``factor`` times as fast; the sound is resampled, so its pitch follows."""

    factor: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        factor = Fraction(self.factor).limit_denominator(1000)

        def pictures() -> Iterator[Picture]:
            for picture in clip.pictures():
                yield at(picture, picture.time / factor)

        return clip.changed(
            pictures=pictures,
            sound=lambda: varispeed(clip, float(factor)),
            video=replace(clip.video, rate=clip.video.rate * factor),
            duration_s=clip.duration_s / float(factor),
        )


def _share(share: float) -> float:
    return within("share", share, 0.0, 1.0)


def _factor(factor: float) -> float:
    return within("factor", factor, 0.05, 8.0)


_temporal = partial(Attack, family="temporal")
ATTACKS: tuple[Attack, ...] = (
    _temporal(
        name="drop_frames",
        summary="frames lost at random; the rest keep their times",
        unit="share lost",
        ladder=(0.05, 0.1, 0.25, 0.5, 0.75, 0.9),
        default=0.25,
        draw=lambda s, rng: DropFrames(share=_share(s), seed=drawn_seed(rng)),
    ),
    _temporal(
        name="duplicate_frames",
        summary="frames replaced by the one before",
        unit="share replaced",
        ladder=(0.05, 0.1, 0.25, 0.5, 0.75),
        default=0.25,
        draw=lambda s, rng: DuplicateFrames(share=_share(s), seed=drawn_seed(rng)),
    ),
    _temporal(
        name="swap_frames",
        summary="neighbouring frames change places",
        unit="share of pairs swapped",
        ladder=(0.1, 0.25, 0.5, 1.0),
        default=0.5,
        draw=lambda s, rng: SwapFrames(share=_share(s), seed=drawn_seed(rng)),
    ),
    _temporal(
        name="frame_rate",
        summary="another frame rate by the nearest frame",
        unit="times the rate",
        ladder=(1.25, 2.0, 0.8, 0.5, 0.25, 0.1),
        default=0.5,
        draw=lambda s, _rng: FrameRate(factor=_factor(s)),
    ),
    _temporal(
        name="frame_rate_blend",
        summary="another frame rate by mixing two frames",
        unit="times the rate",
        ladder=(2.0, 1.25, 0.8, 0.4),
        default=0.8,
        draw=lambda s, _rng: FrameRate(factor=_factor(s), blend=True),
    ),
    _temporal(
        name="speed",
        summary="faster or slower, all frames and sound",
        unit="times as fast",
        ladder=(1.1, 0.9, 1.25, 0.75, 1.5, 0.5, 2.0),
        default=1.25,
        draw=lambda s, _rng: Speed(factor=_factor(s)),
    ),
    _temporal(
        name="speed_same_rate",
        summary="faster or slower as editors export it: the frame rate stays",
        unit="times as fast",
        ladder=(1.1, 0.9, 1.25, 0.75, 1.5, 0.5, 2.0),
        default=1.25,
        draw=lambda s, _rng: Chain(steps=(Speed(factor=_factor(s)), FrameRate(factor=1 / s))),
    ),
    _temporal(
        name="interpolate_dropped",
        summary="of so many frames one is kept, those between are made anew by optical flow",
        unit="frames made of one",
        ladder=(2.0, 3.0, 4.0),
        default=2.0,
        draw=lambda s, _rng: Chain(
            steps=(
                FrameRate(factor=1 / round(within("factor", s, 2, 8))),
                Interpolate(factor=round(s)),
            )
        ),
    ),
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (DropFrames, DuplicateFrames, SwapFrames, FrameRate, Speed)
}
