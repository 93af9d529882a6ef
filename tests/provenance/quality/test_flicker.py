"""Flicker is what a mark moves by itself, whatever the picture does."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.errors import FrameError, OptionError
from provenance.quality import Flicker, LumaQuality
from tests.drawn import natural_luma

PLAIN = natural_luma(6, 64, 96, seed=4)
PATTERN = 2 * np.random.default_rng(0).integers(0, 2, (64, 96)) - 1


def flicker_of(residuals, *, plain=PLAIN, **options):
    meter = Flicker(**options)
    for frame, residual in zip(plain, residuals, strict=True):
        meter.add(frame, (frame.astype(np.int16) + residual).astype(frame.dtype))
    return meter.result()


def test_what_stands_still_does_not_flicker():
    assert flicker_of([0] * 6) == 0
    assert flicker_of([3 * PATTERN] * 6) == 0


def test_a_residual_that_turns_its_sign_flickers_by_twice_its_size():
    assert flicker_of([3 * PATTERN * (-1) ** i for i in range(6)]) == pytest.approx(6)


def test_the_faster_it_changes_the_more_it_flickers():
    slow = flicker_of([PATTERN * (-1) ** (i // 3) for i in range(6)])
    fast = flicker_of([PATTERN * (-1) ** i for i in range(6)])
    assert slow == pytest.approx(2 / 5**0.5)
    assert fast == pytest.approx(2)


def test_rows_stand_for_the_picture():
    residuals = [3 * PATTERN * (-1) ** i for i in range(6)]
    assert flicker_of(residuals, rows=16) == pytest.approx(6)


def test_ten_bits_are_on_the_scale_of_eight():
    meter = Flicker()
    for index, frame in enumerate(PLAIN):
        deep = frame.astype(np.uint16) << 2
        meter.add(deep, deep + np.uint16(4 * (index % 2)), bits=10)
    assert meter.result() == pytest.approx(1)


def test_the_summary_looks_at_all_frames_where_others_are_sampled():
    quality = LumaQuality(every=24)
    for index, frame in enumerate(PLAIN):
        quality.add(frame, frame + np.uint8(index % 2))
    assert quality.result().flicker == pytest.approx(1)


def test_one_frame_does_not_flicker():
    assert flicker_of([5], plain=PLAIN[:1]) is None


def test_planes_that_do_not_fit_are_refused():
    meter = Flicker()
    meter.add(PLAIN[0], PLAIN[0])
    with pytest.raises(FrameError):
        meter.add(PLAIN[0], PLAIN[0][:-1])
    with pytest.raises(FrameError):
        meter.add(PLAIN[0][:-1], PLAIN[0][:-1])
    with pytest.raises(OptionError):
        Flicker(rows=0)
