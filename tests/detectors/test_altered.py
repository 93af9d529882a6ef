"""Places that are not what was marked, told by its fingerprint."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.altered import Altered, altered
from detectors.content import Overlay
from detectors.regions import regions_of
from detectors.result import FileFacts
from provenance.fingerprint import VideoFingerprinter, match
from provenance.watermark.detection import AbsenceMap, MissingRegion
from tests.result_facts import clock
from tests.stored import scene

SECONDS, RATE = 5, 8
FILM = scene(1, seconds=SECONDS)
PLACE = (slice(27, 63), slice(40, 80))  # of 90 x 160
BOX = (0.25, 0.3, 0.25, 0.4)
WHOLE_TIME = clock((0, SECONDS, 0))


def covered(with_what, first=0, last=SECONDS):
    out = FILM.copy()
    frames = slice(first * RATE, last * RATE)
    out[(frames, *PLACE)] = np.broadcast_to(with_what, FILM.shape)[(frames, *PLACE)]
    return out


def taken(frames):
    maker = VideoFingerprinter(RATE)
    maker.add(frames, np.arange(len(frames)) / RATE)
    return maker


def found_in(frames, runs=WHOLE_TIME):
    maker = taken(frames)
    reference = taken(FILM).finish()
    looks = maker.looks
    assert looks is not None
    found = match(maker.finish(), reference)
    return altered(Overlay(looks=looks, reference=reference, found=found), runs)


def encoded(frames):
    noise = np.random.default_rng(3).normal(0, 3, frames.shape)
    return np.clip(frames * 1.15 - 8 + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("frames", "still", "time_s"),
    [
        (covered(30), True, (0, SECONDS)),
        (covered(scene(2, seconds=SECONDS)), False, (0, SECONDS)),
        (encoded(covered(30, 1, 4)), True, (1, 4)),
    ],
)
def test_a_place_that_shows_something_else(frames, still, time_s):
    (place,) = found_in(frames)
    assert place.box == pytest.approx(BOX, abs=0.11)
    assert (place.start_s, place.end_s) == time_s
    assert place.still == still


@pytest.mark.parametrize("frames", [FILM, encoded(FILM)])
def test_what_was_marked_is_not_altered(frames):
    assert found_in(frames) == ()


def test_between_cuts_nothing_is_compared():
    assert found_in(covered(30), clock((0, 2, 0), (2, SECONDS, 2.5))) == ()
    assert found_in(covered(30), clock((0, SECONDS, 0, 1.25))) == ()


MAP = AbsenceMap(times_s=(0.0, 5.0), grid=np.zeros((1, 2, 2), np.float32))
FILE = FileFacts(name="a.mp4", path="a.mp4", width=320, height=180)
HERE = Altered(start_s=1, end_s=4, box=(0.25, 0.3, 0.25, 0.4), nats=90, still=True)


def missing(box):
    return MissingRegion(start_s=0, end_s=3, box=box, nats=30, still=False)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ((), [("overlay", (80, 54, 80, 72))]),
        ((missing((0.3, 0.3, 0.2, 0.3)),), [("region_replaced", (96, 54, 64, 54))]),
        (
            (missing((0.7, 0.3, 0.2, 0.3)),),
            [("region_replaced", (224, 54, 64, 54)), ("overlay", (80, 54, 80, 72))],
        ),
    ],
)
def test_mark_and_fingerprint_tell_a_place_once(marks, expected):
    signs, _ = regions_of(marks, MAP, FILE, (HERE,))
    assert [(sign.kind, sign.region) for sign in signs] == expected


def test_grain_that_a_codec_takes_from_flat_seconds_is_no_change():
    film = FILM.copy()
    grain = np.random.default_rng(5).normal(0, 2, film[RATE : 4 * RATE, ::9, ::10].shape)
    coarse = np.repeat(np.repeat(grain, 9, 1), 10, 2)  # as large as what a fingerprint sees
    film[RATE : 4 * RATE] = np.clip(90 + coarse.mean(0), 0, 255)
    plain = film.copy()
    plain[RATE : 4 * RATE] = 90
    reference, maker = taken(film).finish(), taken(plain)
    looks = maker.looks
    assert looks is not None
    found = match(maker.finish(), reference)
    assert altered(Overlay(looks=looks, reference=reference, found=found), WHOLE_TIME) == ()
