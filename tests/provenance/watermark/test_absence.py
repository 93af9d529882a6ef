from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from provenance.watermark.absence import (
    SURE_NATS,
    Missing,
    _between_changes,
    missing_regions,
)
from provenance.watermark.rectangles import Rectangle
from provenance.watermark.region_search import RegionSearch, stands_still
from provenance.watermark.regions import due_by_picture, section_of
from provenance.watermark.spots import Spots

GRID = (40, 70)
PLACE = (slice(10, 26), slice(20, 44))


def windows(count=16, *, due=0.5, place=None, times=None, seed=0, held=False, seen=True):
    """Spots as a marked clip gives them, without the mark at ``place`` in windows ``times``.

    ``seen``: something brighter is laid over it; else the picture shows what it did.
    """
    rng = np.random.default_rng(seed)
    activity = np.tile(rng.uniform(1, 20, (5, 7)), (8, 10)).astype(np.float32)
    scene = np.tile(rng.integers(60, 180, (5, 7)), (8, 10))
    made = []
    for index in range(count):
        mean = due * (1 + activity) ** -0.2
        shown = scene + rng.integers(-20, 20, GRID)
        if place is not None and (times is None or index in times):
            mean[place] = 0
            if held:
                shown[place] = 90
            elif seen:
                shown[place] += 30
        made.append(
            Spots(
                start_s=index / 4,
                end_s=(index + 1) / 4,
                evidence=(rng.normal(size=GRID) + mean).astype(np.float16),
                activity=activity.astype(np.float16),
                brightness=shown.astype(np.uint8),
            )
        )
    return made


def overlap(box, place):
    rows, columns = place
    height = min(box.bottom, rows.stop) - max(box.top, rows.start)
    width = min(box.right, columns.stop) - max(box.left, columns.start)
    common = max(0, height) * max(0, width)
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return common / (box.area + area - common)


@pytest.mark.parametrize("seed", range(5))
def test_where_the_mark_is_all_over_nothing_is_missing(seed):
    assert missing_regions(windows(seed=seed)) == []


def test_where_hardly_any_mark_is_due_nothing_is_claimed():
    assert missing_regions(windows(due=0.02, place=PLACE)) == []


def test_a_region_without_the_mark_is_found_where_it_is():
    (found,) = missing_regions(windows(place=PLACE))
    assert found.first <= 1
    assert found.last >= 15
    assert overlap(found.place, PLACE) > 0.8


def test_it_is_found_when_it_is():
    (found,) = missing_regions(windows(place=PLACE, times=range(5, 12)))
    assert abs(found.first - 5) <= 2
    assert abs(found.last - 12) <= 2
    assert overlap(found.place, PLACE) > 0.7


def test_a_mark_that_is_lost_for_a_while_where_the_picture_goes_on_is_no_finding():
    lost = windows(place=PLACE, times=range(5, 12), seen=False)
    assert missing_regions(lost) == []
    # Nor where all of the picture changes, as it does at a cut.
    brighter = [
        replace(each, brightness=each.brightness + np.uint8(30 * (5 <= index < 12)))
        for index, each in enumerate(lost)
    ]
    assert missing_regions(brighter) == []


def part_of(first, last):
    rows, columns = PLACE
    return Missing(first, last, Rectangle(rows.start, columns.start, rows.stop, columns.stop, 0.0))


@pytest.mark.parametrize("guess", [(5, 12), (6, 11), (7, 10), (3, 14), (8, 12)])
def test_what_is_missing_reaches_from_the_change_that_begins_it_to_the_one_that_ends_it(guess):
    section = section_of(windows(place=PLACE, times=range(5, 12)))
    gone = np.zeros(section.evidence.shape, bool)
    gone[(slice(5, 12), *PLACE)] = True
    found = _between_changes(part_of(*guess), section, gone)
    assert (found.first, found.last) == (5, 12)
    assert found.place.total >= SURE_NATS[8]


def test_without_changes_it_has_to_be_missing_from_end_to_end():
    for times, sure in ((range(5, 12), False), (range(16), True)):
        section = section_of(windows(place=PLACE, times=times, seen=False))
        gone = np.zeros(section.evidence.shape, bool)
        gone[(slice(times.start, times.stop), *PLACE)] = True
        found = _between_changes(part_of(5, 12), section, gone)
        assert (found is not None) == sure
        assert found is None or (found.first, found.last) == (0, 16)


def test_a_change_that_is_far_from_where_it_is_missing_does_not_bound_it():
    section = section_of(windows(place=PLACE, times=range(3, 13)))
    gone = np.zeros(section.evidence.shape, bool)
    gone[(slice(3, 13), *PLACE)] = True
    # From the change at 3, not from the beginning; to 13, and not to the end.
    found = _between_changes(part_of(7, 9), section, gone)
    assert (found.first, found.last) == (3, 13)
    # With the mark there again before the picture changes, it is nothing that was laid over it.
    back = [
        replace(spots, evidence=with_mark.evidence) if index >= 8 else spots
        for index, (spots, with_mark) in enumerate(
            zip(windows(place=PLACE, times=range(3, 13)), windows(), strict=True)
        )
    ]
    assert _between_changes(part_of(3, 8), section_of(back), np.zeros_like(gone)) is None


def test_what_is_due_falls_with_activity_and_never_grows():
    rng = np.random.default_rng(1)
    activity = rng.uniform(1, 30, 20_000).astype(np.float32)
    depths = np.stack([np.log(activity), np.zeros_like(activity), np.zeros_like(activity)])
    falling = (0.9 * activity**-0.3 + rng.normal(0, 1, activity.shape)).astype(np.float32)
    level, slopes = due_by_picture(falling, depths)
    assert slopes[0] == pytest.approx(-0.3, abs=0.1)
    assert level == pytest.approx(0.9, abs=0.2)
    growing = (0.1 * activity**0.3 + rng.normal(0, 1, activity.shape)).astype(np.float32)
    assert due_by_picture(growing, depths)[1][0] == 0


def test_the_search_gives_seconds_shares_and_a_map():
    search = RegionSearch()
    for spots in windows(place=PLACE, held=True):
        search.add(spots)
    (region,), absence = search.finish()
    assert region.start_s <= 0.5
    assert region.end_s >= 3.5
    assert region.still
    x, y, width, height = region.box
    assert (x * 70, y * 40) == pytest.approx((20, 10), abs=2)
    assert (width * 70, height * 40) == pytest.approx((24, 16), abs=3)
    assert absence is not None
    assert absence.times_s == pytest.approx([0, 1, 2, 3, 4])
    inside = absence.grid[:, 6:12, 11:21]
    assert np.nanmean(inside) > 0.5 > np.nanmean(absence.grid[:, :, 24:])


def test_moving_footage_does_not_stand_still():
    (found,) = missing_regions(windows(place=PLACE))
    assert not stands_still(windows(place=PLACE), found.place)


def test_nothing_taken_in_gives_no_map():
    assert RegionSearch().finish() == ((), None)
