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

_SHARE = 0.7  # of what is due: a region that holds at least that counts as marked
_NEIGHBOURHOOD = 5  # spots whose strength is one
_LEAST_DUE, _MOST_DUE = 0.05, 0.9
_CLASSES = 8  # of activity, by which it is learned what is due
_STEEPEST = -0.8
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


def stretches(
    evidence: NDArray[np.float32],
    activity: NDArray[np.float32],
    bins: Sequence[tuple[int, int]],
    missing: NDArray[np.bool_] | None = None,
) -> list[Stretch]:
    """(T, h, w) ``evidence`` and ``activity`` of T windows, added up over ``bins`` (first, last).

    ``missing`` (T, h, w): where it is known already, and what is due is not to be learned.
    """
    ratios = np.stack([in_strengths(evidence[a:b].sum(0)) for a, b in bins])
    active = np.stack([activity[a:b].mean(0) for a, b in bins])
    kept = np.ones(ratios.shape, bool)
    if missing is not None:
        kept = np.stack([~missing[a:b].any(0) for a, b in bins])
    if not kept.any():
        return []
    level, slope = due_by_activity(ratios[kept], active[kept])
    found = []
    for (a, b), ratio, calm, keep in zip(bins, ratios, 1 + active, kept, strict=True):
        shape = np.power(calm, np.float32(slope))
        due = np.clip(_level_here(ratio, shape, keep, level) * shape, 0, _MOST_DUE)
        due = np.asarray(np.where(due < _LEAST_DUE, 0, due), np.float32)
        least = _SHARE * due
        nats = np.asarray(least * least / 2 - least * ratio, np.float32)
        found.append(Stretch(first=a, last=b, ratio=ratio, due=due, nats=nats))
    return found


def in_strengths(evidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) ``evidence`` in units of its own local strength."""
    power = cv2.blur(evidence * evidence, (_NEIGHBOURHOOD, _NEIGHBOURHOOD))
    floor = 0.01 * float(np.median(power)) + 1e-12
    return np.asarray(evidence / np.sqrt(power + floor), np.float32)


def due_by_activity(
    ratios: NDArray[np.float32], activities: NDArray[np.float32]
) -> tuple[float, float]:
    """(level, slope): what is due where the activity is a is level × (1 + a)^slope."""
    depth = np.log1p(activities.ravel())
    edges = np.quantile(depth, np.linspace(0, 1, _CLASSES + 1))
    which = np.clip(np.searchsorted(edges, depth, side="right") - 1, 0, _CLASSES - 1)
    counts = np.bincount(which, minlength=_CLASSES)
    told = np.bincount(which, ratios.ravel(), _CLASSES) / np.maximum(counts, 1)
    middle = np.bincount(which, depth, _CLASSES) / np.maximum(counts, 1)
    usable = (counts > 0) & (told > _LEAST_DUE / 2)
    slope = 0.0
    if usable.sum() > 1 and np.ptp(middle[usable]) > 0.2:
        weights = np.sqrt(counts[usable])
        slope = float(np.polyfit(middle[usable], np.log(told[usable]), 1, w=weights)[0])
    slope = min(max(slope, _STEEPEST), 0.0)
    shape = np.exp(slope * depth)
    return max(float((ratios.ravel() * shape).sum() / (shape * shape).sum()), 0.0), slope


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
