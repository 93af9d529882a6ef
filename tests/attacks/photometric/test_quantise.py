"""Levels become fewer, blocks appear, chroma becomes coarse."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.base import Desk
from attacks.photometric.quantise import ChromaSubsample, Jpeg, Posterise, bayer
from tests.drawn import moving_frames
from tests.painted import grey, painted, ramp, rgb

DESK = Desk(folder=None)


def test_jpeg_gets_worse_with_less_quality_and_keeps_colours():
    (frame,) = moving_frames(1, 96, 128)
    clip = painted([frame])
    base = rgb(clip)[0].astype(float)
    errors = [np.abs(rgb(Jpeg(quality=q).apply(clip, DESK))[0] - base).mean() for q in (95, 50, 10)]
    assert errors[0] < errors[1] < errors[2]
    red = painted([np.full((32, 32, 3), (200, 40, 60), np.uint8)])
    (out,) = rgb(Jpeg(quality=90).apply(red, DESK))
    assert out.reshape(-1, 3).mean(axis=0) == pytest.approx((200, 40, 60), abs=4)


def test_jpeg_has_blocks():
    rng = np.random.default_rng(0)
    noisy = (ramp(128, 96) + rng.integers(-6, 6, (96, 128))).astype(np.uint8)
    (out,) = grey(Jpeg(quality=10).apply(painted([noisy]), DESK))
    steps = np.abs(np.diff(out, axis=1)).mean(axis=0)
    assert steps[7::8].mean() > 1.5 * np.delete(steps, np.s_[7::8]).mean()


def test_bands_have_few_levels():
    clip = painted([np.tile(np.arange(256, dtype=np.uint8), (16, 1))])
    (out,) = grey(Posterise(levels=4).apply(clip, DESK))
    wanted = np.rint(np.arange(256) / 85) * 85
    assert np.abs(out - wanted).max() <= 1.5


def test_dither_keeps_the_mean_where_bands_lose_it():
    clip = painted([np.full((64, 64), 100, np.uint8)])
    (bands,) = grey(Posterise(levels=4).apply(clip, DESK))
    (dots,) = grey(Posterise(levels=4, dither=True).apply(clip, DESK))
    assert bands.mean() == pytest.approx(85, abs=1)
    assert dots.mean() == pytest.approx(100, abs=1)
    assert set(np.unique(np.rint(dots / 85))) == {1, 2}


def test_dither_of_all_levels_changes_nothing():
    clip = painted([ramp()])
    (out,) = grey(Posterise(levels=256, dither=True).apply(clip, DESK))
    assert np.abs(out - grey(clip)[0]).max() <= 1


def test_the_pattern_has_every_number_once_in_balance():
    pattern = bayer()
    assert sorted(pattern.ravel()) == list(range(64))
    quarters = pattern.reshape(4, 2, 4, 2).sum(axis=(1, 3))
    assert np.ptp(quarters) <= 60  # of 252; by chance it would be twice as much


def test_coarse_chroma_keeps_luma():
    (frame,) = moving_frames(1, 48, 64)
    frame[:, ::8] = (220, 60, 40)
    clip = painted([frame])
    (before,), (after,) = clip.pictures(), ChromaSubsample(factor=4).apply(clip, DESK).pictures()
    assert np.array_equal(before.luma, after.luma)
    for plane, coarse in zip(before.planes[1:], after.planes[1:], strict=True):
        assert coarse.mean() == pytest.approx(plane.mean(), abs=1.5)
        assert np.diff(coarse.astype(float)).std() < 0.6 * np.diff(plane.astype(float)).std()
