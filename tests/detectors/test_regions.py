from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.regions import CONFIDENCE, much_missing, regions_of, tamper_map
from provenance.watermark.detection import AbsenceMap, Detection, MissingRegion
from tests.result_facts import file

MISSING = MissingRegion(start_s=1.0, end_s=3.0, box=(0.25, 0.5, 0.5, 0.25), nats=30.0, still=False)


def seen(share_told=1.0):
    grid = np.zeros((2, 4, 10), np.float32)
    grid.reshape(-1)[round(share_told * grid.size) :] = np.nan
    return AbsenceMap(times_s=(0.0, 1.0, 2.0), grid=grid)


@pytest.mark.parametrize(("still", "kind"), [(False, "region_replaced"), (True, "overlay")])
def test_a_region_in_pixels_of_the_file(still, kind):
    region = MissingRegion(start_s=1.0, end_s=3.0, box=MISSING.box, nats=30.0, still=still)
    (sign,), check = regions_of((region,), seen(), file(width=1280, height=720))
    assert (sign.kind, sign.start_s, sign.end_s) == (kind, 1.0, 3.0)
    assert sign.region == (320, 360, 640, 180)
    assert sign.confidence == CONFIDENCE
    assert check.state == "done"


def test_what_cannot_be_told_is_said():
    found, check = regions_of((), seen(0.8), file())
    assert (found, check.state) == ((), "done")
    assert "20 %" in check.detail
    found, check = regions_of((), seen(0.3), file())
    assert (found, check.state) == ((), "failed")


def test_pictures_that_were_not_looked_at_are_not_checked():
    assert regions_of(None, None, file())[1].state == "skipped"
    assert tamper_map(None, file()) is None


def test_the_map_of_the_result():
    shown = tamper_map(seen(), file(width=640, height=360))
    assert shown is not None
    assert (shown.width, shown.height, shown.times_s) == (640, 360, (0.0, 1.0, 2.0))


def test_a_large_region_or_much_of_the_map_is_much():
    large, small = (replace(MISSING, box=(0.0, 0.0, side, side)) for side in (0.5, 0.2))
    assert much_missing(Detection(detected=True, missing=(large,)))
    assert not much_missing(Detection(detected=True, missing=(small,), absence=seen()))
    gone = replace(seen(), grid=np.ones((2, 4, 10), np.float32))
    assert much_missing(Detection(detected=True, missing=(), absence=gone))
