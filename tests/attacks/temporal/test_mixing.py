"""Frames made of their neighbours."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from attacks.base import Desk
from attacks.temporal.mixing import FrameAverage, Interpolate, mixed
from tests.painted import centre_of_light, grey, heard, numbered, painted, times

DESK = Desk(folder=None)


@pytest.mark.parametrize("window", [1, 3, 5, 15])
def test_the_mean_of_the_frames_around(window):
    levels = [20, 200, 50, 90, 160, 30, 80, 120]
    clip = painted([np.full((16, 16), level, np.uint8) for level in levels])
    out = FrameAverage(window=window).apply(clip, DESK)
    half = window // 2
    wanted = [np.mean(levels[max(0, n - half) : n + half + 1]) for n in range(len(levels))]
    assert [frame.mean() for frame in grey(out)] == pytest.approx(wanted, abs=2)
    assert times(out) == times(clip)


def test_a_window_of_one_changes_nothing():
    clip = numbered(4)
    for one, two in zip(
        clip.pictures(), FrameAverage(window=1).apply(clip, DESK).pictures(), strict=True
    ):
        assert all(map(np.array_equal, one.planes, two.planes))


def test_averages_keep_ten_bits():
    clip = painted([np.full((16, 16), level, np.uint8) for level in (100, 101)], bits=10)
    luma = [int(picture.luma[0, 0]) for picture in clip.pictures()]
    (first, _) = FrameAverage(window=3).apply(clip, DESK).pictures()
    assert first.luma[0, 0] == round(sum(luma) / 2)
    assert luma[0] < first.luma[0, 0] < luma[1]


def blob(x, y=48):
    rows, columns = np.mgrid[0:96, 0:128]
    return (200 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 200)).astype(np.uint8)


def test_motion_is_followed():
    clip = painted([blob(40), blob(46), blob(52)], rate=Fraction(10))
    out = Interpolate(factor=2).apply(clip, DESK)
    assert out.video.rate == 20
    assert times(out) == [Fraction(n, 20) for n in range(6)]
    frames = grey(out)
    for number, x in enumerate((40, 43, 46, 49, 52, 52)):
        assert centre_of_light(frames[number]) == pytest.approx((x, 48), abs=0.5)
    # Mixed without motion it would be wider and paler.
    assert (
        np.abs(frames[1] - blob(43)).mean()
        < 0.7 * np.abs((blob(40).astype(float) + blob(46)) / 2 - blob(43)).mean()
    )


def test_thirds():
    out = Interpolate(factor=3).apply(painted([blob(40), blob(46)]), DESK)
    frames = grey(out)
    assert [round(centre_of_light(frame)[0]) for frame in frames] == [40, 42, 44, 46, 46, 46]


def test_given_frames_stay_and_sound_too():
    clip = numbered(5)
    out = Interpolate(factor=2).apply(clip, DESK)
    pictures = list(out.pictures())[::2]
    for one, two in zip(clip.pictures(), pictures, strict=True):
        assert all(map(np.array_equal, one.planes, two.planes))
    assert np.array_equal(heard(out), heard(clip))
    assert out.duration_s == clip.duration_s


def test_shares():
    one, two = numbered(2).pictures()
    assert mixed(one, two, 0.0) is one
    assert np.array_equal(mixed(one, two, 1.0).luma, two.luma)
