"""The picture lies where the layout puts it, and something else lies elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from attacks.base import Desk
from attacks.canvas import backdrop
from attacks.geometric.layouts import ATTACKS, Bars, PictureInPicture, ScreenShare, SplitScreen
from tests.painted import grey, painted, ramp

DESK = Desk(folder=None)


def new(name, strength, seed=0):
    (attack,) = [attack for attack in ATTACKS if attack.name == name]
    return attack.draw(strength, np.random.default_rng(seed))


def test_bars_lie_around_the_untouched_picture():
    (frame,) = grey(Bars(left=0.25, top=0.5, bottom=0.25).apply(painted([ramp()]), DESK))
    assert frame.shape == (84, 80)
    assert np.abs(frame[24:72, 16:] - ramp()).max() <= 1
    frame[24:72, 16:] = 0
    assert frame.max() < 3


@pytest.mark.parametrize("name", ["letterbox", "pillarbox", "blurred_bars"])
@pytest.mark.parametrize("share", [0.12, 0.25, 0.44])
def test_bars_cover_the_share_that_is_asked_for(name, share):
    out = new(name, share).apply(painted([np.full((96, 128), 200, np.uint8)]), DESK)
    (frame,) = grey(out)
    assert (frame < 190).mean() == pytest.approx(share, abs=0.02)
    kept = (out.video.width, out.video.height)[name == "pillarbox"]
    assert kept == (128, 96)[name == "pillarbox"]


def test_blurred_bars_are_made_of_the_picture():
    bright = np.full((48, 64), 200, np.uint8)
    (frame,) = grey(Bars(top=0.5, bottom=0.5, fill="blur").apply(painted([bright]), DESK))
    assert frame[3].mean() == pytest.approx(120, abs=3)


def test_padding_is_uneven():
    out = new("pad", 0.5).apply(painted([np.full((48, 64), 200, np.uint8)]), DESK)
    (frame,) = grey(out)
    assert frame.shape == (72, 96)
    rows, columns = np.nonzero(frame > 150)
    assert (columns.max() - columns.min() + 1, rows.max() - rows.min() + 1) == (64, 48)


def test_the_inset_is_the_whole_picture_shrunk():
    clip = painted([ramp(), ramp()])
    out = PictureInPicture(share=0.5, x=1.0, y=0.0, seed=1).apply(clip, DESK)
    one, two = grey(out)
    small = cv2.resize(ramp(), (32, 24), interpolation=cv2.INTER_AREA)
    for frame in (one, two):
        # Chroma of the backdrop reaches a pixel in.
        assert np.abs(frame[:22, 34:] - small[:22, 2:]).max() <= 2
    behind = np.ones_like(one, bool)
    behind[:24, 32:] = False
    assert np.abs(one - two)[behind].mean() > 1
    assert one[behind].std() > 5


def test_half_the_screen_is_a_strip_of_the_clip():
    for right in (False, True):
        split = SplitScreen(share=0.5, x=0.25, right=right, seed=2)
        (frame,) = grey(split.apply(painted([ramp()]), DESK))
        half = frame[:, 32:] if right else frame[:, :32]
        other = frame[:, :32] if right else frame[:, 32:]
        assert np.abs(half[:, 2:-2] - ramp()[:, 10:38]).max() <= 2
        assert np.abs(other - ramp()[:, 8:40]).mean() > 5


@pytest.mark.parametrize("share", [0.45, 0.75, 0.85])
def test_the_shared_window_shows_all_of_the_clip(share):
    clip = painted([ramp(256, 144)])
    (frame,) = grey(ScreenShare(share=share).apply(clip, DESK))
    size = 2 * round(128 * share), 2 * round(72 * share)
    small = cv2.resize(ramp(256, 144), size, interpolation=cv2.INTER_AREA)
    found = cv2.matchTemplate(frame.astype(np.float32), small.astype(np.float32), cv2.TM_SQDIFF)
    assert found.min() / small.size < 2


def test_backdrops_follow_their_seed_and_move():
    one, two = backdrop(64, 48, 1), backdrop(64, 48, 2)
    assert np.array_equal(one(0.5), backdrop(64, 48, 1)(0.5))
    assert not np.array_equal(one(0.5), two(0.5))
    assert not np.array_equal(one(0.5), one(1.5))
    assert one(0).shape == (48, 64, 3)
    # Nearly grey: colour would be told from the clip at once.
    assert np.ptp(one(0).astype(int), axis=2).mean() < 25
