"""Whether two films show the same, and where one lies in the other.

The query is cut into runs of a few seconds. For every window (crop, bars, another shape, mirrored)
and every offset the correlation of the cells along a run is taken; the best one is refined in
place, time and speed, and tried on all runs. How likely a correlation is by chance follows from
Fisher's transform (Fisher 1921) with as many degrees of freedom as cells and seconds are
independent (:func:`chance`), times all that was tried; whether that holds is measured by
``python -m benchmarks.fingerprint_pairs``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from provenance.fingerprint.geometry import (
    COLUMNS,
    ROWS,
    WHOLE,
    Comparison,
    Window,
    comparison,
    nearby,
    windows,
)
from provenance.fingerprint.outcome import NOT_COMPARED, FingerprintMatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from provenance.fingerprint.video import VideoFingerprint

RUN = 8  # seconds: a speed that is off by 5 % shifts the end of a run by less than half of one
SEEDS = 3  # runs that windows are sought with
SHORTLIST = 24  # windows that are looked at closely
INDEPENDENT = 0.25  # of the cells, for the shortlist: neighbours resemble each other
HEAVY_TAIL = 0.6  # of the degrees of freedom, measured: pictures are not Gaussian
LEAST_TEXTURE = 1.5  # levels of 8 bits: flatter pictures show nothing to compare
SAME_BOUND = 1e-6
SURE_BOUND = 1e-12  # of uncropped pictures: then no window is tried
DIFFERENT_BOUND = 1e-2
UNLIKE = 0.45  # mean correlation: what is the same has more, under stickers too
SAME_SECOND = 0.55  # correlation of a second that counts as matched
_SPEEDS = (1.0, 0.96, 1.04, 0.92, 1.08)
_FINE = 4  # parts of a second
_REFINEMENTS = (0.03, 0.03, 0.015, 0.015, 0.0075)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pose:
    """How a run of the query lies on the reference, and how well: ``z`` in standard deviations."""

    z: float
    score: float
    window: Window
    mirrored: bool
    run: slice
    offset: float  # of the run's first second, in the reference
    speed: float = 1.0


def match_video(query: VideoFingerprint, reference: VideoFingerprint) -> FingerprintMatch:
    """Where ``query`` lies in ``reference``: trimmed anywhere, cropped to half of each side, with
    bars, in another shape, mirrored, up to 8 % faster or slower, or in parts.
    """
    usable = query.texture >= LEAST_TEXTURE
    if not usable.any() or not (reference.texture >= LEAST_TEXTURE).any():
        return NOT_COMPARED
    ours, theirs = query.cells, reference.cells
    runs = _runs(len(ours))
    seeds = _seeds(runs, usable)
    tried = 2 * len(windows()) * len(seeds) * max(1, len(theirs) + RUN)
    best = _sought(ours, theirs, seeds, (WHOLE,))
    if _bound(best.z, tried) > SURE_BOUND:
        best = _sought(ours, theirs, seeds, windows())
    best = _refine(ours, theirs, best)
    bound = _bound(best.z, tried)
    scores = _along(ours, theirs, best, runs)
    found = [score >= SAME_SECOND for score in scores]
    # The last second may be short.
    lengths = [1.0] * len(scores)
    lengths[-1] = min(1.0, max(0.0, query.duration_s - (len(scores) - 1)))
    matched_s = sum(length for length, good in zip(lengths, found, strict=True) if good)
    compared = min(query.duration_s, reference.duration_s)
    same: bool | None = None
    if bound <= SAME_BOUND:
        same = True if matched_s >= 0.5 * compared else None
    elif bound >= DIFFERENT_BOUND and np.mean(scores) < UNLIKE:
        same = False
    return FingerprintMatch(
        score=float(np.mean(scores)),
        offset_s=best.offset - best.speed * best.run.start,
        matched_s=matched_s,
        false_match_bound=bound,
        same=same,
        window=best.window,
        mirrored=best.mirrored,
        scores=tuple(scores),
    )


def _bound(z: float, tried: int) -> float:
    return min(1.0, tried * 0.5 * math.erfc(z / math.sqrt(2)))


def _sought(
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    seeds: Sequence[slice],
    places: Sequence[Window],
) -> _Pose:
    """The best of ``places``, after a closer look at those that come nearest."""
    rough = sorted(_coarse(ours, theirs, seeds, places), key=lambda p: p.z, reverse=True)
    return max((_placed(ours, theirs, pose) for pose in rough[:SHORTLIST]), key=lambda p: p.z)


def roughly(score: float, window: Window, compared: Comparison, seconds: float) -> float:
    """``score`` in standard deviations, as if all pictures were alike: to find a shortlist."""
    shown = min(1.0, window.width) * min(1.0, window.height) * ROWS * COLUMNS
    free = INDEPENDENT * min(compared.cells, shown) * seconds
    return math.atanh(min(max(score, -0.999), 0.999)) * math.sqrt(max(free - 3, 1.0))


def chance(left: NDArray[np.float32], right: NDArray[np.float32], compared: Comparison) -> float:
    """The variance that the mean correlation of ``left`` and ``right`` (N, cells) has by chance.

    Two views of it, of which the larger counts. If pictures lay on each other anyhow, the product
    of their power spectra (the variance over all cyclic shifts: two edges of one direction agree
    often); if their cells had any sign, the product of their squares (two single spots always
    agree once one lies on the other). Seconds that resemble each other count as one.
    """
    shape = (-1, len(compared.down), len(compared.across))
    spectra = [np.square(np.abs(np.fft.fft2(side.reshape(shape)))) for side in (left, right)]
    ours, theirs = (one / np.maximum(one.sum((1, 2), keepdims=True), 1e-9) for one in spectra)
    shifts = float((ours * theirs).sum((1, 2)).mean())
    signs = float((np.square(left) * np.square(right)).sum(1).mean())
    # Never better than cells that have nothing to do with each other: where the two sides hardly
    # meet, both views find almost nothing.
    return float(max(shifts, signs, 1 / left.shape[1]) / independent(left))


def independent(unit: NDArray[np.float32]) -> float:
    """How many independent ones ``unit`` (N, cells) of N unit vectors are: 1 … N."""
    alike = float(np.square(unit @ unit.T).sum())
    # Rows in which there is nothing to see are zero.
    return float(min(len(unit) ** 2 / alike, len(unit))) if alike > 0 else 1.0


def _runs(seconds: int) -> list[slice]:
    count = max(1, round(seconds / RUN))
    ends = [round(index * seconds / count) for index in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _seeds(runs: Sequence[slice], usable: NDArray[np.bool_]) -> list[slice]:
    """A few runs with something to see, over all of the query."""
    good = [run for run in runs if usable[run].mean() >= 0.5] or [
        max(runs, key=lambda run: int(usable[run].sum()))
    ]
    picks = np.linspace(0, len(good) - 1, min(SEEDS, len(good))).round().astype(int)
    return [good[index] for index in dict.fromkeys(picks.tolist())]


def _coarse(
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    seeds: Sequence[slice],
    places: Sequence[Window],
) -> Iterator[_Pose]:
    for window in places:
        compared = comparison(window)
        if compared is None:
            continue
        right = compared.of_reference(theirs)
        for mirrored in (False, True):
            for run in seeds:
                left = compared.of_query(_seen(ours[run], mirrored=mirrored))
                score, offset = _best_line(left @ right.T)
                yield _Pose(
                    z=roughly(score, window, compared, independent(left)),
                    score=score,
                    window=window,
                    mirrored=mirrored,
                    run=run,
                    offset=offset,
                )


def _seen(cells: NDArray[np.float32], *, mirrored: bool) -> NDArray[np.float32]:
    return cells[:, :, ::-1] if mirrored else cells


def _best_line(alike: NDArray[np.float32]) -> tuple[float, float]:
    """The best mean along a diagonal of (run, reference), and where it begins; one that leaves the
    reference has at least half of the shorter of both in it.
    """
    length, total = alike.shape
    least = max(1, (min(length, total) + 1) // 2)
    padded = np.zeros((length, total + 2 * length), np.float32)
    padded[:, length : length + total] = alike
    starts = np.arange(least - length, total - least + 1)
    lines = padded[np.arange(length)[:, None], starts + length + np.arange(length)[:, None]]
    within = np.minimum(starts + length, total) - np.maximum(starts, 0)
    means = lines.sum(0) / np.maximum(within, 1)
    best = int(np.argmax(means))
    return float(means[best]), float(starts[best])


def _refine(ours: NDArray[np.float32], theirs: NDArray[np.float32], pose: _Pose) -> _Pose:
    cells = _seen(ours[pose.run], mirrored=pose.mirrored)
    best = _retime(cells, theirs, pose)
    for step in _REFINEMENTS:
        for window in nearby(best.window, step):
            best = _better(best, _score_at(cells, theirs, replace(best, window=window)))
    return _retime(cells, theirs, best)


def _retime(cells: NDArray[np.float32], theirs: NDArray[np.float32], pose: _Pose) -> _Pose:
    best = _score_at(cells, theirs, pose) or pose
    for speed in _SPEEDS:
        for shift in range(-_FINE, _FINE + 1):
            moved = replace(pose, offset=pose.offset + shift / _FINE, speed=speed)
            best = _better(best, _score_at(cells, theirs, moved))
    return best


def _better(best: _Pose, other: _Pose | None) -> _Pose:
    return best if other is None or other.z <= best.z else other


def _score_at(cells: NDArray[np.float32], theirs: NDArray[np.float32], pose: _Pose) -> _Pose | None:
    """``pose`` with its score; None where the run leaves the reference by half."""
    compared = comparison(pose.window)
    at = np.asarray(pose.offset + pose.speed * np.arange(len(cells)), np.float64)
    inside = (at > -0.5) & (at < len(theirs) - 0.5)
    if compared is None or 2 * inside.sum() < min(len(cells), len(theirs)):
        return None
    left = compared.of_query(cells[inside])
    right = compared.of_reference(between(theirs, at[inside]))
    score = float((left * right).sum(1).mean())
    free = HEAVY_TAIL / chance(left, right, compared)
    z = math.atanh(min(max(score, -0.999), 0.999)) * math.sqrt(max(free - 3, 1.0))
    return replace(pose, score=score, z=z)


def _placed(ours: NDArray[np.float32], theirs: NDArray[np.float32], pose: _Pose) -> _Pose:
    cells = _seen(ours[pose.run], mirrored=pose.mirrored)
    return _score_at(cells, theirs, pose) or replace(pose, z=0.0)


def between(cells: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """``cells`` at fractional seconds: a shifted mean is a mixture of two."""
    at = np.clip(at, 0, len(cells) - 1)
    before = np.minimum(at.astype(int), max(len(cells) - 2, 0))
    after = np.minimum(before + 1, len(cells) - 1)
    part = (at - before).astype(np.float32)[:, None, None]
    return np.asarray((1 - part) * cells[before] + part * cells[after])


def _along(
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    pose: _Pose,
    runs: Sequence[slice],
) -> list[float]:
    """The correlation of each second of the query, with each run where it fits best in time."""
    compared = comparison(pose.window)
    assert compared is not None
    left = compared.of_query(_seen(ours, mirrored=pose.mirrored))
    fine_at = np.arange((len(theirs) - 1) * _FINE + 1) / _FINE
    right = compared.of_reference(between(theirs, fine_at))
    scores: list[float] = []
    for run in runs:
        steps = np.arange(run.stop - run.start)
        alike = left[run] @ right.T
        best, best_mean = np.zeros(len(steps)), -2.0
        starts = np.arange(-_FINE * (len(steps) - 1), len(fine_at))
        for speed in (pose.speed, *_SPEEDS):
            at = starts[:, None] + np.rint(speed * steps * _FINE).astype(int)
            within = (at >= -1) & (at <= len(fine_at))
            lines = np.where(within, alike[steps, np.clip(at, 0, len(fine_at) - 1)], 0.0)
            means = lines.sum(1)
            top = int(np.argmax(means))
            if means[top] > best_mean:
                best, best_mean = lines[top], float(means[top])
        scores += best.tolist()
    return scores
