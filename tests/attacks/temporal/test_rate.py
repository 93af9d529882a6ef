"""Which frames are shown when, and whether sound stays with them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from attacks.base import Desk
from attacks.clip import encode, open_clip
from attacks.temporal.rate import (
    ATTACKS,
    DropFrames,
    DuplicateFrames,
    FrameRate,
    Speed,
    SwapFrames,
)
from provenance.video import EncodeSettings
from tests.painted import grey, heard, numbered, numbers, painted, times

DESK = Desk(folder=None)


def new(name, strength, seed=0):
    (attack,) = [attack for attack in ATTACKS if attack.name == name]
    return attack.draw(strength, np.random.default_rng(seed))


def test_dropped_frames_are_gone_and_the_rest_keep_their_times():
    clip = numbered(50)
    out = DropFrames(share=0.5, seed=1).apply(clip, DESK)
    shown = numbers(out)
    assert 10 < len(shown) < 40
    assert shown[0] == 0
    assert times(out) == [Fraction(number, 10) for number in shown]
    assert np.array_equal(heard(out), heard(clip))
    assert out.duration_s == clip.duration_s


@pytest.mark.parametrize(("share", "left"), [(0.0, 50), (1.0, 1)])
def test_none_and_all_but_the_first(share, left):
    assert len(numbers(DropFrames(share=share, seed=1).apply(numbered(50), DESK))) == left


def test_duplicates_replace_what_comes_next():
    clip = numbered(50)
    out = DuplicateFrames(share=0.5, seed=1).apply(clip, DESK)
    shown = numbers(out)
    assert times(out) == times(clip)
    own = [number == index for index, number in enumerate(shown)]
    assert 10 < sum(own) < 40
    for index in range(1, 50):
        assert shown[index] in (index, shown[index - 1])


def test_pairs_are_swapped():
    clip = numbered(9)
    out = SwapFrames(share=1.0, seed=1).apply(clip, DESK)
    assert numbers(out) == [1, 0, 3, 2, 5, 4, 7, 6, 8]
    assert times(out) == times(clip)
    some = numbers(SwapFrames(share=0.5, seed=1).apply(numbered(50), DESK))
    assert 5 < sum(number != index for index, number in enumerate(some)) < 45
    assert sorted(some) == list(range(50))


@pytest.mark.parametrize(
    ("factor", "wanted"),
    [
        (0.5, [0, 2, 4, 6, 8]),
        (0.8, [0, 1, 2, 4, 5, 6, 7, 9]),
        (2.0, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]),
    ],
)
def test_another_rate_shows_the_nearest_frames_over_the_same_time(factor, wanted):
    clip = numbered(10)
    out = FrameRate(factor=factor).apply(clip, DESK)
    assert numbers(out) == wanted
    rate = 10 * Fraction(factor).limit_denominator(10)
    assert out.video.rate == rate
    assert times(out) == [n / rate for n in range(len(wanted))]
    assert out.duration_s == clip.duration_s
    assert np.array_equal(heard(out), heard(clip))


def test_blending_mixes_by_distance():
    out = FrameRate(factor=2.0, blend=True).apply(numbered(4), DESK)
    levels = [frame.mean() for frame in grey(out)]
    assert levels == pytest.approx([20, 22, 24, 26, 28, 30, 32, 32], abs=1)


def test_frames_that_fall_together_are_untouched():
    clip = numbered(10)
    whole = list(clip.pictures())
    for index, picture in enumerate(FrameRate(factor=2.0, blend=True).apply(clip, DESK).pictures()):
        if index % 2 == 0:
            assert np.array_equal(picture.luma, whole[index // 2].luma)


@pytest.mark.parametrize("factor", [0.5, 1.25, 2.0])
def test_speed_scales_pictures_and_sound(factor):
    clip = numbered(20)
    out = Speed(factor=factor).apply(clip, DESK)
    assert numbers(out) == list(range(20))
    assert out.duration_s == pytest.approx(2 / factor)
    assert times(out)[7] == Fraction(7, 10) / Fraction(factor)
    sound = heard(out)
    assert len(sound) == round(16000 / factor)
    # In the middle of the time of frame n, its own loudness is heard.
    for number, time in enumerate(times(out)):
        middle = round((float(time) + 0.05 / factor) * 8000)
        assert sound[middle, 0] == pytest.approx(number / 100, abs=2e-3)


def test_speed_at_the_same_rate():
    out = new("speed_same_rate", 2.0).apply(numbered(20), DESK)
    assert out.video.rate == 10
    assert numbers(out) == list(range(0, 20, 2))
    assert len(heard(out)) == 8000


def test_dropped_frames_are_made_anew():
    """A disc that moves evenly is between its neighbours where a frame was dropped."""
    y, x = np.mgrid[0:96, 0:128]
    frames = [
        (60 + 120 * np.exp(-((x - 30 - 4 * n) ** 2 + (y - 48) ** 2) / 200)).astype(np.uint8)
        for n in range(9)
    ]
    out = grey(new("interpolate_dropped", 2.0).apply(painted(frames), DESK))
    assert len(out) == 9
    for n in (1, 3, 5):
        off = np.abs(out[n] - frames[n]).mean()
        assert off < 0.5 * np.abs(frames[n - 1].astype(float) - frames[n]).mean()


def test_a_changed_rate_keeps_its_sound_in_a_file(tmp_path):
    """A click and a flash at the same time are so after the file is written and read again."""
    frames = [np.full((48, 64), 200 if 10 <= n < 15 else 30, np.uint8) for n in range(30)]
    sound = np.zeros((48_000 * 3, 1), np.float32)
    wave = 0.5 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 48_000)
    sound[48_000:72_000, 0] = wave
    clip = painted(frames, sound=sound, sample_rate=48_000)
    for transform, speed in ((FrameRate(factor=0.8), 1), (Speed(factor=1.25), 1.25)):
        path = tmp_path / f"{type(transform).__name__}.mp4"
        settings = EncodeSettings(preset="ultrafast", crf=10)
        encode(transform.apply(clip, DESK), path, settings)
        out = open_clip(path)
        levels = np.array([frame.mean() for frame in grey(out)])
        moments = np.array([float(time) for time in times(out)])
        loud = np.abs(heard(out)[:, 0]) > 0.1
        starts = moments[levels > 100][0], np.nonzero(loud)[0][0] / 48_000
        assert starts[0] == pytest.approx(1 / speed, abs=0.07)
        assert starts[1] == pytest.approx(1 / speed, abs=0.01)
