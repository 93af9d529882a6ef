from __future__ import annotations

import numpy as np
import pytest

from provenance.watermark.rectangles import Rectangle
from provenance.watermark.spots import Spots
from provenance.watermark.stillness import drawn_places, stands_still

GRID, COUNT = (40, 70), 16
PLACE = (slice(26, 36), slice(15, 55))


def windows(*, times=range(4, 12), sharp=40.0, moving=True, seed=0):
    """Spots of a picture that moves, with something that stands still in ``times``."""
    rng = np.random.default_rng(seed)
    scene, made = rng.integers(60, 180, GRID), []
    for index in range(COUNT):
        shown = rng.integers(60, 180, GRID) if moving else scene.copy()
        activity = np.full(GRID, 5.0)
        if index in times:
            shown[PLACE] = 90
            activity[PLACE] = rng.uniform(0, sharp, activity[PLACE].shape)
        made.append(
            Spots(
                start_s=index / 4,
                end_s=(index + 1) / 4,
                evidence=np.zeros(GRID, np.float16),
                activity=activity.astype(np.float16),
                brightness=shown.astype(np.uint8),
            )
        )
    return made


@pytest.mark.parametrize("times", [range(4, 12), range(COUNT)])
def test_what_is_drawn_is_found_where_and_when_it_is(times):
    (found,) = drawn_places(windows(times=times))
    assert (found.first, found.last) == (times.start, times.stop)
    sides = (PLACE[0].start, PLACE[1].start, PLACE[0].stop, PLACE[1].stop)
    assert np.abs(np.subtract(found.place[:4], sides)).max() <= 1


def test_what_moves_or_was_blurred_or_is_gone_at_once_is_not_drawn():
    assert drawn_places(windows(times=())) == []
    assert drawn_places(windows(sharp=6.0)) == []
    assert drawn_places(windows(times=range(4, 6))) == []


def test_where_all_stands_still_stillness_says_nothing():
    assert drawn_places(windows(moving=False)) == []
    assert drawn_places(windows()[:1]) == []


def test_a_place_stands_still_beside_a_picture_that_moves():
    place = Rectangle(26, 15, 36, 55, 0.0)
    assert stands_still(windows()[4:12], place)
    assert not stands_still(windows(times=())[4:12], place)
    assert not stands_still(windows(sharp=6.0)[4:12], place)
