"""The fingerprint of pictures: what a film looks like from afar, second by second.

A second is the mean of its pictures on 16 × 10 cells, less most of the light and shade around each
cell, in 3 bits. Means over a second care neither about the frame rate nor about where a second
begins: shifted ones are nearly mixtures of neighbours. Cells stay where they are in the picture, so
that a crop, bars or another shape can be tried out when two fingerprints are compared
(:mod:`provenance.fingerprint.video_match`), which a hash of the whole picture cannot offer.

Libraries that were looked at and not taken: PDQ and vPDQ (Meta; the hash is of the whole picture,
so a crop to 70 % loses it; ``pdqhash`` and ``vpdq`` need a compiler or an FFmpeg program), the
MPEG-7 video signature (ISO/IEC 15938-3 Amd. 4; FFmpeg has it as a GPL filter that PyAV's wheel
lacks, and it is for whole pictures, too), ``videohash`` (one hash for a file: no parts are found,
needs an FFmpeg program).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from provenance.errors import FrameError
from provenance.fingerprint.geometry import COLUMNS, ROWS
from provenance.fingerprint.packing import unpacked

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

ALGORITHM: Final = "org.everyframe.fingerprint.video.1"
STEP_S: Final = 1.0
_MAGIC, _VERSION = b"EFv", 1
_HEADER = struct.Struct("<3sBfI")
_LOOKS_A_SECOND = 8
LOOKED_S = 60.0  # of a film whose looks are kept; what compares them takes time by its square
_LINES = 120
_LEAST_LOOKS = 3  # a second that is seen less is left out, unless there is no other
_SHADE, _SHADE_CELLS = 0.7, 3.0
REACH = 2.2  # standard deviations that the levels span
_TOP = 7  # of 3 bits
_CELLS = ROWS * COLUMNS
_PACKED = 1 + _CELLS * 3 // 8  # bytes a second
_STDS_A_DOUBLING = 16.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoFingerprint:
    """``levels``: (N, 10, 16) uint8 of 0…7, a row for each second from the first picture on.

    ``texture``: (N,) float32, how much the cells differ, in levels of 8 bits. ``duration_s`` is
    that of the film: the last second may be a short one.
    """

    duration_s: float
    levels: NDArray[np.uint8]
    texture: NDArray[np.float32]

    @property
    def cells(self) -> NDArray[np.float32]:
        """(N, 10, 16) float32: the levels about zero, as they are compared."""
        return np.asarray(self.levels, np.float32) - _TOP / 2

    def between(self, start_s: float, end_s: float) -> VideoFingerprint:
        """The whole seconds from ``start_s`` to ``end_s``, and those that they begin or end in."""
        first, last = int(start_s / STEP_S), math.ceil(end_s / STEP_S)
        if first <= 0 and last >= len(self.levels):
            return self
        levels = self.levels[first:last]
        return VideoFingerprint(
            duration_s=len(levels) * STEP_S, levels=levels, texture=self.texture[first:last]
        )

    def to_bytes(self) -> bytes:
        """61 bytes a second, and 12."""
        bits = np.unpackbits(self.levels.reshape(-1, _CELLS, 1), axis=2)[:, :, 5:]
        packed = np.packbits(bits.reshape(len(self.levels), -1), axis=1)
        loud = np.rint(_STDS_A_DOUBLING * np.log2(1 + self.texture)).clip(0, 255).astype(np.uint8)
        rows = np.concatenate([loud[:, None], packed], axis=1)
        header = _HEADER.pack(_MAGIC, _VERSION, self.duration_s, len(self.levels))
        return header + rows.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> VideoFingerprint:
        """Raises :class:`ValueError` for what :meth:`to_bytes` did not make."""
        duration_s, rows = unpacked(data, _MAGIC, _VERSION, _HEADER, _PACKED)
        bits = np.unpackbits(rows[:, 1:], axis=1).reshape(len(rows), _CELLS, 3)
        levels = np.packbits(bits, axis=2)[:, :, 0] >> np.uint8(5)
        return cls(
            duration_s=duration_s,
            levels=np.asarray(levels, np.uint8).reshape(-1, ROWS, COLUMNS),
            texture=np.exp2(rows[:, 0].astype(np.float32) / _STDS_A_DOUBLING) - 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """Single pictures before they are added up to seconds: ``means`` (N, 10, 16) float32 of the
    cells in levels of 8 bits, at ``times_s`` (N,) after the first.
    """

    times_s: NDArray[np.float64]
    means: NDArray[np.float32]

    def between(self, start_s: NDArray[np.float64], end_s: NDArray[np.float64]) -> NDArray[Any]:
        """(T, 10, 16) float32: the cells of the mean from each start (T,) to its end, about zero
        as :attr:`VideoFingerprint.cells` are. NaN where there was no look.
        """
        first, last = np.searchsorted(self.times_s + 1e-3, [start_s, end_s])
        count = (last - first)[:, None, None]
        sums = np.concatenate([np.zeros((1, ROWS, COLUMNS)), self.means.cumsum(0, np.float64)])
        seen = count[:, 0, 0] > 0
        cells = np.full((len(start_s), ROWS, COLUMNS), np.nan, np.float32)
        if seen.any():
            means = (sums[last] - sums[first])[seen] / count[seen]
            cells[seen] = _units(means.astype(np.float32))[0] * (_TOP / 2)
        return cells


@dataclass(slots=True)
class VideoFingerprinter:
    """Takes pictures as they come and keeps 160 numbers of each second.

    ``rate``: pictures a second, from which the end of the last one follows.
    """

    rate: Fraction | float
    _sum: NDArray[np.float64] = field(default_factory=lambda: np.zeros((ROWS, COLUMNS)))
    _looks: int = 0
    _second: int = 0
    _start_s: float | None = None
    _next_s: float = 0.0
    _last_s: float = 0.0
    _means: list[NDArray[np.float32]] = field(default_factory=list)
    _counts: list[int] = field(default_factory=list)
    _seen: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)

    def add(self, luma: NDArray[Any], times_s: Any, *, bits: int = 8) -> None:
        """``luma``: (T, H, W) or (H, W), uint8 or uint16 of ``bits``; ``times_s``: (T,) seconds, or
        one number. Times do not fall; eight pictures a second are looked at.

        Raises :class:`FrameError` for other shapes.
        """
        block = luma[None] if luma.ndim == 2 else luma
        times = np.atleast_1d(np.asarray(times_s, np.float64))
        if block.ndim != 3 or times.shape != block.shape[:1]:
            raise FrameError(
                f"luma of shape {luma.shape} at {times.shape} times",
                hint="give (T, H, W) and a time for each picture",
            )
        for plane, time_s in zip(block, times.tolist(), strict=True):
            if self._start_s is None:
                self._start_s = self._next_s = time_s
            self._last_s = max(self._last_s, time_s - self._start_s)
            # A grain of tolerance: times of files are rounded to their clock.
            if time_s + 1e-3 >= self._next_s:
                self._look(plane, time_s - self._start_s, bits)
                self._next_s = max(self._next_s + 1 / _LOOKS_A_SECOND, time_s)

    def finish(self) -> VideoFingerprint:
        """The fingerprint of what was added; empty when nothing was."""
        if self._looks:
            self._end_second()
        if self._start_s is None:
            return VideoFingerprint(
                duration_s=0.0,
                levels=np.zeros((0, ROWS, COLUMNS), np.uint8),
                texture=np.zeros(0, np.float32),
            )
        means = np.stack(self._means)
        if len(means) > 1 and self._counts[-1] < _LEAST_LOOKS:
            means = means[:-1]
        levels, texture = _levels(means)
        duration_s = self._last_s + float(1 / self.rate)
        return VideoFingerprint(duration_s=duration_s, levels=levels, texture=texture)

    def _look(self, plane: NDArray[Any], time_s: float, bits: int) -> None:
        second = int(time_s / STEP_S)
        if second > self._second:
            gap = second - self._second
            self._end_second()
            # A still that is shown for long is one picture: it stands for its seconds.
            self._means += [self._means[-1]] * (gap - 1)
            self._counts += [_LEAST_LOOKS] * (gap - 1)
            self._second = second
        # Some lines are enough for a mean over a second, and most of the cost is reading them.
        lines = plane[:: max(1, len(plane) // _LINES)]
        small = cv2.resize(lines, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
        levels = np.asarray(small, np.float64) / (1 << (bits - 8))
        self._sum += levels
        self._looks += 1
        if time_s < LOOKED_S:
            self._seen.append((time_s, levels.astype(np.float32)))

    @property
    def looks(self) -> Looks | None:
        """What was seen picture by picture; None of films of more than ``LOOKED_S`` seconds, whose
        looks are not all kept.
        """
        if not self._seen or self._last_s >= LOOKED_S:
            return None
        times, means = zip(*self._seen, strict=True)
        return Looks(times_s=np.array(times), means=np.stack(means))

    def _end_second(self) -> None:
        self._means.append((self._sum / max(self._looks, 1)).astype(np.float32))
        self._counts.append(self._looks)
        self._sum = np.zeros((ROWS, COLUMNS))
        self._looks = 0


def _levels(means: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    units, texture = _units(means)
    return np.rint((units + 1) / 2 * _TOP).astype(np.uint8), texture


def less_shade(means: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 10, 16) ``means`` less most of the light and shade around each cell, and their mean."""
    shade = np.stack([cv2.GaussianBlur(mean, (0, 0), _SHADE_CELLS) for mean in means])
    fine = means - _SHADE * shade
    return np.asarray(fine - fine.mean((1, 2), keepdims=True), np.float32)


def _units(means: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(cells in -1…1, texture) of (N, 10, 16) ``means``."""
    fine = less_shade(means)
    texture = fine.std((1, 2))
    unit = fine / (np.maximum(texture, 1e-3) * REACH)[:, None, None]
    return np.clip(unit, -1, 1), texture.astype(np.float32)
