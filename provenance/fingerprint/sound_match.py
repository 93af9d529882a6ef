"""Whether two pieces of sound are the same, and where one lies in the other.

Signs of the query are held against those of the reference at every offset, played up to 8 % faster
or slower, with and without the change of pitch that goes with it. By chance half of them agree; how
far from half is still chance follows from how many of them are independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from provenance.fingerprint.outcome import NOT_COMPARED, FingerprintMatch
from provenance.fingerprint.sound import BITS, FRAMES_A_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from provenance.fingerprint.sound import SoundFingerprint

RUN_S = 6
SEEDS = 3
QUIETEST_DB = -60.0
INDEPENDENT = 0.12  # of the signs, measured: moments overlap, bands too, and all notes die away
LEAST_S = 1.5
SAME_BOUND = 1e-6
DIFFERENT_BOUND = 1e-2
UNLIKE = 0.15
SAME_RUN = 0.25  # 1 is every sign, 0 is chance
_STRETCHES = (0.92, 0.94, 0.95, 0.96, 0.98, 1.0, 1.02, 1.04, 1.05, 1.06, 1.08)
_SHIFTS = (-1, 0, 1)  # bands


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pose:
    """How a run lies on the reference: ``start`` in its frames, ``stretch`` of its per ours."""

    z: float
    score: float
    run: slice
    start: int
    stretch: float
    shift: int


def match_sound(query: SoundFingerprint, reference: SoundFingerprint) -> FingerprintMatch:
    """Where ``query`` lies in ``reference``: trimmed anywhere, compressed, filtered, under noise,
    up to 8 % faster or slower, or in parts.
    """
    ours, theirs = _audible(query), _audible(reference)
    if min(np.any(part, 1).sum() for part in (ours, theirs)) < LEAST_S * FRAMES_A_SECOND:
        return NOT_COMPARED
    runs = _runs(ours)
    picks = np.linspace(0, len(runs) - 1, min(SEEDS, len(runs))).round().astype(int)
    seeds = [runs[index] for index in dict.fromkeys(picks.tolist())]
    best = max((p for run in seeds for p in _poses(ours, theirs, run)), key=lambda p: p.z)
    tried = len(seeds) * len(_STRETCHES) * len(_SHIFTS) * len(theirs)
    bound = min(1.0, tried * 0.5 * math.erfc(best.z / math.sqrt(2)))
    found = [
        max(
            (p for p in _poses(ours, theirs, run, shifts=(best.shift,))),
            key=lambda p: p.z,
        )
        for run in runs
    ]
    matched_s = sum(
        (pose.run.stop - pose.run.start) / FRAMES_A_SECOND
        for pose in found
        if pose.score >= SAME_RUN
    )
    heard_s = sum(run.stop - run.start for run in runs) / FRAMES_A_SECOND
    score = float(np.mean([pose.score for pose in found]))
    same: bool | None = None
    if bound <= SAME_BOUND:
        same = True if matched_s >= 0.5 * min(heard_s, reference.duration_s) else None
    elif bound >= DIFFERENT_BOUND and score < UNLIKE:
        same = False
    return FingerprintMatch(
        score=score,
        offset_s=(best.start - best.stretch * best.run.start) / FRAMES_A_SECOND,
        matched_s=min(matched_s, query.duration_s),
        false_match_bound=bound,
        same=same,
        scores=tuple(pose.score for pose in found),
    )


def _audible(fingerprint: SoundFingerprint) -> NDArray[np.float32]:
    """(N, 32) of −1 and 1, and 0 where it is silent."""
    loud = np.repeat(fingerprint.loudness > QUIETEST_DB, FRAMES_A_SECOND)
    return np.asarray(fingerprint.signs * loud[:, None], np.float32)


def _runs(signs: NDArray[np.float32]) -> list[slice]:
    """Stretches of about six seconds in which something is heard."""
    count = max(1, round(len(signs) / (RUN_S * FRAMES_A_SECOND)))
    ends = [round(index * len(signs) / count) for index in range(count + 1)]
    runs = [slice(start, stop) for start, stop in pairwise(ends)]
    heard = [run for run in runs if np.any(signs[run], 1).sum() >= LEAST_S * FRAMES_A_SECOND]
    return heard or [slice(0, len(signs))]


def _poses(
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    run: slice,
    *,
    shifts: tuple[int, ...] = _SHIFTS,
) -> Iterator[_Pose]:
    part = ours[run]
    heard_part, heard = np.any(part, 1), np.any(theirs, 1)
    length, total = len(part), len(theirs)
    steps = np.arange(length)
    least = min(length, total) // 2
    for shift in shifts:
        alike = shifted(part, shift) @ theirs.T
        width = BITS - abs(shift)
        for stretch in _STRETCHES:
            along = np.rint(stretch * steps).astype(int)
            starts = np.arange(least - along[-1], total - least + 1)
            at = starts[:, None] + along
            within = (at >= 0) & (at < total)
            clipped = np.clip(at, 0, total - 1)
            counted = within & heard_part & heard[clipped]
            bits = width * counted.sum(1)
            sums = np.where(within, alike[steps, clipped], 0).sum(1)
            scores = sums / np.maximum(bits, 1)
            z = scores * np.sqrt(INDEPENDENT * bits)
            z[bits < width * LEAST_S * FRAMES_A_SECOND * 0.9] = -np.inf
            best = int(np.argmax(z))
            yield _Pose(
                z=float(z[best]),
                score=float(scores[best]) if np.isfinite(z[best]) else 0.0,
                run=run,
                start=int(starts[best]),
                stretch=stretch,
                shift=shift,
            )


def shifted(signs: NDArray[np.float32], bands: int) -> NDArray[np.float32]:
    """``signs`` as they would be that many bands lower; the ones that are missing are 0."""
    moved = np.zeros_like(signs)
    if bands > 0:
        moved[:, :-bands] = signs[:, bands:]
    elif bands < 0:
        moved[:, -bands:] = signs[:, :bands]
    else:
        moved[:] = signs
    return moved
