"""Soft maps of a clip, window of time by window of time, in bounded memory.

Frames are averaged a few at a time before they are listened to (same evidence, a fraction of the
work), and what they say is kept for a bounded number of windows: when there are more, neighbours
are merged, so that an hour needs no more memory than a minute.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from provenance.watermark.opening import folds
from provenance.watermark.shake import moved_back
from provenance.watermark.shots import Shots, glance
from provenance.watermark.sync import THREADS, Folds, clipped
from provenance.watermark.tile import CELLS_PER_SHORT_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.watermark.roles import Extractor

_FRAMES_PER_MEAN = 8
_MEAN_S = 0.25
_MOST_WINDOWS = 128
FINE = -1  # the level for cells half as large, made only when it is asked for
LEVELS = 2  # level n listens for cells 2ⁿ times as large as a frame of this size is marked with


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What ``frames`` frames from ``start_s`` to ``end_s`` said: a soft map for each level.

    ``maps``: float16, level 0 about 240 pixels on the short side, each further level half of that.
    ``picture``: the mean of the frames, uint8, 480 pixels on the short side, of which a finer map
    can be made; of merged windows, one of theirs. None where it was not kept.
    """

    start_s: float
    end_s: float
    frames: int
    maps: tuple[NDArray[np.float16], ...]
    picture: NDArray[np.uint8] | None = None


class Evidence:
    """Collects the soft maps of frames of one size, (``height``, ``width``).

    With ``pictures``, what a finer map can be made of is kept as well.
    """

    def __init__(
        self, extractor: Extractor, *, width: int, height: int, pictures: bool = False
    ) -> None:
        self._extractor = extractor
        grain = extractor.pixels_per_cell * CELLS_PER_SHORT_SIDE
        scale = grain / min(width, height)
        self._sizes = [
            (max(8, round(width * scale / 2**n)), max(8, round(height * scale / 2**n)))
            for n in (FINE, *range(LEVELS))
        ]
        self._keeps = pictures
        self._sum: NDArray[np.float32] | None = None
        self._count = 0
        self._first_s = 0.0
        self._start_s = 0.0
        self._last_s = 0.0
        self._step_s = 0.0
        self._windows: list[Window] = []
        self.totals = [np.zeros(size[::-1], np.float32) for size in self._sizes[1:]]
        self._openings = [np.zeros_like(total) for total in self.totals]
        self._shots = Shots()
        self._opens = False  # whether a shot begins with the mean that is being taken
        self._first: list[NDArray[np.float32]] = []  # maps of the first mean
        self.frames = 0

    @property
    def seconds(self) -> float:
        """Time covered so far, the last frame's own duration included."""
        return self._last_s + self._step_s - self._first_s

    def add(self, luma: NDArray[Any], *, time_s: float, bits: int) -> bool:
        """Take in a frame; True when this completed a mean, so that there is news to ask for."""
        done = False
        begins = self._shots.begins(glance(luma), bits=bits)
        if self._count and (
            begins or self._count >= _FRAMES_PER_MEAN or time_s - self._start_s >= _MEAN_S - 1e-6
        ):
            self.flush()
            done = True
        if self._count == 0:
            self._start_s, self._opens = time_s, begins
            self._sum = np.zeros(luma.shape, np.float32)
        assert self._sum is not None
        if bits == 8:
            cv2.accumulate(luma, self._sum)
        else:
            self._sum += luma * np.float32(2.0 ** (8 - bits))
        if self.frames:
            self._step_s = max(0.0, time_s - self._last_s)
        else:
            self._first_s = time_s
        self._last_s = time_s
        self._count += 1
        self.frames += 1
        return done

    def flush(self) -> None:
        """Listen to the frames since the last mean."""
        if not self._count or self._sum is None:
            return
        maps = []
        mean: NDArray[Any] = self._sum / np.float32(self._count)
        picture = None
        if self._keeps:
            # Rounded to a quarter of a step of noise: the codec's own is far above.
            shown = _resized(mean, self._sizes[0])
            picture = np.rint(shown).astype(np.uint8)
        for level, size in enumerate(self._sizes[1:]):
            mean = _resized(mean, size)
            # Not times the count: averaging has already quietened what the bands divide by.
            soft = self._extractor.soft_map(np.asarray(mean, np.float32))
            self.totals[level] += soft
            if self._opens:
                self._openings[level] += soft
            if self.frames == self._count:
                self._first.append(soft)
            maps.append(soft.astype(np.float16))
        end_s = self._last_s + self._step_s
        self._windows.append(
            Window(
                start_s=self._start_s,
                end_s=end_s,
                frames=self._count,
                maps=tuple(maps),
                picture=picture,
            )
        )
        self._count = 0
        if len(self._windows) > _MOST_WINDOWS:
            pairs = zip(self._windows[::2], self._windows[1::2], strict=False)
            rest = self._windows[-1:] if len(self._windows) % 2 else []
            self._windows = [_merged(a, b) for a, b in pairs] + rest

    def shape(self, level: int) -> tuple[int, int]:
        """(H, W) of a map of ``level``."""
        width, height = self._sizes[level - FINE]
        return height, width

    def fine_map(self, window: Window) -> NDArray[np.float32]:
        """The map of level ``FINE`` of a window that has a picture."""
        assert window.picture is not None
        return self._extractor.soft_map(window.picture.astype(np.float32))

    @property
    def finer(self) -> bool:
        """Whether there are pictures of which a finer map can be made."""
        return self._keeps and bool(self._windows)

    def fine_total(self, slips: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """The sum of the fine maps of the windows kept, if there are pictures of them.

        ``slips``: (n, 2), each is moved back by so many pixels (x, y) of level 0.
        """
        still = np.zeros((len(self._windows), 2))

        def fine(window: Window, slip: NDArray[np.float64]) -> NDArray[np.float32]:
            return moved_back(self.fine_map(window), slip * 2.0**-FINE)

        total = np.zeros(self.shape(FINE), np.float32)
        with ThreadPoolExecutor(THREADS) as pool:
            for soft in pool.map(fine, self._windows, still if slips is None else slips):
                total += soft
        return total

    def maps(self) -> list[NDArray[np.float32]]:
        """The maps of level 0 of the windows kept, outliers cut off."""
        return [clipped(window.maps[0].astype(np.float32)) for window in self._windows]

    def move_back(self, slips: NDArray[np.float64]) -> None:
        """Moves what the windows kept say by −``slips``, (n, 2) pixels (x, y) of level 0."""
        self._windows = [moved(w, slip) for w, slip in zip(self._windows, slips, strict=True)]

    @property
    def full(self) -> bool:
        """Whether the next window makes neighbours one, which blurs what happens when."""
        return len(self._windows) >= _MOST_WINDOWS

    def take(self) -> tuple[Window, ...]:
        """The windows kept so far, which are then forgotten; ``totals`` keep what they said."""
        taken, self._windows = tuple(self._windows), []
        return taken

    def folds(self) -> list[Folds]:
        """What was heard so far, for each level: a map to search, openings weighed more."""
        return [
            folds(opening, total - opening)
            for opening, total in zip(self._openings, self.totals, strict=True)
        ]

    def even_folds(self) -> list[Folds]:
        """As :meth:`folds`, openings weighed as the rest."""
        return [Folds(clipped(total)) for total in self.totals]

    def beginning(self, seconds: float) -> list[Folds]:
        """As :meth:`folds`, of the first ``seconds``."""
        first = [w for w in self._windows if w.start_s < self._windows[0].start_s + seconds - 1e-6]
        totals = (
            np.sum([w.maps[level] for w in first], axis=0, dtype=np.float32)
            for level in range(len(self.totals))
        )
        # Windows that were merged do not tell the later openings apart.
        return [
            folds(opening, total - opening)
            for opening, total in zip(self._first, totals, strict=True)
        ]

    @property
    def windows(self) -> tuple[Window, ...]:
        """What was heard so far, in order of time."""
        return tuple(self._windows)


def _resized(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    shrinking = size[0] < plane.shape[1]
    way = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, size, interpolation=way), np.float32)


def moved(window: Window, slip: NDArray[np.float64]) -> Window:
    """What ``window`` would have said −``slip`` pixels (x, y) of level 0 away."""
    maps = [
        moved_back(soft.astype(np.float32), slip / 2**level).astype(np.float16)
        for level, soft in enumerate(window.maps)
    ]
    shown = window.picture
    if shown is not None:
        shown = moved_back(shown, slip * 2.0**-FINE)
    return replace(window, maps=tuple(maps), picture=shown)


def _merged(first: Window, second: Window) -> Window:
    return Window(
        start_s=first.start_s,
        end_s=second.end_s,
        frames=first.frames + second.frames,
        maps=tuple(a + b for a, b in zip(first.maps, second.maps, strict=True)),
        picture=first.picture,
    )
