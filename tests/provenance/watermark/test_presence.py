"""That a mark is there, where it cannot be read: honest by chance, and sharper than reading."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pytest

from provenance.keys import CarrierKey
from provenance.payload import Payload
from provenance.video import open_media
from provenance.watermark import ClipDetector, ClipMarker
from provenance.watermark.carrier import MatchedFilterExtractor
from provenance.watermark.evidence import Evidence
from provenance.watermark.presence import PRESENT_P, p_anywhere, presence
from provenance.watermark.tile import lay_out
from tests.drawn import natural_luma, write_luma

KEY = CarrierKey(name="test", secret=b"k" * 32)
OTHER = CarrierKey(name="other", secret=b"o" * 32)
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567890ABC)
RATE = 24
TRIALS = 16


def heard(planes):
    height, width = planes[0].shape
    evidence = Evidence(MatchedFilterExtractor(), width=width, height=height)
    for index, plane in enumerate(planes):
        evidence.add(plane, time_s=index / RATE, bits=8)
    evidence.flush()
    return evidence


def wrong_tiles(name):
    secrets = (hashlib.sha256(f"{name} {index}".encode()).digest() for index in range(TRIALS))
    return [lay_out(CarrierKey(name="wrong", secret=secret)) for secret in secrets]


@pytest.fixture(scope="module")
def unmarked():
    """Evidence of six scenes, two of them marked under a key that is not asked for."""
    scenes = [natural_luma(24, 360, 480, seed=seed) for seed in range(20, 26)]
    marker = ClipMarker(payload=PAYLOAD, key=OTHER, width=480, height=360)
    for scene in scenes[:2]:
        scene[:] = [marker.mark(plane, time_s=i / RATE) for i, plane in enumerate(scene)]
    return [heard(scene) for scene in scenes]


def kolmogorov_smirnov(values):
    """The largest distance of the values' distribution from the uniform one, times √n."""
    values = np.sort(values)
    steps = np.arange(len(values) + 1) / len(values)
    distance = max(float((steps[1:] - values).max()), float((values - steps[:-1]).max()))
    return distance * np.sqrt(len(values))


def test_p_values_of_the_search_are_uniform_where_nothing_is(unmarked):
    found = [
        p_anywhere(evidence.totals, [tile], short_side=360)[0]
        for number, evidence in enumerate(unmarked)
        for tile in wrong_tiles(f"search {number}")
    ]
    # 1.63: the 1 % point of Kolmogorov's distribution.
    assert kolmogorov_smirnov(np.array(found)) < 1.63


def test_p_values_as_stated_are_never_too_small_where_nothing_is(unmarked):
    found = np.array(
        [
            presence(evidence, [tile], short_side=360)[0]
            for number, evidence in enumerate(unmarked)
            for tile in wrong_tiles(f"both {number}")
        ]
    )
    for level in (0.3, 0.1, 0.03, 0.01):
        expected = level * len(found)
        assert (found < level).sum() <= expected + 2.5 * np.sqrt(expected) + 1
    assert found.min() > 1e-4


def test_many_keys_are_paid_for(unmarked):
    tiles = wrong_tiles("many")
    p, index = presence(unmarked[2], tiles, short_side=360)
    single, _ = presence(unmarked[2], [tiles[index]], short_side=360)
    assert p == pytest.approx(min(1.0, TRIALS * single))


def test_silence_is_no_mark():
    evidence = heard([np.full((360, 480), 16, np.uint8)] * 12)
    assert presence(evidence, [lay_out(KEY)], short_side=360)[0] > 0.01
    empty = Evidence(MatchedFilterExtractor(), width=480, height=360)
    assert presence(empty, [lay_out(KEY)], short_side=360) == (1.0, 0)


@pytest.fixture(scope="module")
def crushed(tmp_path_factory):
    """Three seconds of 720p, marked and as drawn, at a quality at which nothing can be read."""
    plain = natural_luma(72, 720, 1280, seed=33)
    marker = ClipMarker(payload=PAYLOAD, key=KEY, width=1280, height=720)
    marked = [marker.mark(plane, time_s=i / RATE) for i, plane in enumerate(plain)]
    folder = tmp_path_factory.mktemp("crushed")
    return {
        name: write_luma(folder / f"{name}.mp4", planes, crf=CRUSHED)
        for name, planes in (("marked", marked), ("plain", plain))
    }


CRUSHED = 38


def detect(path, *, keys=(OTHER, KEY), fast=False):
    # The finer map, which is asked last, still reads this one: without it, presence has to do.
    detector = ClipDetector(keys=keys, width=1280, height=720, fast=fast, reach="straight")
    with open_media(path) as reader:
        for picture in reader.pictures():
            detector.add(picture.luma, time_s=float(picture.time))
    return detector.finish()


def test_a_mark_too_faint_to_be_read_is_present(crushed):
    result = detect(crushed["marked"])
    assert result.payload is None
    assert result.detected
    assert result.key == KEY
    assert result.presence_p < PRESENT_P
    assert (result.geometry, result.segments, result.clock) == (None, (), ())
    assert result.false_positive_bound == 1


def test_its_absence_is_no_presence(crushed):
    for path, keys in ((crushed["plain"], (OTHER, KEY)), (crushed["marked"], (OTHER,))):
        result = detect(path, keys=keys)
        assert not result.detected
        assert result.key is None
        assert 1e-3 < result.presence_p <= 1


def test_a_fast_search_does_not_ask(crushed):
    result = detect(crushed["marked"], fast=True)
    assert (result.detected, result.presence_p) == (False, None)
