"""Regions of the picture in which the mark is missing though it is there around, in time and place.

The sum of what speaks for "missing" (:mod:`provenance.watermark.regions`) over a rectangle is what
decides, and the rectangle with the largest sum is found exactly (scan statistics: Kulldorff 1997,
doi:10.1080/03610929708831995), in stretches of half a second, of a second, and so on. What moves on
is found by :mod:`provenance.watermark.wandering`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from provenance.watermark.rectangles import Rectangle, largest_sum
from provenance.watermark.regions import Section, Stretch, section_of, stretches
from provenance.watermark.stillness import drawn_places, stands_still
from provenance.watermark.wandering import wandering

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from provenance.watermark.spots import Spots
    from provenance.watermark.wandering import Path

SURE_NATS = {2: 18.0, 4: 16.0, 8: 14.0}
"""What a rectangle needs in stretches of up to so many windows. The shorter, the more rectangles
there are, and the more a codec does from frame to frame."""
SURE_LONGER_NATS = 13.0
SURE_DRAWN_NATS, SURE_LONG_DRAWN_NATS = 10.0, 4.0
"""What a place needs that stands still while the picture does not: there are few of them. The
latter from this many windows on:"""
_LONG_DRAWN = 8
_LEAST_NATS = 7.0  # of a rectangle that is looked at at all
_WORTH_EDGING = 0.8  # of that, with spots joined: what edges spot by spot add is less than the rest
_TELLING = 0.12  # what has to be due on average for a stretch to tell anything
_STILL_THERE = 0.4  # share of what is due above which a region is not missing the mark
_FINEST = 2  # windows in the shortest stretch
_MOST_REGIONS = 6  # in a stretch
_SCANNED_ROWS = 30  # the scan takes H² W steps: of a finer grid, spots are joined
_SMALLEST = 6  # spots a side
_SEEN_LEVELS, _SEEN_TIMES, _SEEN_BESIDE = 3.0, 2.0, 1.5
"""Change of brightness with which something begins: beside what is usual in its place, and beside
the rest of the picture."""
_ENDS = 2
_NEAR = 2  # windows from a change to where the mark is seen to be missing
_FIRST_SHARE = 0.65  # of what is sure: so much is left out when it is learned anew what is due
_MUCH = 0.1  # of picture and time that is gone: so much changes what seems to be due
_CHUNK = 4  # windows of what moves that are told as one
_GAP = 3  # spots between rectangles that are one region
_SAME_TIME = 0.6
_PAID = -1.0  # nats a spot for going over what was found already

Box = tuple[float, float, float, float]
"""x, y, width, height"""


class Missing(NamedTuple):
    """A region without the mark: windows ``first`` to ``last`` (not included) and ``place``."""

    first: int
    last: int
    place: Rectangle


def missing_regions(spots: Sequence[Spots], section: Section | None = None) -> list[Missing]:
    """The regions of ``spots``, windows that follow each other, in which the mark is missing.

    ``section``: what they say, where that was worked out already.
    """
    section = section or section_of(spots)
    drawn = [Missing(*part) for part in drawn_places(spots)]
    found = [*_pass(section, None, _FIRST_SHARE), *drawn]
    if not found:
        return _paths(section, found)
    # Without them, what is due is seen better: more of the same may come to light.
    gone = _places(section, found)
    if gone.mean() >= _MUCH:
        gone = _places(section, [*_pass(section, gone, _FIRST_SHARE), *drawn])
    found = _pass(section, gone, 1.0)
    single = stretches(section, [(w, w + 1) for w in range(len(spots))], gone)
    found = [_timed(part, single) for part in _distinct(found)]
    lasting = [
        _between_changes(part, section, gone) or _drawn(part, spots, section, gone)
        for part in found
    ]
    # What was drawn is where and when it is seen to be.
    seen = [
        _held(
            part,
            section,
            gone,
            sure=SURE_LONG_DRAWN_NATS if part.last - part.first >= _LONG_DRAWN else SURE_DRAWN_NATS,
        )
        for part in drawn
    ]
    told = [part for part in seen if part is not None]
    kept = _distinct([part for part in lasting if part is not None], told)
    return _paths(section, _grouped(kept))


def _places(section: Section, found: Sequence[Missing]) -> NDArray[np.bool_]:
    """(T, h, w) where and when ``found`` are."""
    gone = np.zeros(section.evidence.shape, bool)
    for first, last, place in found:
        gone[(slice(first, last), *place.slices)] = True
    return gone


def _paths(section: Section, found: Sequence[Missing]) -> list[Missing]:
    """``found`` and what moves through the picture, about a second of it after the other.

    What lasts stays; of what is gone after a while, the path tells more.
    """
    count = len(section.evidence)
    nats = np.stack([each.nats for each in stretches(section, [(w, w + 1) for w in range(count)])])
    for first, last, place in found:
        if last - first == count:
            nats[(slice(first, last), *place.slices)] = _PAID
    path = wandering(nats)
    if not path:
        return list(found)
    told = sum(place.total for place in path.values())
    start, end = min(path), max(path) + 1
    moving = []
    for first in range(start, end, _CHUNK):
        last = min(first + _CHUNK, end)
        around = _around([path[w] for w in range(first, last)])
        moving.append(Missing(first, last, around._replace(total=told)))
    return [part for part in found if not _passed(part, path)] + moving


def _passed(part: Missing, path: Path) -> bool:
    """Whether ``part`` is where ``path`` is, half of the time."""
    met = sum(_shared(part.place, path[w]) > 0.3 for w in range(part.first, part.last) if w in path)
    return met >= (part.last - part.first) / 2


def _around(places: Sequence[Rectangle]) -> Rectangle:
    return Rectangle(
        min(place.top for place in places),
        min(place.left for place in places),
        max(place.bottom for place in places),
        max(place.right for place in places),
        sum(place.total for place in places),
    )


def _bins(count: int, length: int) -> Iterator[list[tuple[int, int]]]:
    """(first, last) of the windows that are added up: by ``length``, twice that … all of them."""
    while True:
        starts = list(range(0, max(1, count - length // 2), length))
        yield [(a, b) for a, b in zip(starts, [*starts[1:], count], strict=True)]
        if len(starts) == 1:
            return
        length *= 2


def _pass(
    section: Section,
    gone: NDArray[np.bool_] | None,
    share: float,
) -> list[Missing]:
    found: list[Missing] = []
    # A first look is for what lasts a second.
    length = _FINEST if gone is not None else 2 * _FINEST
    for bins in _bins(len(section.evidence), length):
        sure = share * SURE_NATS.get(length, SURE_LONGER_NATS)
        suspects = [
            suspect
            for stretch in stretches(section, bins, gone)
            if stretch.due.mean() >= _TELLING
            for suspect in _suspects(stretch)
        ]
        found += [suspect for suspect in suspects if suspect.place.total >= sure]
        length *= 2
    return found


def _suspects(stretch: Stretch) -> Iterator[Missing]:
    nats = stretch.nats.copy()
    for _ in range(_MOST_REGIONS):
        place = _scan(nats)
        if place.total < _LEAST_NATS:
            return
        due, ratio = stretch.due[place.slices], stretch.ratio[place.slices]
        if float((due * ratio).sum()) < _STILL_THERE * float((due * due).sum()):
            yield Missing(stretch.first, stretch.last, place)
        nats[place.slices] = _PAID


def _scan(nats: NDArray[np.float32]) -> Rectangle:
    """The best rectangle: with spots joined where the grid is fine, then its edges spot by spot."""
    height, width = nats.shape
    step = -(-height // _SCANNED_ROWS)
    if step == 1:
        return largest_sum(nats, shortest=_SMALLEST)
    rows, columns = height // step, width // step
    joined = nats[: rows * step, : columns * step].reshape(rows, step, columns, step).sum((1, 3))
    found = largest_sum(joined, shortest=max(2, _SMALLEST // step))
    if found.total < _WORTH_EDGING * _LEAST_NATS:
        return found
    return _edged(nats, [step * side for side in found[:4]], step)


def _edged(nats: NDArray[np.float32], sides: list[int], reach: int) -> Rectangle:
    """The best of the rectangles whose sides lie within ``reach`` of ``sides``."""
    sums = np.pad(nats.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    top, left, bottom, right = sides
    near = [
        np.clip(np.arange(side - reach, side + reach + 1), 0, most)
        for side, most in zip((top, left, bottom, right), nats.shape * 2, strict=True)
    ]
    up, west, down, east = np.meshgrid(*near, indexing="ij")
    total = sums[down, east] - sums[up, east] - sums[down, west] + sums[up, west]
    total[(down <= up) | (east <= west)] = -np.inf
    best = np.unravel_index(int(total.argmax()), total.shape)
    top, left, bottom, right = (int(side[best]) for side in (up, west, down, east))
    return Rectangle(top, left, bottom, right, float(total[best]))


def _shared(one: Rectangle, other: Rectangle) -> float:
    """Intersection over the smaller of both."""
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    width = min(one.right, other.right) - max(one.left, other.left)
    return max(0, height) * max(0, width) / min(one.area, other.area)


def _between_changes(part: Missing, section: Section, gone: NDArray[np.bool_]) -> Missing | None:
    """``part`` from the change of the picture in its place that begins it to the one that ends it.

    What lays something over a place, or takes it away, is seen there and not all over the picture;
    between two such changes, or an end of all there is, the mark is missing all the time. Else a
    codec, or what is shown, has dropped it for a while: None.
    """
    count = len(section.evidence)
    edges = _changes(section.brightness, part.place)
    first = max((at for at in edges if at <= part.first + _NEAR and at < part.last), default=0)
    last = min((at for at in edges if at >= part.last - _NEAR and at > first + 1), default=count)
    return _held(part._replace(first=first, last=last), section, gone)


def _drawn(
    part: Missing, spots: Sequence[Spots], section: Section, gone: NDArray[np.bool_]
) -> Missing | None:
    """``part`` if something stands still there while the mark is missing, however softly it came.

    A codec that drops the mark for a while does not hold the picture meanwhile.
    """
    if not stands_still(spots[part.first : part.last], part.place):
        return None
    return _held(part, section, gone)


def _held(
    part: Missing, section: Section, gone: NDArray[np.bool_], *, sure: float | None = None
) -> Missing | None:
    """``part`` with what it says all in all; None where that is too little.

    ``sure``: what is enough, by default what a rectangle needs that was looked for everywhere.
    """
    first, last, length = part.first, part.last, part.last - part.first
    for stretch in stretches(section, [(first, last)], gone):
        due, ratio = stretch.due[part.place.slices], stretch.ratio[part.place.slices]
        total = float(stretch.nats[part.place.slices].sum())
        needed = sure or next(
            (nats for most, nats in SURE_NATS.items() if length <= most), SURE_LONGER_NATS
        )
        there = float((due * ratio).sum()) >= _STILL_THERE * float((due * due).sum())
        if total >= needed and not there:
            return Missing(first, last, part.place._replace(total=total))
    return None


def _changes(brightness: NDArray[np.float32], place: Rectangle) -> list[int]:
    """Windows with which ``place`` begins to show something else, not the whole picture."""
    change = np.abs(np.diff(brightness, axis=0))
    here = change[(slice(None), *place.slices)].mean((1, 2))
    whole = change.mean((1, 2))
    outside = max(1, change[0].size - place.area)
    around = (whole * change[0].size - here * place.area) / outside
    usual = float(np.median(here)) if len(here) else 0.0
    stands_out = (
        (here >= _SEEN_LEVELS) & (here >= _SEEN_TIMES * usual) & (here >= _SEEN_BESIDE * around)
    )
    count = len(brightness)
    # A window or two at the ends of all there is say little: what misses them lasts throughout.
    return [
        0,
        *(int(at) + 1 for at in np.flatnonzero(stands_out) if _ENDS <= at < count - 1 - _ENDS),
        count,
    ]


def _timed(part: Missing, windows: Sequence[Stretch]) -> Missing:
    """``part`` from when to when what its place says, window by window, adds up to most."""
    told = np.array([float(each.nats[part.place.slices].sum()) for each in windows])
    # From the middle outwards, so that it stays the same event.
    middle = (part.first + part.last - 1) // 2
    after = np.cumsum(told[middle:])
    before = np.cumsum(told[: middle + 1][::-1])
    if max(after.max(), before.max()) <= 0:
        return part
    # Where nothing is due in so short a time, nothing says that it ends there.
    last = middle + int(np.flatnonzero(after >= after.max() - 1e-6)[-1]) + 1
    first = middle - int(np.flatnonzero(before >= before.max() - 1e-6)[-1])
    return part._replace(first=first, last=last)


def _grouped(found: Sequence[Missing]) -> list[Missing]:
    """``found``, rectangles that touch at the same time made one around them."""
    grouped: list[Missing] = []
    for part in sorted(found, key=lambda part: -part.place.total):
        for index, other in enumerate(grouped):
            common = min(part.last, other.last) - max(part.first, other.first)
            longer = max(part.last - part.first, other.last - other.first)
            if common >= _SAME_TIME * longer and _near(part.place, other.place):
                around = _around([part.place, other.place])
                first, last = min(part.first, other.first), max(part.last, other.last)
                grouped[index] = Missing(first, last, around)
                break
        else:
            grouped.append(part)
    return grouped if len(grouped) == len(found) else _grouped(grouped)


def _near(one: Rectangle, other: Rectangle) -> bool:
    gap_y = max(one.top, other.top) - min(one.bottom, other.bottom)
    gap_x = max(one.left, other.left) - min(one.right, other.right)
    return max(gap_y, gap_x) <= _GAP


def touching(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    return common / (one[2] * one[3] + other[2] * other[3] - common)


def _distinct(found: Sequence[Missing], told: Sequence[Missing] = ()) -> list[Missing]:
    """``told``, and ``found`` without what that or others, that are surer, say already."""
    kept = list(told)
    for part in sorted(found, key=lambda part: -part.place.total):
        covered = 0.0
        for other in kept:
            common = min(part.last, other.last) - max(part.first, other.first)
            if common > 0 and _shared(part.place, other.place) > 0.3:
                covered += common / (part.last - part.first)
        if covered < 0.5:
            kept.append(part)
    return sorted(kept, key=lambda part: (part.first, part.last, part.place))
