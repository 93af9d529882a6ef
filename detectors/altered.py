"""Places in the picture that show something else than what was marked, by its fingerprint.

The mark is missing where something was laid over it, too, and says so to the pixel
(:mod:`detectors.regions`); but where little of it has survived it says nothing, and there the
fingerprint of what was marked still does, as coarsely as its cells are. A place that was blurred
or inpainted well looks the same to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provenance.fingerprint.departure import Moment, departure
from provenance.fingerprint.geometry import COLUMNS, ROWS, WHOLE
from provenance.watermark.rectangles import largest_sum

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from detectors.content import Overlay
    from detectors.result import ClockFacts
    from provenance.fingerprint import Looks, Window
    from provenance.fingerprint.departure import Departure
    from provenance.watermark.rectangles import Rectangle

SURE_NATS = 25.0
_MOST_PLACES = 8
_FOUND_NATS = -1.0  # a cell, of what was found already
_WHOLE = 0.06  # share of the picture by which a comparison of whole ones may be off
_SHORTEST_S = 0.9  # of a second: less of it may look different
_USUAL = 0.08  # by which the speed may be another: of conversions of frame rates
_EDGE_S = 0.15
_LONG = 12  # moments from which on lengths are tried by powers of two
_STEADY = 0.8  # share of the moments in which a cell of something that stands still departs
_STILL_LEVELS = 0.55
_QUIETEST = 0.25  # of those cells: at its edges, what moves beside it is in them, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """``box``: x, y, width and height as shares of the picture. ``still``: it stands still."""

    start_s: float
    end_s: float
    box: tuple[float, float, float, float]
    nats: float
    still: bool


def altered(overlay: Overlay | None, clock: Sequence[ClockFacts]) -> tuple[Altered, ...]:
    """The places of ``overlay`` that are others, surest first; ``clock`` says what is shown when.

    Only whole pictures are compared, and only where all of them go on as the original does: beside
    cuts, seconds are put together otherwise.
    """
    if overlay is None or overlay.found.mirrored or not _is_whole(overlay.found.window or WHOLE):
        return ()
    if len(clock) != 1 or abs(clock[0].speed - 1) > _USUAL:
        return ()
    told = departure(overlay.looks, overlay.reference, list(_moments(clock[0])))
    if told is None:
        return ()
    left = told.nats.copy()
    found: list[Altered] = []
    while len(found) < _MOST_PLACES:
        first, last, place = max(
            ((a, b, largest_sum(left[a:b].sum(0))) for a, b in _stretches(len(left))),
            key=lambda one: one[2].total,
        )
        if place.total < SURE_NATS:
            break
        found.append(_place(told, overlay.looks, first, last, place))
        left[(slice(first, last), *place.slices)] = _FOUND_NATS
    return tuple(found)


def _is_whole(window: Window) -> bool:
    off = (window.left, window.top, window.width - 1, window.height - 1)
    return max(abs(each) for each in off) <= _WHOLE


def _moments(run: ClockFacts) -> Iterator[Moment]:
    """The seconds in hand that ``run`` covers."""
    for second in range(int(run.start_s), math.ceil(run.end_s)):
        start_s, end_s = float(second), min(second + 1.0, run.end_s)
        if start_s >= run.start_s - _EDGE_S and end_s - start_s >= _SHORTEST_S:
            shown_s = run.original_start_s + run.speed * ((start_s + end_s) / 2 - run.start_s)
            yield Moment(start_s, end_s, shown_s)


def _stretches(count: int) -> Iterator[tuple[int, int]]:
    for first in range(count):
        for last in range(first + 1, count + 1):
            length = last - first
            if count <= _LONG or length == count or length & (length - 1) == 0:
                yield first, last


def _place(told: Departure, looks: Looks, first: int, last: int, place: Rectangle) -> Altered:
    start_s, end_s = told.moments[first].start_s, told.moments[last - 1].end_s
    steady = (told.nats[first:last] > 0).mean(0)[place.slices] >= _STEADY
    # Its first and last moment it may fill in part.
    inner = told.moments[first + 1 : last - 1] if last - first > 2 else told.moments[first:last]
    shown = (looks.times_s >= inner[0].start_s) & (looks.times_s < inner[-1].end_s)
    unrest = looks.means[(shown, *place.slices)].std(0)
    still = bool(steady.any()) and float(np.quantile(unrest[steady], _QUIETEST)) <= _STILL_LEVELS
    return Altered(
        start_s=start_s,
        end_s=end_s,
        box=(
            place.left / COLUMNS,
            place.top / ROWS,
            (place.right - place.left) / COLUMNS,
            (place.bottom - place.top) / ROWS,
        ),
        nats=place.total,
        still=still,
    )
