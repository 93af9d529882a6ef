"""What is drawn over a picture and stands still while the picture goes on: a logo, a caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from provenance.watermark.rectangles import Rectangle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.watermark.spots import Spots

_STILL_LEVELS = 0.8  # usual change between windows below which a region stands still
_STILL_SHARE = 0.25  # and beside that of the rest of the picture
_SHARP = 9.0  # activity that the edges of what was drawn have: what was blurred has none
_VERY_SHARP = 24.0  # and that only what was drawn has all over the place
_HELD_LEVELS = 1  # change of a spot that counts as none
_MOVING_LEVELS = 1.5  # usual change of the picture, beside which stillness means something
_SHORTEST = 4  # windows
_SMALLEST, _LARGEST = 6, 0.3  # spots a side; of the picture
_FILLED = 0.6  # of the rectangle around them: spots that stand still
_TOGETHER = 2  # windows by which the spots of one thing come and go apart


class Drawn(NamedTuple):
    """``place`` stands still in windows ``first`` to ``last`` (not included)."""

    first: int
    last: int
    place: Rectangle


def stands_still(run: Sequence[Spots], place: Rectangle) -> bool:
    """Whether ``place`` shows something drawn that stands still in the windows of ``run``."""
    inside = np.zeros(run[0].brightness.shape, bool)
    inside[place.slices] = True
    if len(run) < 2 or inside.all():
        return False
    shown = np.stack([each.brightness for each in run]).astype(np.float32)
    sharp = np.stack([each.activity for each in run]).astype(np.float32).mean(0)[inside]
    # Medians: the rectangle is not cut to what was drawn to the spot, nor to the window.
    change = np.median(np.abs(np.diff(shown, axis=0)), axis=0)
    here, around = float(np.median(change[inside])), float(np.median(change[~inside]))
    if here > _STILL_LEVELS or float(np.quantile(sharp, 0.95)) < _SHARP:
        return False
    return here < _STILL_SHARE * around or float(np.quantile(sharp, 0.8)) > _VERY_SHARP


def drawn_places(run: Sequence[Spots]) -> list[Drawn]:
    """Rectangles that stand still for a second or more while most of the picture does not."""
    if len(run) < _SHORTEST:
        return []
    shown = np.stack([each.brightness for each in run]).astype(np.int16)
    change = np.abs(np.diff(shown, axis=0))
    if float(np.mean(np.median(change, axis=0))) < _MOVING_LEVELS:
        return []
    first, length = _longest(change <= _HELD_LEVELS)
    long = (length >= _SHORTEST - 1).astype(np.uint8)
    held = cv2.morphologyEx(long, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(held, connectivity=4)
    found = []
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[label])
        small = min(width, height) < _SMALLEST or area < _FILLED * width * height
        if small or width * height > _LARGEST * held.size:
            continue
        spots = labels == label
        start, stop = (float(np.median(edge[spots])) for edge in (first, first + length))
        together = np.abs(first[spots] - start) <= _TOGETHER
        if float(together.mean()) < _FILLED:
            continue
        place = Rectangle(top, left, top + height, left + width, 0.0)
        # As many windows as changes between them, and one.
        part = Drawn(round(start), min(round(stop) + 1, len(run)), place)
        if stands_still(run[part.first : part.last], place):
            found.append(part)
    return found


def _longest(held: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(first, length) of the longest run along time of (T, h, w) ``held``, (h, w) each."""
    run = np.zeros(held.shape[1:], np.intp)
    length, first = run.copy(), run.copy()
    for index, now in enumerate(held):
        run = np.where(now, run + 1, 0)
        longer = run > length
        length = np.where(longer, run, length)
        first = np.where(longer, index + 1 - run, first)
    return first, length
