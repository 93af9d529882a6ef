"""How much the opening of a file is worth, beside the rest."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from provenance.keys import CarrierKey
from provenance.payload import Payload, pack
from provenance.watermark import ClipDetector, ClipMarker
from provenance.watermark.evidence import LEVELS
from provenance.watermark.opening import folds, weighed
from provenance.watermark.search import KeySearch
from provenance.watermark.sync import SIDE, Folds, clipped
from provenance.watermark.tile import lay_out
from tests.drawn import natural_luma
from tests.provenance.watermark.test_evidence import collected

KEY = CarrierKey(name="test", secret=b"k" * 32)
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567890ABC)
LAYOUT = lay_out(KEY)
PATTERN = LAYOUT.steady_pattern(pack(PAYLOAD, KEY.secret))
HEIGHT, WIDTH = 240, 427


def cells(amplitude, noise, seed):
    told = np.random.default_rng(seed).normal(size=PATTERN.shape) * noise
    return (amplitude * PATTERN + told).astype(np.float32)


def gamma(told):
    signed = (told * PATTERN)[PATTERN != 0]
    return float(signed.mean() ** 2 / signed.var())


def gained(opening, rest):
    """By what weighing raises γ over the plain sum, in the mean of twenty draws."""
    pairs = [(cells(*opening, seed), cells(*rest, 100 + seed)) for seed in range(20)]
    ratios = [gamma(weighed(*pair, LAYOUT)) / gamma(pair[0] + pair[1]) for pair in pairs]
    return float(np.exp(np.mean(np.log(ratios))))


@pytest.mark.parametrize(
    ("opening", "rest", "least"),
    [
        ((1.0, 2.0), (3.0, 15.0), 2.0),  # loud at first and then hardly there
        ((1.0, 3.0), (7.0, 15.0), 1.1),  # louder at first
        ((0.5, 2.0), (7.0, 15.0), 0.97),  # about as loud as the rest
        ((0.0, 2.0), (7.0, 15.0), 0.95),  # without the mark
    ],
)
def test_the_pilot_says_how_much_each_part_is_worth(opening, rest, least):
    assert gained(opening, rest) > least


def test_a_part_that_says_nothing_is_no_error():
    told = cells(1.0, 2.0, 0)
    nothing = np.zeros_like(told)
    assert gamma(weighed(told, nothing, LAYOUT)) == pytest.approx(gamma(told))
    assert gamma(weighed(nothing, told, LAYOUT)) == pytest.approx(gamma(told))
    assert gamma(weighed(told, told, LAYOUT)) == pytest.approx(gamma(told))
    assert not weighed(nothing, nothing, LAYOUT).any()


def drawn(amplitude, noise, seed):
    """Both levels of maps of a 720-line frame as it was marked."""
    tile = np.kron(LAYOUT.pattern(pack(PAYLOAD, KEY.secret), 0), np.ones((2, 2), np.float32))
    plane = np.tile(tile, (4, 7))[:HEIGHT, :WIDTH]
    soft = amplitude * plane + noise * np.random.default_rng(seed).normal(size=plane.shape)
    return [np.asarray(soft, np.float32), np.asarray(soft[::2, ::2], np.float32)]


def test_a_mark_that_only_the_opening_carries_is_read_among_what_follows():
    opening, rest = drawn(0.15, 1.0, 0), drawn(0.0, 4.0, 1)
    asked = KeySearch(LAYOUT, 1280, 720)
    plain = [Folds(clipped(first + later)) for first, later in zip(opening, rest, strict=True)]
    assert asked.look(plain, "straight") is None
    weighty = [folds(first, later) for first, later in zip(opening, rest, strict=True)]
    payload, level, placement = asked.look(weighty, "straight")
    assert (payload, level) == (PAYLOAD, 0)
    assert placement.scale_x * SIDE == pytest.approx(SIDE, rel=0.01)


def test_evidence_sets_its_first_quarter_of_a_second_apart():
    evidence = collected(48)
    first, *later = (window.maps for window in evidence.windows)
    for maps, count in ((evidence.folds(), len(later)), (evidence.beginning(0.5), 1)):
        for level in range(LEVELS):
            opening, rest = maps[level].parts
            begun = first[level].astype(np.float32)
            said = np.sum([other[level] for other in later[:count]], 0, dtype=np.float32)
            assert np.corrcoef(opening.ravel(), clipped(begun).ravel())[0, 1] > 0.999
            assert rest == pytest.approx(clipped(said), abs=0.02)
            loudness = float(np.sqrt(np.mean(begun**2) / np.mean(said**2)))
            assert opening == pytest.approx(clipped(begun) * loudness, abs=0.02)


def test_a_mark_is_read_where_the_opening_is_none_of_the_video():
    """Half a second, of which the first half is another video, and the mark is faint."""
    plain = natural_luma(12, 720, 1280)
    marker = ClipMarker(payload=PAYLOAD, key=KEY, width=1280, height=720)
    shown = [plane[::-1, ::-1] for plane in plain[:6]]
    shown += [marker.mark(p, time_s=i / 24) for i, p in enumerate(plain)][6:]
    detector = ClipDetector(keys=[KEY], width=1280, height=720, reach="straight", regions=False)
    rng = np.random.default_rng(0)
    for index, plane in enumerate(shown):
        noisy = plane + rng.normal(size=plane.shape, scale=30)
        detector.add(np.clip(noisy, 0, 255).astype(np.uint8), time_s=index / 24)
    assert detector.finish().payload == PAYLOAD


def test_what_is_all_opening_or_silent_has_no_parts():
    for evidence in (collected(3), collected(0)):
        for level, told in enumerate(evidence.folds()):
            assert not told.parts
            assert told.soft_map == pytest.approx(clipped(evidence.totals[level]))
