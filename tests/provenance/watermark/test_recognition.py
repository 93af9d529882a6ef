"""Which of the marks that are known is there, where none can be read: far below what reading takes,
and never by chance.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from provenance import fec
from provenance.keys import CarrierKey
from provenance.payload import Payload, pack
from provenance.video import open_media
from provenance.watermark import ClipDetector, ClipMarker
from provenance.watermark.carrier import MatchedFilterExtractor
from provenance.watermark.evidence import Evidence
from provenance.watermark.recognition import LARGEST_BOUND, Unread, recognise
from provenance.watermark.search import KeySearch
from provenance.watermark.sync import Placement
from provenance.watermark.tile import lay_out
from tests.drawn import natural_luma, write_luma

KEY = CarrierKey(name="test", secret=b"k" * 32)
OTHER = CarrierKey(name="other", secret=b"o" * 32)
TILE = lay_out(KEY)
HERE = Placement(scale_x=1.0, scale_y=1.0)
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567890ABC)
RATE = 24


def payloads(count, seed=1):
    draw = random.Random(seed)
    return [
        Payload(model=1, day=date(2026, 3, 24), content_id=draw.getrandbits(53))
        for _ in range(count)
    ]


def said(payload, *, gamma, seed=0, tile=TILE):
    """Cells that carry ``payload`` with so much energy."""
    noise = np.random.default_rng(seed).standard_normal((32, 32)).astype(np.float32)
    pattern = tile.steady_pattern(pack(payload, tile.key.secret))
    return Unread.of(TILE, np.float32(math.sqrt(gamma)) * pattern + noise, 0, HERE)


def found_in(unread, marks, **more):
    return recognise([unread], marks, KEY.secret, **more)


def test_a_known_mark_is_told_from_thousands_at_half_the_energy_that_reading_takes():
    others = payloads(3000)
    for seed in range(5):
        it = found_in(said(PAYLOAD, gamma=0.13, seed=seed), [*others, PAYLOAD])
        assert it is not None
        assert it.payload == PAYLOAD
        assert it.bound <= LARGEST_BOUND


def test_a_mark_that_is_not_known_is_not_taken_for_one_that_is():
    alike = [replace(one, content_id=one.content_id >> 24) for one in payloads(3000)]
    unprompted = replace(PAYLOAD, content_id=PAYLOAD.content_id >> 24)
    for gamma in (0.1, 0.2, 0.3, 3.0, 100.0):
        assert found_in(said(PAYLOAD, gamma=gamma), payloads(3000)) is None
        assert found_in(said(unprompted, gamma=gamma), alike) is None


def test_a_word_that_is_much_fainter_than_its_pilot_is_another_ones():
    """Of marks without a prompt some agree in three cells of five."""
    there = replace(PAYLOAD, content_id=PAYLOAD.content_id >> 24)
    loud = said(there, gamma=100.0)
    words = 1 - 2 * fec.encode(pack(there, KEY.secret)).astype(np.float32)
    nearest = max(
        (replace(one, content_id=one.content_id >> 24) for one in payloads(3000)),
        key=lambda one: float(words @ (1 - 2.0 * fec.encode(pack(one, KEY.secret)))),
    )
    assert found_in(replace(loud, pilot=0.0), [nearest]) is not None  # by its word alone
    assert found_in(loud, [nearest]) is None


def test_nothing_is_recognised_under_another_key_or_in_noise():
    marks = [*payloads(2000), PAYLOAD]
    assert found_in(said(PAYLOAD, gamma=10.0, tile=lay_out(OTHER)), marks) is None
    assert found_in(said(PAYLOAD, gamma=0.0), marks) is None
    assert found_in(Unread.of(TILE, np.zeros((32, 32), np.float32), 0, HERE), marks) is None
    assert recognise([], marks, KEY.secret) is None
    assert found_in(said(PAYLOAD, gamma=1.0), []) is None


def test_chance_keeps_to_the_bound_even_where_a_few_cells_shout():
    """One in thirty wrong marks surpasses what one in ten may."""
    draw = np.random.default_rng(5)
    cells = draw.standard_cauchy((32, 32)).astype(np.float32)
    words = np.stack(
        [
            TILE.steady_pattern(pack(payload, KEY.secret)).reshape(-1)[TILE.payload]
            for payload in payloads(3000)
        ]
    )
    values = cells.reshape(-1)[TILE.payload]
    scores = words @ (values / np.linalg.norm(values))
    for level in (1.0, 2.0, 3.0):
        assert (scores > level).mean() <= math.exp(-(level**2) / 2)
    assert scores.std() == pytest.approx(1, abs=0.1)  # and is no wider than it has to be


def test_every_place_every_mark_and_every_key_counts():
    faint = said(PAYLOAD, gamma=0.1)
    alone = found_in(faint, [PAYLOAD])
    many = found_in(faint, [*payloads(99), PAYLOAD])
    assert many.bound == pytest.approx(100 * alone.bound)
    places = recognise([faint, said(PAYLOAD, gamma=0.0)], [PAYLOAD], KEY.secret, searches=3)
    assert places.bound == pytest.approx(6 * alone.bound)
    assert places.where is faint


@pytest.fixture(scope="module")
def faint(tmp_path_factory):
    """A clip whose mark a codec has left too little of to be read."""
    planes = natural_luma(48, 360, 480, seed=3)
    marker = ClipMarker(payload=PAYLOAD, key=KEY, width=480, height=360)
    marked = [marker.mark(plane, time_s=i / RATE) for i, plane in enumerate(planes)]
    path = tmp_path_factory.mktemp("faint") / "faint.mp4"
    return write_luma(path, marked, crf=38, preset="medium")


def look(path, known=None, *, fast=False):
    with open_media(path) as media:
        video = media.info.video
        detector = ClipDetector(
            keys=[OTHER, KEY], width=video.width, height=video.height, fast=fast, known=known
        )
        for picture in media.pictures():
            detector.add(picture.luma, time_s=float(picture.time), bits=picture.bits)
        return detector.finish()


def test_a_file_whose_mark_cannot_be_read_is_recognised_among_those_known(faint):
    assert look(faint).payload is None
    others = payloads(500)
    it = look(faint, lambda: [*others, PAYLOAD])
    assert (it.detected, it.payload, it.key) == (True, PAYLOAD, KEY)
    assert it.recognised_among == 501
    assert it.false_positive_bound <= 1e-9
    assert it.geometry.shown == pytest.approx(1, abs=0.02)
    missing = look(faint, lambda: others)
    assert missing.payload is None
    assert missing.recognised_among is None


def test_what_is_known_is_asked_for_only_where_nothing_can_be_read(faint, tmp_path):
    def known():
        raise AssertionError("asked")

    assert look(faint, known, fast=True).payload is None  # --fast promises no such thing
    planes = natural_luma(24, 360, 480, seed=4)
    marker = ClipMarker(payload=PAYLOAD, key=KEY, width=480, height=360)
    clear = [marker.mark(plane, time_s=i / RATE) for i, plane in enumerate(planes)]
    read = look(write_luma(tmp_path / "clear.mp4", clear, crf=20), known)
    assert read.payload == PAYLOAD
    assert read.recognised_among is None


def test_shapes_that_stood_out_too_little_to_be_decoded_are_held_as_well(faint):
    with open_media(faint) as media:
        evidence = Evidence(MatchedFilterExtractor(), width=480, height=360)
        for picture in media.pictures():
            evidence.add(picture.luma, time_s=float(picture.time), bits=picture.bits)
    evidence.flush()
    search = KeySearch(TILE, 480, 360)
    assert search.unread() == []
    assert search.look(evidence.folds(), "straight") is None
    hasty = len(search.unread())
    assert search.look(evidence.folds(), "straight", patient=True) is None
    held = search.unread()
    assert len(held) > hasty + 64
    # The whole frame is among them, and there it is.
    it = recognise(held, [*payloads(99), PAYLOAD], KEY.secret)
    assert it.payload == PAYLOAD
    assert it.where.placement.scale_x * 2**it.where.level == pytest.approx(4 / 3, abs=0.01)
