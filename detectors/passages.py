"""Which part of the original is shown when, by the mark's clock and by the pictures together.

The clock tells seconds apart, as far as codec and motion have left it. The fingerprint of what was
marked, which the store or the credentials hold, tells them apart by what they show, as far as that
changes. Either may be silent where the other speaks, so their log-likelihoods are added up before
the most likely course through the original is sought (:mod:`provenance.watermark.course`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.result import ClockFacts
from provenance.fingerprint.unlikeness import unlikeness
from provenance.fingerprint.video import LOOKED_S
from provenance.watermark.clock import clock_table, news_of
from provenance.watermark.clock_windows import beside, line_gain
from provenance.watermark.course import Costs, pieces
from provenance.watermark.tile import SLOT_S, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from detectors.content import Overlay
    from detectors.result import SegmentFacts, WatermarkFacts
    from provenance.keys import CarrierKey
    from provenance.watermark.course import Piece
    from provenance.watermark.detection import ClockCells, Detection

    Gains = Callable[[float, NDArray[np.float64]], NDArray[np.float64]]

_GRID_S = 0.05
_FREE = 8.0
"""Cells of a moment that err independently of each other and of the moments beside it. Fewer than
there are: an object spans several, and a second's fingerprint errs for all of its moments."""
_LEAST_ERROR = 0.02  # squared distance: a fingerprint's levels are no finer
_STRANGE = 6.0  # times the usual distance: further off is another picture, however far
_OUTSIDE_S, _OUTSIDE_NATS = 0.1, 12.0
"""How well a place beside the original is told from one in it, and what it costs at most."""
_CHANGED_NATS, _PACE_NATS, _LEAP_NATS = 6.0, 7.0, 20.0
_AGAIN_NATS = 7.0  # for a leap beside what is not of the original: there something was done
_ORDINARY = np.arange(0.92, 1.081, 0.01)  # speeds of conversions of frame rates
_ORDINARY_NATS = 8.0  # what one of them has to be worth
_STALE_NATS = 8.0
"""What one window of the clock may say against a second, at most: where nothing moves, a codec may
go on showing the signs of the second before, however loudly."""
_ADJACENT_S = 0.05
_QUIETEST_NEWS = 0.43  # what windows count for at least, of a picture that stands still


def with_passages(
    mark: WatermarkFacts, detection: Detection, overlay: Overlay | None
) -> WatermarkFacts:
    """``mark`` with the clock that the pictures speak for, too, where they can be asked."""
    if overlay is None or detection.clock_cells is None or detection.key is None:
        return mark
    clock = passages(detection.clock_cells, detection.key, overlay, mark.segments)
    return replace(mark, clock=clock) if clock else mark


def passages(
    cells: ClockCells, key: CarrierKey, overlay: Overlay, segments: Sequence[SegmentFacts]
) -> tuple[ClockFacts, ...]:
    """The parts of the original that are shown, in order of time; empty where it is too long.

    ``cells``: what the clock of the mark under ``key`` says. ``overlay``: the pictures in hand and
    those that were marked. ``segments``: where in time the mark is.
    """
    length_s = overlay.reference.duration_s
    if length_s >= LOOKED_S or len(cells.start_s) < 2:
        return ()
    signs = clock_table(lay_out(key), int(length_s / SLOT_S) + 2)
    clock = beside(cells, signs)
    start, stop = cells.start_s, cells.end_s
    best = clock.level * clock.fit.max(1) - clock.level**2 / 2
    positions = np.arange(0.0, length_s + _GRID_S, _GRID_S)
    moments = overlay.looks.between(start, stop)
    apart = unlikeness(moments, overlay.reference, overlay.found, positions)
    seen, strange = _seen(apart)
    foreign = _in(segments, "unmarked", start, stop) | (
        strange & ~_in(segments, "marked", start, stop)
    )

    def by_clock(speed: float, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        told = line_gain(clock, start - start[0], stop - start[0], 0, speed, offsets)
        return np.where(foreign, 0.0, np.maximum(told, best - _STALE_NATS))

    def by_pictures(speed: float, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        at = offsets[:, None] + speed * ((start + stop) / 2 - start[0])
        index = np.clip(np.rint(at / _GRID_S), 0, len(positions) - 1).astype(np.intp)
        half = np.abs(speed) * (stop - start) / 2
        beyond = np.maximum(np.maximum(half - at, at + half - length_s), 0) / _OUTSIDE_S
        told = seen[np.arange(len(start)), index] - np.minimum(beyond**2 / 2, _OUTSIDE_NATS)
        return np.where(foreign, 0.0, told)

    again = np.append(False, foreign[:-1] & ~foreign[1:])
    costs = Costs(
        changed=_CHANGED_NATS,
        pace=_PACE_NATS,
        leap=np.where(again, _AGAIN_NATS, _LEAP_NATS),
    )
    news = _QUIETEST_NEWS
    course: list[Piece] = []
    for _ in range(2):
        gains = _sum_of(by_clock, news, by_pictures)
        usual = _usual(gains, length_s, float(stop[-1] - start[0]))
        course = pieces(start, [0, int(length_s / SLOT_S)], gains, usual=usual, costs=costs)
        # Once it is known which second is shown, so is how much windows repeat each other.
        shown = np.clip(_shown(course, start, stop) / SLOT_S, 0, len(signs) - 1).astype(int)
        news = news_of(cells.values, signs[shown])
    alone = [(by_clock(*line)[0], by_pictures(*line)[0]) for line in _lines(course, start)]
    told: list[ClockFacts] = []
    for piece, (clocked, pictured) in zip(course, alone, strict=True):
        part = slice(piece.first, piece.last)
        worth = float((news * clocked + pictured)[part].sum())
        run = _run(piece, foreign[part], worth, start, stop)
        # Beside what is not of the original, less is known of where it goes on.
        goes_on = told and run and run[0].start_s - told[-1].end_s < _ADJACENT_S
        told += [replace(each, goes_on=bool(goes_on)) for each in run]
    return tuple(told)


def _seen(apart: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(T, S) log-likelihood ratios of the positions against another picture, and (T,): whether none
    of them is like what is shown.
    """
    nearest = np.nanmin(apart, 1, initial=4.0)
    blind = np.isnan(apart).any(1)
    if blind.all():
        return np.zeros(apart.shape), np.zeros(len(apart), bool)
    error = max(float(np.median(nearest[~blind])), _LEAST_ERROR)
    most = min(float(np.nanmedian(apart)), _STRANGE * error)
    gain = _FREE / 2 * (most - np.minimum(np.nan_to_num(apart, nan=most), most)) / error
    return gain, ~blind & (nearest >= most)


def _in(
    segments: Sequence[SegmentFacts],
    state: str,
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """(T,) whether the middle of each moment lies in a segment of ``state``."""
    middle = (start + stop) / 2
    inside = np.zeros(len(middle), bool)
    for part in segments:
        if part.state == state:
            inside |= (part.start_s <= middle) & (middle < part.end_s)
    return inside


def _sum_of(by_clock: Gains, news: float, by_pictures: Gains) -> Gains:
    return lambda speed, offsets: news * by_clock(speed, offsets) + by_pictures(speed, offsets)


def _usual(gains: Gains, original_s: float, length_s: float) -> float:
    """The speed of the whole: 1, or near it where frame rates were converted."""
    offsets = np.arange(-length_s, original_s, 2 * _GRID_S)
    worth = {float(speed): float(gains(float(speed), offsets).sum(1).max()) for speed in _ORDINARY}
    best = max(worth, key=lambda speed: worth[speed])
    normal = float(gains(1.0, offsets).sum(1).max())
    return round(best, 2) if worth[best] - normal > _ORDINARY_NATS else 1.0


def _lines(
    course: Sequence[Piece], start: NDArray[np.float64]
) -> list[tuple[float, NDArray[np.float64]]]:
    """Speed and offset at the first window of each piece of ``course``."""
    return [
        (part.speed, np.array([part.position_s - part.speed * (start[part.first] - start[0])]))
        for part in course
    ]


def _shown(
    course: Sequence[Piece], start: NDArray[np.float64], stop: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(W,) the moment of the original in the middle of each window."""
    return np.concatenate(
        [
            part.position_s
            + part.speed * ((start + stop)[part.first : part.last] / 2 - start[part.first])
            for part in course
        ]
    )


def _run(
    piece: Piece,
    foreign: NDArray[np.bool_],
    worth: float,
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
) -> list[ClockFacts]:
    """``piece`` without what is ``foreign`` at its ends; nothing where most of the rest is."""
    own = np.flatnonzero(~foreign)
    if not len(own) or len(own) <= (own[-1] - own[0] + 1) / 2:
        return []
    first, last = piece.first + int(own[0]), piece.first + int(own[-1])
    moved_s = piece.speed * float(start[first] - start[piece.first])
    return [
        ClockFacts(
            start_s=round(float(start[first]), 3),
            end_s=round(float(stop[last]), 3),
            original_start_s=round(max(0.0, piece.position_s + moved_s), 2),
            speed=round(piece.speed, 3),
            score=round(float(np.sqrt(2 * max(worth, 0.0))), 1),
        )
    ]
