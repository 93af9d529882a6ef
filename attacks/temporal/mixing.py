"""New frames out of neighbouring ones: averaged over time, and interpolated by optical flow.

Samples are mixed plane by plane, in the bits that the clip has.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise, repeat
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attacks.base import Attack, within
from attacks.clip import at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from numpy.typing import NDArray

    from attacks.base import Desk
    from attacks.clip import Clip
    from provenance.video import Picture

# Motion is looked for in pictures whose short side is about this long: enough for what moves, and
# several times as fast as in full.
FLOW_SIDE = 240
# DIS compares patches of 8 pixels on a pyramid: below this it finds nothing.
LEAST_FLOW_SIDE = 64


def frames_over(duration_s: float, rate: Fraction) -> int:
    """How many frames at ``rate`` begin in that time, at least one."""
    return max(1, math.ceil(duration_s * float(rate) - 1e-6))


def mixed(one: Picture, two: Picture, share: float) -> Picture:
    """(1 − share)·one + share·two, at the time of ``one``."""
    if share <= 0:
        return one
    planes = (
        cv2.addWeighted(p, 1 - share, q, share, 0)
        for p, q in zip(one.planes, two.planes, strict=True)
    )
    return one.with_planes(tuple(planes))


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameAverage:
    """Every frame becomes the mean of the ``window`` frames around it (fewer at the ends).

    ``window`` is odd. The temporal window average of the field, e.g. in Meta's VideoSeal.
    """

    window: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        half = self.window // 2

        def pictures() -> Iterator[Picture]:
            held: deque[Picture] = deque()
            totals: list[NDArray[np.float32]] = []
            first = 0  # the number of the frame that is held longest
            for number, picture in enumerate(chain(clip.pictures(), repeat(None, half))):
                if picture is not None:
                    held.append(picture)
                    if not totals:
                        totals = [np.zeros(plane.shape, np.float32) for plane in picture.planes]
                    for total, plane in zip(totals, picture.planes, strict=True):
                        cv2.accumulate(plane, total)
                centre = number - half
                if centre < 0:
                    continue
                while first < centre - half:
                    for total, plane in zip(totals, held.popleft().planes, strict=True):
                        np.subtract(total, plane, out=total)
                    first += 1
                like = held[centre - first]
                kind = like.luma.dtype
                # Sums of so few samples are exact in float32, also after many additions.
                means = [np.add(total / len(held), 0.5).astype(kind) for total in totals]
                yield like.with_planes(means)

        return clip.changed(pictures=pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolate:
    """``factor`` times the frame rate: between two frames, new ones by motion compensation.

    Motion is dense inverse search (Kroeger et al. 2016, arXiv:1603.03590); both neighbours are
    moved along it to the new time and mixed. The last frame is repeated.
    """

    factor: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        rate = clip.video.rate * self.factor
        end = frames_over(clip.duration_s, rate) / rate

        def pictures() -> Iterator[Picture]:
            search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
            last: Picture | None = None
            with closing(clip.pictures()) as source:  # type: ignore[type-var]
                for one, two in pairwise(chain(source, (None,))):
                    assert one is not None
                    yield one
                    if two is None:
                        last = one
                        break
                    flow = _motion(search, one, two)
                    step = (two.time - one.time) / self.factor
                    for number in range(1, self.factor):
                        share = number / self.factor
                        yield at(_moved(one, two, flow, share), one.time + number * step)
            assert last is not None
            for number in range(1, self.factor):
                time = last.time + number / rate
                if time < end:
                    yield at(last, time)

        return clip.changed(pictures=pictures, video=replace(clip.video, rate=rate))


def _motion(search: Any, one: Picture, two: Picture) -> NDArray[np.float32]:
    """Where every pixel of ``one`` is in ``two``: (H, W, 2) x and y in pixels."""
    height, width = one.luma.shape
    scale = max(min(1.0, FLOW_SIDE / min(height, width)), LEAST_FLOW_SIDE / min(height, width))
    size = (round(width * scale), round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = [
        cv2.resize((p.luma >> (p.bits - 8)).astype(np.uint8), size, interpolation=method)
        for p in (one, two)
    ]
    flow = search.calc(*small, None)
    flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    moved: NDArray[np.float32] = flow * np.array([width / size[0], height / size[1]], np.float32)
    return moved


def _moved(one: Picture, two: Picture, flow: NDArray[np.float32], share: float) -> Picture:
    planes = []
    for p, q in zip(one.planes, two.planes, strict=True):
        rows, columns = p.shape
        ratio = np.array([columns / flow.shape[1], rows / flow.shape[0]], np.float32)
        near = flow if flow.shape[:2] == p.shape else cv2.resize(flow, (columns, rows))
        move = near * ratio
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        ahead = _fetch(p, x - share * move[..., 0], y - share * move[..., 1])
        back = _fetch(q, x + (1 - share) * move[..., 0], y + (1 - share) * move[..., 1])
        planes.append(cv2.addWeighted(ahead, 1 - share, back, share, 0))
    return one.with_planes(planes)


def _fetch(plane: NDArray[Any], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[Any]:
    fetched: NDArray[Any] = cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return fetched


_mixing = partial(Attack, family="temporal")
ATTACKS: tuple[Attack, ...] = (
    _mixing(
        name="frame_average",
        summary="every frame the mean of those around it",
        unit="frames in the window",
        ladder=(3.0, 5.0, 7.0, 9.0, 15.0),
        default=3.0,
        draw=lambda s, _rng: FrameAverage(window=round(within("window", s, 1, 99)) // 2 * 2 + 1),
    ),
    _mixing(
        name="frame_interpolation",
        summary="more frames a second by optical flow",
        unit="times the rate",
        ladder=(2.0, 4.0),
        default=2.0,
        draw=lambda s, _rng: Interpolate(factor=round(within("factor", s, 2, 8))),
    ),
)
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (FrameAverage, Interpolate)}
