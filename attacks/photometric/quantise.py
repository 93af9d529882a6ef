"""Coarser levels: JPEG frames, banding, dithering, coarse chroma."""

from __future__ import annotations

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
class Jpeg:
    """Every frame through baseline JPEG 4:2:0 of libjpeg's ``quality`` 1…100."""

    quality: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        options = [
            cv2.IMWRITE_JPEG_QUALITY,
            self.quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        ]

        def change(frame: Frame, _time: float) -> Frame:
            _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)
            decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
            return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)

        return on_frames(clip, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterise:
    """``levels`` levels a channel, evenly from black to white: flat areas show bands.

    ``dither``: the pattern of Bayer (1973), 8 × 8, breaks the bands up.
    """

    levels: int
    dither: bool = False

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        step = 255 / (self.levels - 1)
        # Row t of the table is what becomes of the levels where the pattern has threshold t.
        thresholds = (np.arange(64)[:, None] + 0.5) / 64 if self.dither else np.full((1, 1), 0.5)
        table = np.floor(np.arange(256) / step + thresholds) * step
        table = np.clip(np.rint(table), 0, 255).astype(np.uint8)
        if not self.dither:
            return on_frames(clip, lambda frame, _: cv2.LUT(frame, table))
        height, width = clip.video.height, clip.video.width
        tiled = np.tile(bayer(), (-(-height // 8), -(-width // 8)))[:height, :width]
        rows = (tiled.astype(np.int32) * 256)[..., None]
        flat = table.ravel()
        return on_frames(clip, lambda frame, _: flat[rows + frame])


def bayer() -> NDArray[np.int64]:
    """(8, 8) of the numbers 0…63, as even in every part as they can be."""
    pattern = np.zeros((1, 1), np.int64)
    for _ in range(3):
        pattern = 4 * np.tile(pattern, (2, 2)) + np.repeat(
            np.repeat(np.array([[0, 2], [3, 1]]), len(pattern), 0), len(pattern), 1
        )
    return pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaSubsample:
    """Both chroma planes at 1/``factor`` of the sides that they have, and back; luma stays."""

    factor: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def coarse(plane: NDArray[Any]) -> NDArray[Any]:
            rows, columns = plane.shape
            small = (-(-columns // self.factor), -(-rows // self.factor))
            low = cv2.resize(plane, small, interpolation=cv2.INTER_AREA)
            return cv2.resize(low, (columns, rows), interpolation=cv2.INTER_LINEAR)

        def pictures() -> Iterator[Picture]:
            for picture in clip.pictures():
                luma, *chroma = picture.planes
                yield picture.with_planes([luma, *map(coarse, chroma)])

        return clip.changed(pictures=pictures)


def _levels(bits: float) -> int:
    return int(2 ** round(within("bits", bits, 1, 8)))


_quantise = partial(Attack, family="photometric")
ATTACKS: tuple[Attack, ...] = (
    _quantise(
        name="jpeg",
        summary="every frame a JPEG",
        unit="quality",
        ladder=(95.0, 90.0, 75.0, 50.0, 30.0, 10.0),
        default=50.0,
        draw=lambda s, _rng: Jpeg(quality=round(within("quality", s, 1, 100))),
    ),
    _quantise(
        name="posterize",
        summary="fewer levels, in bands",
        unit="bits a channel",
        ladder=(6.0, 5.0, 4.0, 3.0),
        default=5.0,
        draw=lambda s, _rng: Posterise(levels=_levels(s)),
    ),
    _quantise(
        name="dither",
        summary="fewer levels, in a pattern",
        unit="bits a channel",
        ladder=(6.0, 5.0, 4.0, 3.0, 1.0),
        default=4.0,
        draw=lambda s, _rng: Posterise(levels=_levels(s), dither=True),
    ),
    _quantise(
        name="chroma_subsample",
        summary="coarser colour",
        unit="times as coarse",
        ladder=(2.0, 4.0, 8.0),
        default=4.0,
        draw=lambda s, _rng: ChromaSubsample(factor=round(within("factor", s, 1, 64))),
    ),
)
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Jpeg, Posterise, ChromaSubsample)}
