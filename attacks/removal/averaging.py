"""Removal by means: over the frames of one clip, over the tiles of a frame, over marked copies."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import cv2
import numpy as np

from attacks.base import Attack, whole_within
from attacks.clip import on_luma
from attacks.removal.estimation import (
    at_psnr,
    budget,
    laid_out,
    mean_tile,
    static_residual,
    tile_period,
    with_added,
)
from provenance.errors import OptionError
from provenance.quality.levels import levels
from provenance.video import picture_from_rgb, rgb_from_picture
from provenance.watermark.perception import visibility_bound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attacks.base import Desk, Transform
    from attacks.clip import Clip
    from provenance.video import Picture

Mean = Literal["mean", "median"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtractStatic:
    """What all frames have in common, their mean detail, is taken away, at ``psnr_db`` dB."""

    psnr_db: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        change = -at_psnr(static_residual(clip).mean, self.psnr_db)
        bits = clip.video.bits
        return on_luma(clip, lambda luma, _: with_added(luma, change, bits))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtractTile:
    """What all tiles of all frames have in common is taken away, at ``psnr_db`` dB.

    The attacker knows how large the tile is and how loud the mark is where, both of which are in
    public code, and no key. The clip must lie as it was marked.
    """

    psnr_db: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, height, bits = clip.video.width, clip.video.height, clip.video.bits
        period = tile_period(width, height)
        tile = mean_tile(static_residual(clip), period)
        pattern = laid_out(tile, period, width, height)

        def without(luma: NDArray[Any], _: float) -> NDArray[Any]:
            change = at_psnr(pattern * loudness(levels(luma, bits)), self.psnr_db)
            return with_added(luma, -change, bits)

        return on_luma(clip, without)


def loudness(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) how loud our mark may be in a frame (H, W), in levels, movement aside: that of a
    frame that is not a clip's first.
    """
    height, width = luma.shape
    scale = min(1.0, 240 / min(height, width))
    size = (round(width * scale), round(height * scale))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    bound = visibility_bound(small, small)
    return np.asarray(cv2.resize(bound, (width, height)), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collude:
    """The clip and ``copies`` − 1 others of the same original, marked under other keys, become
    one: each sample is their mean, or median.

    What they share is the picture. In a mean of n copies each mark keeps 1/n of its amplitude;
    order statistics such as the median can leave less (Stone, "Analysis of attacks on image
    watermarks with randomized coefficients", 1996).
    """

    copies: int
    by: Mean

    def __post_init__(self) -> None:
        if self.by not in get_args(Mean):
            raise OptionError(f"colluding by {self.by!r} is unknown", hint="mean or median")

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        others = desk.require_accomplice("collusion").copies(self.copies - 1)
        clips = (clip, *others)
        for other in others:
            if (other.video.width, other.video.height, other.frames) != (
                clip.video.width,
                clip.video.height,
                clip.frames,
            ):
                raise OptionError(
                    "the copies to collude with differ in size or length",
                    hint="give copies of the same original",
                )

        def pictures() -> Iterator[Picture]:
            with ExitStack() as opened:
                passes = [opened.enter_context(closing(c.pictures())) for c in clips]  # type: ignore[type-var]
                for group in zip(*passes, strict=False):
                    frames = [rgb_from_picture(picture) for picture in group]
                    frame = _together(frames, self.by)
                    yield picture_from_rgb(frame, time=group[0].time, spec=clip.video)

        return clip.changed(pictures=pictures)


def _together(frames: list[NDArray[np.uint8]], by: Mean) -> NDArray[np.uint8]:
    if by == "median":
        middle = np.median(np.stack(frames), axis=0)
        return np.asarray(np.rint(middle), np.uint8)
    total = np.zeros(frames[0].shape, np.float32)
    for frame in frames:
        total += frame
    return np.asarray(np.rint(total / np.float32(len(frames))), np.uint8)


def draw_static(strength: float, _: np.random.Generator) -> Transform:
    return SubtractStatic(psnr_db=budget(strength))


def draw_tile(strength: float, _: np.random.Generator) -> Transform:
    return SubtractTile(psnr_db=budget(strength))


def draw_mean(strength: float, _: np.random.Generator) -> Transform:
    return Collude(copies=_copies(strength), by="mean")


def draw_median(strength: float, _: np.random.Generator) -> Transform:
    return Collude(copies=_copies(strength), by="median")


def _copies(strength: float) -> int:
    return whole_within("copies", strength, 2, 32)


_BUDGET = "PSNR of the change in dB"

ATTACKS: tuple[Attack, ...] = (
    Attack(
        name="subtract_static",
        family="removal",
        summary="the mean detail of all frames is subtracted",
        unit=_BUDGET,
        ladder=(50.0, 46.0, 42.0, 38.0),
        default=42.0,
        draw=draw_static,
    ),
    Attack(
        name="subtract_tile",
        family="removal",
        summary="the mean tile of all frames is subtracted, its size being known",
        unit=_BUDGET,
        ladder=(50.0, 46.0, 42.0, 38.0),
        default=42.0,
        draw=draw_tile,
    ),
    Attack(
        name="collude_mean",
        family="removal",
        summary="mean of copies that are marked under different keys",
        unit="copies",
        ladder=(2.0, 3.0, 5.0, 9.0),
        default=3.0,
        draw=draw_mean,
        needs=frozenset({"copies"}),
    ),
    Attack(
        name="collude_median",
        family="removal",
        summary="median of copies that are marked under different keys",
        unit="copies",
        ladder=(3.0, 5.0, 9.0),
        default=3.0,
        draw=draw_median,
        needs=frozenset({"copies"}),
    ),
)
KINDS: dict[str, type[Transform]] = {
    "SubtractStatic": SubtractStatic,
    "SubtractTile": SubtractTile,
    "Collude": Collude,
}
