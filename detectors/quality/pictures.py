"""Frozen, doubled, black and flickering pictures, and a look that drifts.

A few hundred to some thousand samples of each picture are looked at, not averaged: the noise of a
camera that films something still must keep telling it from a picture that stands still.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from detectors.quality.spans import spans_of
from detectors.result import QualityFinding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.result import QualityKind
    from provenance.video import Picture

PICTURE_KINDS: tuple[QualityKind, ...] = ("frozen", "duplicated", "flicker", "black", "drift")

STEP = 8  # every eighth sample of every eighth row
# As FFmpeg's freezedetect (a mean difference of 0.001) and blackdetect (98 % below a tenth), for
# shorter stretches than theirs of two seconds.
STILL = 0.001 * 255
FROZEN_S = 1.0
DARK, DARK_SHARE, BLACK_S = 0.10 * 255, 98, 0.5
# A doubled frame moves less than a seventh of what its neighbours do.
DOUBLED, DOUBLED_LEVEL, MOVING, NEIGHBOURS = 0.15, 0.12, 0.5, 8
MOST_BETWEEN_DOUBLES_S, FEWEST_DOUBLES = 1.0, 3
# What brightness does against the mean of its two neighbours, over a second, in levels of 255. A
# cut or a flash moves two frames and leaves the median alone.
FLICKER, FLICKER_S = 1.0, 1.0
# And all of the picture goes the same way: what moves through it makes some of it brighter.
TOGETHER = 0.4
DRIFT_S, DRIFT_STEADY, JUMP = 6, 0.9, 0.5
DRIFTS = (
    # name, least change of it, whether that is a share of where it began
    ("brightness", 30.0, False),
    ("contrast", 0.4, True),
    ("colour", 0.5, True),
    ("sharpness", 0.5, True),
)


class PictureWatch:
    """Takes in the pictures of one file; keeps a few numbers of each."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._times = array("d")
        # Against the picture before, and the 98th percentile, in levels of 255.
        self._moves, self._tops = array("f"), array("f")
        self._looks: dict[str, array[float]] = {name: array("f") for name, *_ in DRIFTS}

    @property
    def count(self) -> int:
        return len(self._times)

    def add(self, picture: Picture, time_s: float) -> None:
        """Takes in the next picture, shown at ``time_s`` seconds."""
        luma = picture.luma
        samples = _levels(luma[::STEP, ::STEP], picture.bits, full=picture.full_range)
        beside = _levels(luma[::STEP, 1::STEP], picture.bits, full=picture.full_range)
        last = samples if self._last is None else self._last
        moved = float(np.abs(samples - last).mean())
        self._moves.append(np.inf if self._last is None else moved)
        self._last = samples
        self._times.append(time_s)
        self._tops.append(float(np.percentile(samples, DARK_SHARE)))
        columns = beside.shape[1]
        half = 1 << (picture.bits - 1)
        chroma = [plane[::STEP, ::STEP].astype(np.float32) - half for plane in picture.planes[1:]]
        looks = (
            samples.mean(),
            samples.std(),
            sum(np.abs(plane).mean() for plane in chroma) * 255 / (2 * half),
            np.abs(samples[:, :columns] - beside).mean(),
        )
        for (name, *_), value in zip(DRIFTS, looks, strict=True):
            self._looks[name].append(float(value))

    def findings(self) -> list[QualityFinding]:
        times = np.array(self._times)
        ends = np.append(times[1:], times[-1] + _step(times))
        black = np.array(self._tops) < DARK
        moves = np.array(self._moves)
        still = (moves < STILL) & ~black
        found = [
            QualityFinding(
                kind="black",
                start_s=start,
                end_s=end,
                detail=f"the picture is black for {end - start:.1f} s",
            )
            for start, end in spans_of(black, times, ends, least_s=BLACK_S)
        ]
        frozen = spans_of(still, times, ends, least_s=FROZEN_S)
        found += [
            QualityFinding(
                kind="frozen",
                start_s=start,
                end_s=end,
                detail=f"the picture does not change for {end - start:.1f} s",
            )
            for start, end in frozen
        ]
        for start, end in frozen:
            still[(times >= start) & (times < end)] = False
        found += self._doubled(times, ends, moves, still)
        found += self._flicker(times, ends)
        return found + self._drift(times)

    def activity(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times in seconds, and how much each picture moved against the one before, in levels."""
        moves = np.array(self._moves, np.float64)
        moves[~np.isfinite(moves)] = 0
        return np.array(self._times), moves

    def _doubled(
        self,
        times: NDArray[np.float64],
        ends: NDArray[np.float64],
        moves: NDArray[np.float32],
        still: NDArray[np.bool_],
    ) -> list[QualityFinding]:
        usual = _median_around(moves, NEIGHBOURS)
        least = np.maximum(DOUBLED * usual, np.where(usual >= 2 * DOUBLED_LEVEL, DOUBLED_LEVEL, 0))
        doubled = (moves < least) & (usual >= MOVING) | (still & (usual >= MOVING))
        groups: list[list[int]] = []
        for index in np.flatnonzero(doubled):
            if groups and times[index] - times[groups[-1][-1]] <= MOST_BETWEEN_DOUBLES_S:
                groups[-1].append(int(index))
            else:
                groups.append([int(index)])
        return [
            QualityFinding(
                kind="duplicated",
                start_s=float(times[group[0]]),
                end_s=float(ends[group[-1]]),
                detail=f"{len(group)} frames show the one before again while the picture moves",
            )
            for group in groups
            if len(group) >= FEWEST_DOUBLES
        ]

    def _flicker(
        self, times: NDArray[np.float64], ends: NDArray[np.float64]
    ) -> list[QualityFinding]:
        level = np.array(self._looks["brightness"], np.float64)
        if len(level) < 5:
            return []
        ripple = np.zeros(len(level))
        ripple[1:-1] = np.abs(level[1:-1] - (level[:-2] + level[2:]) / 2)
        moves = np.array(self._moves, np.float64)
        together = np.abs(np.diff(level, prepend=level[0])) / np.maximum(moves, 1e-6)
        half = max(2, round(FLICKER_S / 2 / _step(times)))
        usual = _median_around(ripple.astype(np.float32), half)
        flickers = (usual >= FLICKER) & (
            _median_around(together.astype(np.float32), half) >= TOGETHER
        )
        return [
            QualityFinding(
                kind="flicker",
                start_s=start,
                end_s=end,
                detail="the brightness jumps from frame to frame, by about "
                f"{2 * _between(usual, times, start, end):.0f} of 255 levels",
            )
            for start, end in spans_of(flickers, times, ends, least_s=FLICKER_S)
        ]

    def _drift(self, times: NDArray[np.float64]) -> list[QualityFinding]:
        """A look that goes one way, second after second, without a cut."""
        seconds = np.floor(times - times[0]).astype(int)
        count = int(seconds[-1]) + (times[-1] - times[0] - seconds[-1] > 0.5)
        if count < DRIFT_S:
            return []
        found = []
        for name, least, as_share in DRIFTS:
            values = np.array(self._looks[name], np.float64)
            track = np.array([np.median(values[seconds == s]) for s in range(count)])
            if not np.all(np.isfinite(track)):
                continue
            begin, end = float(track[:2].mean()), float(track[-2:].mean())
            change = end - begin
            wanted = least * max(begin, end) if as_share else least
            steps = np.diff(track)
            steady = np.mean(np.sign(steps) == np.sign(change))
            gradual = np.abs(steps).max() <= JUMP * abs(change)
            if abs(change) >= max(wanted, 1.0) and steady >= DRIFT_STEADY and gradual:
                way = "rises" if change > 0 else "falls"
                found.append(f"{name} {way} from {begin:.0f} to {end:.0f}")
        if not found:
            return []
        detail = f"over {count} s and without a cut, {'; '.join(found)}"
        return [QualityFinding(kind="drift", detail=detail)]


def _levels(samples: NDArray[np.generic], bits: int, *, full: bool) -> NDArray[np.float32]:
    """As float, 0 for black and 255 for white."""
    unit = np.float32(1 << (bits - 8))
    values = samples.astype(np.float32) / unit
    return values if full else (values - np.float32(16)) * np.float32(255 / 219)


def _step(times: NDArray[np.float64]) -> float:
    """Seconds from one picture to the next, usually."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.04


def _median_around(values: NDArray[np.float32], half: int) -> NDArray[np.float32]:
    """The median over up to ``half`` values on each side, the value itself included."""
    padded = np.pad(values.astype(np.float32), half, constant_values=np.nan)
    padded[~np.isfinite(padded)] = np.nan
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    usual = np.zeros(len(values), np.float32)
    told = np.isfinite(windows).any(axis=1)
    usual[told] = np.nanmedian(windows[told], axis=1)
    return usual


def _between(
    values: NDArray[np.float32], times: NDArray[np.float64], start_s: float, end_s: float
) -> float:
    return float(np.median(values[(times >= start_s) & (times < end_s)]))
