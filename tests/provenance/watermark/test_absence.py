from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from provenance.watermark.absence import missing_regions
from provenance.watermark.region_search import RegionSearch, stands_still
from provenance.watermark.regions import due_by_picture
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
