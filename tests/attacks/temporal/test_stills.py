"""Pictures that stand still, and what is heard meanwhile."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from attacks.base import Desk
from attacks.temporal.stills import BlackEnds, Freeze, Pause
from provenance.errors import MediaTooShort
from tests.painted import heard, numbered, numbers, painted, times

DESK = Desk(folder=None)


def loudness(out):
    """Of the middle of every frame's time, as the frame's number."""
    sound = heard(out)
    assert len(sound) == round(out.duration_s * 8000)
    return [round(100 * float(sound[800 * n + 400, 0])) for n in range(len(sound) // 800)]


def on_the_grid(out):
    shown = numbers(out)
    assert times(out) == [Fraction(n, 10) for n in range(len(shown))]
    return shown


def test_a_pause_is_silent_and_loses_nothing():
    out = Pause(seconds=0.3, place=0.4).apply(numbered(10), DESK)
    assert on_the_grid(out) == [0, 1, 2, 3, 4, 4, 4, 4, 5, 6, 7, 8, 9]
    assert loudness(out) == [0, 1, 2, 3, 0, 0, 0, 4, 5, 6, 7, 8, 9]
    assert out.duration_s == pytest.approx(1.3)


@pytest.mark.parametrize("place", [0.0, 1.0])
def test_pauses_at_the_ends(place):
    out = Pause(seconds=0.2, place=place).apply(numbered(4), DESK)
    assert on_the_grid(out) == ([0, 0, 0, 1, 2, 3] if place == 0 else [0, 1, 2, 3, 3, 3])


def test_a_freeze_loses_pictures_and_no_sound():
    clip = numbered(10)
    out = Freeze(seconds=0.4, start=0.5).apply(clip, DESK)
    assert on_the_grid(out) == [0, 1, 2, 3, 3, 3, 3, 7, 8, 9]
    assert np.array_equal(heard(out), heard(clip))
    with pytest.raises(MediaTooShort):
        Freeze(seconds=1.1, start=0.5).apply(clip, DESK)


def test_black_around():
    out = BlackEnds(before_s=0.2, after_s=0.3).apply(numbered(3), DESK)
    assert on_the_grid(out) == [-1, -1, 0, 1, 2, -1, -1, -1]
    assert loudness(out) == [0, 0, 0, 1, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("bits", "full_range", "level"), [(8, False, 16), (10, False, 64), (8, True, 0)]
)
def test_black_is_black_in_every_format(bits, full_range, level):
    clip = painted([np.full((16, 16), 200, np.uint8)], bits=bits, full_range=full_range)
    first = next(BlackEnds(before_s=0.1, after_s=0.0).apply(clip, DESK).pictures())
    assert np.all(first.luma == level)
    assert all(np.all(plane == 1 << (bits - 1)) for plane in first.planes[1:])
    assert first.full_range == full_range
