"""From a marked file to findings: a region exchanged, another marked video spliced in."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from detectors import verify
from detectors.watermark import search
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.payload import Payload
from provenance.video import open_media
from provenance.watermark import ClipMarker
from tests.drawn import natural_luma, write_luma

WIDTH, HEIGHT, RATE, COUNT = 640, 480, 10, 40
BOX = (320, 160, 224, 208)


def stamped(planes, content_id):
    payload = Payload(model=1, day=date(2026, 3, 24), content_id=content_id)
    marker = ClipMarker(payload=payload, key=DEFAULT_CARRIER_KEY, width=WIDTH, height=HEIGHT)
    return [marker.mark(plane, time_s=i / RATE) for i, plane in enumerate(planes)]


@pytest.fixture(scope="module")
def footage():
    return [natural_luma(COUNT, HEIGHT, WIDTH, seed=seed) for seed in (3, 4)]


@pytest.fixture(scope="module")
def marked(footage):
    return stamped(footage[0], 4711)


def verified(tmp_path, planes):
    clip = write_luma(tmp_path / "clip.mp4", planes, rate=Fraction(RATE), crf=20)
    return verify(clip, keys=(DEFAULT_CARRIER_KEY,), store=tmp_path / "none.sqlite")


def test_untouched_footage_has_no_findings_and_a_map_without_holes(tmp_path, marked):
    result = verified(tmp_path, marked)
    assert result.tampering == ()
    assert result.tampered is False
    assert result.tamper_map is not None
    assert np.nanmean(result.tamper_map.grid) < 0.2


def test_regions_that_are_not_asked_for_are_not_looked_for(tmp_path, marked):
    clip = write_luma(tmp_path / "clip.mp4", marked[:10], rate=Fraction(RATE), crf=20)
    for regions in (True, False):
        with open_media(clip) as media:
            found = search(media, (DEFAULT_CARRIER_KEY,), regions=regions).detection
        assert found.payload is not None
        assert (found.missing is not None, found.absence is not None) == (regions, regions)


def test_a_region_of_other_footage_is_found(tmp_path, footage, marked):
    x, y, w, h = BOX
    changed = [plane.copy() for plane in marked]
    for plane, other in zip(changed, footage[1], strict=True):
        plane[y : y + h, x : x + w] = other[y : y + h, x : x + w]
    result = verified(tmp_path, changed)
    assert [sign.kind for sign in result.tampering] == ["region_replaced"]
    left, top, width, height = result.tampering[0].region
    across = min(left + width, x + w) - max(left, x)
    down = min(top + height, y + h) - max(top, y)
    assert across * down / (width * height + w * h - across * down) > 0.5


def test_the_end_of_another_marked_video_is_a_splice(tmp_path, footage, marked):
    other = stamped(footage[1], 815)
    result = verified(tmp_path, marked[: COUNT // 2] + other[COUNT // 2 :])
    (sign,) = result.tampering
    assert sign.kind == "spliced"
    assert min(abs(sign.start_s - 2), abs(sign.end_s - 2)) < 0.3
    ids = {part.content_id for part in result.watermark.segments}
    assert len(ids - {None}) == 2
