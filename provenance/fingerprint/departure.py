"""Where pictures depart from those that a fingerprint was taken of, cell by cell.

A fingerprint keeps each second's cells less most of the light and shade around them. What replaces
a part of the picture therefore also darkens or brightens the cells beside it. Undoing that filter
on the difference (least squares with a penalty: Tikhonov) puts the change back where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from provenance.fingerprint.geometry import COLUMNS, ROWS
from provenance.fingerprint.video import REACH, less_shade
from provenance.fingerprint.video_match import LEAST_TEXTURE, between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.fingerprint.video import Looks, VideoFingerprint

_PENALTY = 0.003
_LEAST_LOOKS = 3
_ROBUST = 1.4826  # from the median deviation of a normal distribution to its standard deviation
_OUTLIERS = 3.0
_FINEST = 0.06  # of a second's own range: a fingerprint's levels are no finer
_OFF_S = 0.04  # by how much a position is off, at least
_CHANGED = 0.5  # of that range: what another picture differs by
_LEAST_GAIN = 0.1
_TOP_CELL = 3.5  # of a fingerprint's cells
_MOST_NATS = 5.0  # for one cell in one second: neither is alone


class Moment(NamedTuple):
    """From ``start_s`` to ``end_s`` in hand, about a second; its middle is ``original_s``."""

    start_s: float
    end_s: float
    original_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Departure:
    """``nats`` (T, 10, 16): log-likelihood ratio of "another picture" against "the same", in each
    cell of each of the ``moments``.
    """

    moments: tuple[Moment, ...]
    nats: NDArray[np.float32]


def departure(
    looks: Looks, reference: VideoFingerprint, moments: Sequence[Moment]
) -> Departure | None:
    """``looks`` at ``moments`` beside the whole picture of ``reference``; None where there is
    nothing to compare. Moments of which the reference is nearly flat are left out: relative to so
    little, the grain that a codec takes away would be a change.
    """
    kept, seen = [], []
    for moment in moments:
        if _flattest(reference, moment) < LEAST_TEXTURE:
            continue
        inside = (looks.times_s >= moment.start_s - 1e-3) & (looks.times_s < moment.end_s - 1e-3)
        if inside.sum() >= _LEAST_LOOKS:
            kept.append(moment)
            seen.append(looks.means[inside].mean(0))
    if not kept:
        return None
    spans = np.maximum(reference.texture, 1e-3)[:, None, None] * REACH
    theirs = np.asarray(reference.cells / _TOP_CELL * spans, np.float32)
    at = np.array([moment.original_s - 0.5 for moment in kept])
    expected = between(theirs, at)
    span = between(np.broadcast_to(spans, theirs.shape), at)
    apart = _unfiltered(_apart(less_shade(np.stack(seen)), expected, span))
    apart -= np.median(apart, (1, 2), keepdims=True)
    ratio = apart / span
    noise = max(_ROBUST * float(np.median(np.abs(ratio))), _FINEST)
    variance = noise**2 + (_doubt(theirs, at) / span) ** 2
    share = _CHANGED**2 / variance
    nats = ratio**2 / variance / 2 * share / (1 + share) - np.log1p(share) / 2
    return Departure(moments=tuple(kept), nats=np.minimum(nats, _MOST_NATS).astype(np.float32))


def _flattest(reference: VideoFingerprint, moment: Moment) -> float:
    """The least texture of the seconds that the middle of ``moment`` lies between."""
    first = int(np.clip(np.floor(moment.original_s - 0.5), 0, len(reference.texture) - 1))
    return float(reference.texture[first : first + 2].min())


def _apart(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], span: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The difference, once more contrast or less has been taken out of ``ours``."""
    same = np.ones(theirs.shape, bool)
    for _ in range(3):
        gain = float((ours * theirs)[same].sum() / max(float(np.square(theirs[same]).sum()), 1e-9))
        gain = max(gain, _LEAST_GAIN)
        # What a fingerprint has no levels for is cut off in both.
        apart = np.clip(ours / gain, -span, span) - theirs
        same = np.abs(apart) < _OUTLIERS * _ROBUST * np.median(np.abs(apart))
    return np.asarray(apart, np.float32)


def _doubt(theirs: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """(T, 10, 16) what the cells may be off by since ``at`` is: near the middle of a second little,
    between two of them up to half of what changes.
    """
    if len(theirs) < 2:
        return np.zeros((len(at), ROWS, COLUMNS), np.float32)
    change = np.abs(np.diff(theirs, axis=0))
    change = np.maximum(np.concatenate([change[:1], change]), np.concatenate([change, change[-1:]]))
    nearest = np.clip(np.rint(at), 0, len(theirs) - 1).astype(np.intp)
    off = np.minimum(np.abs(at - nearest), 0.5) + _OFF_S
    return np.asarray(off[:, None, None] * change[nearest], np.float32)


def _unfiltered(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = fine.reshape(len(fine), -1) @ _inverse().T
    return np.asarray(flat.reshape(fine.shape), np.float32)


@lru_cache(maxsize=1)
def _inverse() -> NDArray[np.float64]:
    """(160, 160): what undoes :func:`~provenance.fingerprint.video.less_shade`."""
    count = ROWS * COLUMNS
    single = np.eye(count, dtype=np.float32).reshape(count, ROWS, COLUMNS)
    forth = less_shade(single).reshape(count, count).T.astype(np.float64)
    return forth.T @ np.linalg.inv(forth @ forth.T + _PENALTY * np.eye(count))
