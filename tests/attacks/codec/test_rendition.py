"""Smaller frames, fewer frames: sizes, times and content are those that were asked for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from attacks.base import Desk
from attacks.clip import frames_of, on_frames
from attacks.codec.rendition import RateCap, Scale
from provenance.clip import VideoSpec
from provenance.errors import OptionError
from tests.attacks.heard import chirp, clip_of, heard

WIDE = VideoSpec(width=192, height=108, rate=Fraction(24))


@pytest.fixture
def desk(tmp_path):
    return Desk(folder=tmp_path)


def clip(video=WIDE, seconds=1.0):
    return clip_of(chirp(seconds), video=video)


@pytest.mark.parametrize(
    ("size", "side", "wanted"),
    [
        ((1920, 1080), 720, (1280, 720)),
        ((1080, 1920), 720, (720, 1280)),
        ((1920, 1080), 480, (854, 480)),
        ((640, 360), 720, (640, 360)),
        ((641, 361), 720, (641, 361)),
        ((1921, 1081), 360, (640, 360)),
    ],
)
def test_the_shorter_side_counts(size, side, wanted):
    assert Scale(side=side).size(*size) == wanted


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full_range", [False, True])
def test_scaling_keeps_the_picture(bits, full_range, desk):
    video = replace(WIDE, bits=bits, full_range=full_range)
    # Smooth in both directions, so that a pixel's place can be told by its colour.
    ramp = np.zeros((108, 192, 3), np.uint8)
    ramp[..., 0] = np.linspace(20, 230, 192)
    ramp[..., 1] = np.linspace(30, 220, 108)[:, None]
    ramp[..., 2] = 90
    source = on_frames(clip(video), lambda _frame, _time: ramp)
    small = Scale(side=54).apply(source, desk)
    assert (small.video.width, small.video.height, small.video.bits) == (96, 54, bits)
    assert small.file is None
    wanted = ramp.reshape(54, 2, 96, 2, 3).mean(axis=(1, 3))
    for _, frame in frames_of(small):
        assert np.abs(frame[2:-2, 2:-2] - wanted[2:-2, 2:-2]).max() < 5
    picture = next(small.pictures())
    assert (picture.bits, picture.full_range) == (bits, full_range)


def test_what_is_small_already_stays(desk):
    source = clip()
    assert Scale(side=108).apply(source, desk) is source
    assert RateCap(rate=24).apply(source, desk) is source
    assert RateCap(rate=60).apply(source, desk) is source


@pytest.mark.parametrize(
    ("rate", "cap"), [(60, 30), (30, 24), (50, 30), (Fraction(60000, 1001), 30)]
)
def test_a_rate_cap_drops_frames_and_keeps_time_and_sound(rate, cap, desk):
    source = clip(replace(WIDE, rate=Fraction(rate)), seconds=2.0)
    capped = RateCap(rate=cap).apply(source, desk)
    pictures = list(capped.pictures())
    times = [p.time for p in pictures]
    assert capped.video.rate == cap
    assert capped.duration_s == source.duration_s
    assert len(times) == pytest.approx(cap * source.duration_s, abs=1)
    assert all(b - a == Fraction(1, cap) for a, b in pairwise(times))
    np.testing.assert_array_equal(heard(capped), heard(source))
    originals = [(p.time, p.luma) for p in source.pictures()]
    for picture in pictures:
        shown = [time for time, luma in originals if np.array_equal(luma, picture.luma)]
        assert len(shown) == 1
        assert 0 <= shown[0] - picture.time < Fraction(1, cap)


def test_out_of_range(desk):
    for transform in (Scale(side=2), RateCap(rate=0)):
        with pytest.raises(OptionError):
            transform.apply(clip(), desk)
