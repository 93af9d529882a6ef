"""Windows of evidence beside the signs of the clock's seconds: how well lines fit through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provenance.watermark.detection import ClockCells
from provenance.watermark.tile import CLOCK_CELLS, SLOT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.watermark.tile import Tile
    from provenance.watermark.timeline import Heard

_SPEEDS = (0.5, 2.0)
_STEADY_S = 3.0  # the picture's own share in the cells is known, and removed, from so much on
_STEADY_SHARE = 0.5  # of the mean: all of it would take the clock along where seconds are few
# Nats that another speed than 1 has to be worth: a codec that is slow to follow looks a bit slow.
_SPEED_MARGIN = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """``start``, ``end``: (W,) seconds. ``values``: (W, 96) clock cells, unit length each.

    ``fit``: (W, slots) correlation with each second's signs, of variance 1 where nothing is.
    ``level``: what that correlation is where the clock is.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    values: NDArray[np.float32]
    fit: NDArray[np.float32]
    level: float


def clock_cells(
    tile: Tile, track: Sequence[Heard], cells: NDArray[np.float32], pattern: NDArray[np.float32]
) -> ClockCells:
    """``cells`` (W, 1024) of ``track``; ``pattern`` (32, 32) is the steady part of the mark."""
    values = cells[:, tile.clock]
    start = np.array([piece.start_s for piece in track])
    # A single picture may last for no time at all.
    end = np.maximum([piece.end_s for piece in track], start + 1e-3)
    if end[-1] - start[0] >= _STEADY_S:
        # A picture that stands still says the same all the time, the clock does not.
        values = values - np.float32(_STEADY_SHARE) * values.mean(0)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    values = np.asarray(values / np.where(length > 0, length, 1), np.float32)
    steady = pattern.reshape(-1)
    noise = np.maximum(cells.std(1), 1e-9)
    level = float(np.median((cells @ steady) / noise)) / float(np.abs(steady).sum())
    level = max(level, 0.02) * float(np.sqrt(CLOCK_CELLS))
    return ClockCells(start_s=start, end_s=end, values=values, level=level)


def beside(cells: ClockCells, signs: NDArray[np.float32]) -> Windows:
    """``cells`` beside the ``signs`` (slots, 96) of the seconds."""
    return Windows(
        start=cells.start_s,
        end=cells.end_s,
        values=cells.values,
        fit=cells.values @ signs.T,
        level=cells.level,
    )


def score_of(values: NDArray[np.float32], slots: list[int], signs: NDArray[np.float32]) -> float:
    """Standard deviations, by the energy that the signs could have summed up to at random."""
    sums: dict[int, NDArray[np.float32]] = {}
    for value, slot in zip(values, slots, strict=True):
        sums[slot] = sums.get(slot, np.float32(0)) + value
    energy = sum(float(np.dot(part, part)) for part in sums.values())
    total = sum(float(np.dot(part, signs[slot])) for slot, part in sums.items())
    return total / float(np.sqrt(energy)) if energy > 0 else 0.0


def line_through(
    windows: Windows, begin: int, end: int, slots: list[int], *, speeds: bool = True
) -> tuple[float, float]:
    """(position in the original at the run's start, speed) of the most likely line."""
    start, stop = windows.start[begin:end], windows.end[begin:end]
    pivot = float((start[0] + stop[-1]) / 2)
    length = float(stop[-1] - start[0])
    middles = (start + stop) / 2 - pivot
    around = (float(np.mean(slots)) + 0.5) * SLOT_S
    offsets = around + np.arange(-1.5, 1.51, 0.05)
    step = min(0.1, 0.2 / max(length, 0.5))
    slope = float(np.polyfit(middles, slots, 1)[0]) * SLOT_S if len(slots) > 4 else 1.0
    # A run of two hours tells the speed to parts in a million: look only where it can be.
    near = np.clip(slope, *_SPEEDS) + np.arange(-12, 13) * step
    tried = np.unique(np.clip(np.append(near, 1.0), *_SPEEDS)) if speeds else np.ones(1)
    gains = np.stack(
        [
            line_gain(windows, start - pivot, stop - pivot, begin, float(s), offsets).sum(1)
            for s in tried
        ]
    )
    best = gains.max(1)
    normal = int(np.flatnonzero(tried == 1.0)[0])
    which = int(best.argmax())
    if best[which] - best[normal] < _SPEED_MARGIN:
        which = normal
    weight = np.exp(gains[which] - gains[which].max())
    # Where nothing tells the positions apart, the middle of them is the least wrong.
    position = float((weight * offsets).sum() / weight.sum())
    speed = float(tried[which])
    return max(0.0, position + speed * float(start[0] - pivot)), speed


def line_gain(
    windows: Windows,
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    begin: int,
    speed: float,
    offsets: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(offsets, W) log-likelihood ratio of each line; ``start``, ``stop`` are from its pivot on."""
    edges = (offsets[:, None] + speed * start) / SLOT_S, (offsets[:, None] + speed * stop) / SLOT_S
    # Nothing was shown before the original began.
    low = np.maximum(np.minimum(*edges), 0.0)
    high = np.maximum(np.maximum(*edges), low + 1e-3)
    which = begin + np.arange(len(start))
    signal, energy = np.zeros(low.shape), np.zeros(low.shape)
    # At double speed a window of half a second reaches into three seconds at most.
    for step in range(3):
        slot = np.floor(low) + step
        share = np.clip(np.minimum(high, slot + 1) - np.maximum(low, slot), 0, None) / (high - low)
        index = np.clip(slot, 0, windows.fit.shape[1] - 1).astype(np.intp)
        signal += share * windows.fit[which, index]
        energy += share**2
    return np.asarray(windows.level * signal - windows.level**2 / 2 * energy, np.float64)
