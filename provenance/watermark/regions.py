"""How much speaks for the mark being missing, spot by spot and stretch by stretch.

Every spot of the grid says something for the mark (:mod:`provenance.watermark.spots`). Divided by
its own local strength, that is a sum of fair coins where the mark is missing, and has a mean of
``due`` where it is there. How much is due depends on the picture: the quieter, the more. That is
taken from the video itself, so that strength, codec and size are in it, and where the mark would
not have survived nothing is due and nothing can be told. What follows is the log-likelihood ratio
of "missing" against "there" (Kay, Detection Theory, §3.3), in nats.

A picture that stands still says the same all the time: evidence is added up over a stretch before
it is divided by its strength, which gives it the weight that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.watermark.spots import Spots

_SHARE = 0.6  # of what is due: a region that holds at least that counts as marked
_NEIGHBOURHOOD = 5  # spots whose strength is one
_LEAST_DUE, _MOST_DUE = 0.05, 0.9
_BLACK, _WHITE = 18.0, 226.0  # levels of luma in video range, a codec's errors away from the end
_CLASSES = 5  # of activity, of motion, of brightness, by which it is learned what is due
_LEARNED_FROM = 12_000  # spots
_LEAST_COUNT = 30  # spots in a class that is used
_STEEPEST = 0.8
_BLOCK = 8  # spots a side: of these the best tenth shows what is due where most was replaced
_BEST, _BEST_SIGMAS, _BEST_SHARE = 0.9, 1.28, 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Windows ``first`` to ``last`` (not included) of a section, added up: (h, w) each.

    ``ratio``: evidence for the mark in units of its strength. ``due``: its mean where the mark is.
    ``nats``: for "missing".
    """

    first: int
    last: int
    ratio: NDArray[np.float32]
    due: NDArray[np.float32]
    nats: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What T windows say, each (T, h, w): ``evidence`` for the mark; ``activity``, the picture's
    deviation within a spot, ``motion``, its change to the windows beside, and ``brightness``, in
    levels. ``depths`` (3, T, h, w): log(1 + x) of the three.
    """

    evidence: NDArray[np.float32]
    activity: NDArray[np.float32]
    motion: NDArray[np.float32]
    brightness: NDArray[np.float32]
    depths: NDArray[np.float32]


def section_of(spots: Sequence[Spots]) -> Section:
    shown = np.stack([each.brightness for each in spots]).astype(np.float32)
    change = np.abs(np.diff(shown, axis=0))
    still = np.zeros((1, *shown.shape[1:]), np.float32)
    motion = np.maximum(np.concatenate([change, still]), np.concatenate([still, change]))
    activity = np.stack([each.activity for each in spots]).astype(np.float32)
    motion = np.stack([cv2.blur(plane, (5, 5)) for plane in motion])
    brightness = np.stack([cv2.blur(plane, (5, 5)) for plane in shown])
    return Section(
        evidence=np.stack([each.evidence for each in spots]).astype(np.float32),
        activity=activity,
        motion=motion,
        brightness=brightness,
        depths=np.log1p(np.stack([activity, motion, brightness])),
    )


def stretches(
    section: Section,
    bins: Sequence[tuple[int, int]],
    missing: NDArray[np.bool_] | None = None,
) -> list[Stretch]:
    """The T windows of ``section``, added up over ``bins`` (first, last).

    ``missing`` (T, h, w): where it is known already, and what is due is not to be learned.
    """
    ratios = np.stack([in_strengths(section.evidence[a:b].sum(0)) for a, b in bins])
    depths = np.stack([section.depths[:, a:b].mean(1) for a, b in bins], 1)
    kept = np.ones(ratios.shape, bool)
    if missing is not None:
        kept = np.stack([~missing[a:b].any(0) for a, b in bins])
    if not kept.any():
        return []
    # One spot in a few is as good for that as all of them.
    some = np.flatnonzero(kept)[:: max(1, kept.sum() // _LEARNED_FROM)]
    level, slopes = due_by_picture(ratios.ravel()[some], depths.reshape(3, -1)[:, some])
    shapes = np.exp(np.tensordot(slopes.astype(np.float32), depths, 1))
    found = []
    for (a, b), ratio, shape, keep in zip(bins, ratios, shapes, kept, strict=True):
        due = np.clip(_level_here(ratio, shape, keep, level) * shape, 0, _MOST_DUE)
        # Nothing can be written into white that is full, nor survives in black.
        shown = section.brightness[a:b].mean(0)
        none = (due < _LEAST_DUE) | (shown > _WHITE) | (shown < _BLACK)
        due = np.asarray(np.where(none, 0, due), np.float32)
        least = _SHARE * due
        nats = np.asarray(least * least / 2 - least * ratio, np.float32)
        found.append(Stretch(first=a, last=b, ratio=ratio, due=due, nats=nats))
    return found


def in_strengths(evidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) ``evidence`` in units of its own local strength."""
    power = cv2.blur(evidence * evidence, (_NEIGHBOURHOOD, _NEIGHBOURHOOD))
    # A few thousand spots are enough for a median.
    floor = 0.01 * float(np.median(power[::2, ::2])) + 1e-12
    return np.asarray(evidence / np.sqrt(power + floor), np.float32)


def due_by_picture(
    ratios: NDArray[np.float32], depths: NDArray[np.float32]
) -> tuple[float, NDArray[np.float64]]:
    """(level, slopes): what is due is level × exp(slopes · depths), for (N,) ``ratios``.

    ``depths`` (3, N): logarithms of activity, motion and brightness. Learned from the means of
    classes of spots that are alike. The first two make it less or nothing at all.
    """
    which = np.zeros(ratios.size, np.intp)
    for depth in depths:
        which = _CLASSES * which + _classed(depth)
    classes = _CLASSES ** len(depths)
    counts = np.bincount(which, minlength=classes)
    told, *means = (
        np.bincount(which, values, classes) / np.maximum(counts, 1)
        for values in (ratios.ravel(), *depths)
    )
    usable = (counts >= _LEAST_COUNT) & (told > _LEAST_DUE / 2)
    weights = np.sqrt(counts[usable])
    columns = np.stack([np.ones_like(weights), *(mean[usable] for mean in means)], 1)
    slopes = np.zeros(len(depths))
    free = [True] * len(depths)
    # Least squares; what would make it more is left out, and the rest learned again.
    while any(free) and len(weights) > len(depths) + 1:
        kept = [0, *(1 + n for n, one in enumerate(free) if one)]
        goal = np.log(told[usable]) * weights
        slopes = np.zeros(len(depths) + 1)
        slopes[kept] = np.linalg.lstsq(columns[:, kept] * weights[:, None], goal, rcond=None)[0]
        slopes = slopes[1:]
        wrong = [n for n in (0, 1) if slopes[n] > 0]
        if not wrong:
            break
        for n in wrong:
            free[n], slopes[n] = False, 0.0
    slopes = np.clip(slopes, -_STEEPEST, _STEEPEST)
    shape = np.exp(np.sum([slope * depth for slope, depth in zip(slopes, depths, strict=True)], 0))
    level = float((ratios.ravel() * shape).sum() / (shape * shape).sum())
    return max(level, 0.0), slopes


def _classed(depth: NDArray[np.float32]) -> NDArray[np.intp]:
    edges = np.quantile(depth, np.linspace(0, 1, _CLASSES + 1))
    return np.clip(np.searchsorted(edges, depth, side="right") - 1, 0, _CLASSES - 1)


def _level_here(
    ratio: NDArray[np.float32], shape: NDArray[np.float32], keep: NDArray[np.bool_], level: float
) -> float:
    """What is due here over ``shape``: not more than usual, less where all of it is quieter."""
    here = float((ratio * shape)[keep].sum() / ((shape * shape)[keep].sum() + 1e-9))
    size = (max(1, ratio.shape[1] // _BLOCK), max(1, ratio.shape[0] // _BLOCK))
    blocks, dues = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (ratio, shape)
    )
    # Less what the best tenth of as many fair coins have by chance.
    chance = _BEST_SIGMAS / _BLOCK / float(np.median(dues))
    best = _BEST_SHARE * (float(np.quantile(blocks / dues, _BEST)) - chance)
    return max(min(max(here, best), max(level, best)), 0.0)
