"""Order and speed, by a faint clock and the fingerprint of what was marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.content import Overlay
from detectors.order import order_of
from detectors.passages import passages
from provenance.fingerprint import VideoFingerprinter, match
from provenance.keys import CarrierKey
from provenance.watermark.detection import ClockCells
from provenance.watermark.tile import CLOCK_CELLS, lay_out
from tests.result_facts import mark, segments
from tests.stored import scene

KEY = CarrierKey(name="test", secret=b"k" * 32)
MARK = lay_out(KEY)
SECONDS, RATE, WINDOW_S = 6, 8, 0.25
FAINT, LOUD = 0.3, 3.0
STILL = [0.0] * SECONDS * RATE
NOTHING = np.full((90, 160), 120, np.uint8)


def played(first_s, last_s, speed=1.0):
    """The moments of the original that are shown, ``RATE`` a second in hand."""
    count = round((last_s - first_s) / speed * RATE)
    return [first_s + index * speed / RATE for index in range(count)]


STRAIGHT = played(0, SECONDS)
REORDERED = [*played(0, 2), *played(4, 6), *played(2, 4)]
BACKWARDS = [*played(0, 1.5), *played(1.5, 4.5)[::-1], *played(4.5, 6)]
HELD = [*played(0, 2), *[2.0] * (3 * RATE // 2), *played(2, 6)]
CUT = [*played(0, 2), *played(3.5, 6)]


@pytest.fixture(scope="module")
def film():
    return scene(1, seconds=SECONDS)


def taken(planes):
    maker = VideoFingerprinter(RATE)
    for index, plane in enumerate(planes):
        maker.add(plane, index / RATE)
    return maker


def told(shown, film, *, level, parts=None):
    """What is found where ``shown`` moments of ``film`` follow each other; None is no part of it.

    ``level``: of the clock, in standard deviations a window.
    """
    pictures = taken([NOTHING if at is None else film[int(at * RATE)] for at in shown])
    reference = taken([film[int(at * RATE)] for at in STRAIGHT]).finish()
    looks = pictures.looks
    assert looks is not None
    start = np.arange(0, len(shown) / RATE, WINDOW_S)
    rng = np.random.default_rng(5)
    values = rng.normal(size=(len(start), CLOCK_CELLS))
    for window, at in enumerate(shown[:: round(WINDOW_S * RATE)]):
        if at is not None:
            values[window] += level / np.sqrt(CLOCK_CELLS) * MARK.clock_signs(int(at))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    cells = ClockCells(
        start_s=start, end_s=start + WINDOW_S, values=values.astype(np.float32), level=level
    )
    found = match(pictures.finish(), reference)
    overlay = Overlay(looks=looks, reference=reference, found=found)
    facts = mark(segments=segments(parts or "m" * round(len(shown) / RATE)))
    return facts, passages(cells, KEY, overlay, facts.segments)


def kinds(shown, film, **options):
    facts, runs = told(shown, film, **options)
    found, _ = order_of(replace(facts, clock=runs), complete=True)
    return [sign.kind for sign in found]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (STRAIGHT, []),
        (played(1.5, 6), []),
        (REORDERED, ["reordered"]),
        (BACKWARDS, ["reversed"]),
        (HELD, ["frozen"]),
        (CUT, ["cut"]),
    ],
)
def test_the_pictures_tell_where_the_clock_is_silent(film, shown, expected):
    assert kinds(shown, film, level=FAINT) == expected


@pytest.mark.parametrize(("shown", "expected"), [(STRAIGHT, []), (REORDERED, ["reordered"])])
def test_the_clock_tells_where_nothing_moves(film, shown, expected):
    still = np.repeat(film[:1], len(film), axis=0)
    assert kinds(shown, still, level=LOUD) == expected


def test_where_both_are_silent_nothing_is_claimed(film):
    still = np.repeat(film[:1], len(film), axis=0)
    assert kinds(REORDERED, still, level=FAINT) == []


def test_what_is_foreign_is_no_part_of_the_original(film):
    shown = [*played(0, 2), *[None] * 2 * RATE, *played(2, 6)]
    _, runs = told(shown, film, level=FAINT, parts="mmuummmm")
    assert [(run.start_s, run.end_s, run.speed) for run in runs] == [(0, 2, 1.0), (4, 8, 1.0)]
    assert runs[1].original_start_s == pytest.approx(2, abs=0.2)
    assert not runs[1].goes_on
