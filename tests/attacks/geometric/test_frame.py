"""What is left of a known picture, and where it lies."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from attacks.base import Desk
from attacks.canvas import even_size
from attacks.clip import open_clip
from attacks.geometric.frame import ATTACKS, Crop, Flip, QuarterTurn, Resize
from provenance.errors import MediaTooSmall
from tests.drawn import draw_clip
from tests.painted import grey, painted, ramp, rgb

DESK = Desk(folder=None)


def shown(transform, frame):
    out = transform.apply(painted([frame]), DESK)
    (picture,) = grey(out)
    assert picture.shape == (out.video.height, out.video.width)
    return picture


@pytest.mark.parametrize(("x", "y", "left", "top"), [(0, 0, 0, 0), (1, 1, 18, 14), (0.5, 0, 9, 0)])
def test_a_crop_shows_exactly_those_pixels(x, y, left, top):
    cut = shown(Crop(width=0.71, height=0.71, x=x, y=y), ramp())
    assert cut.shape == (34, 46)
    assert np.abs(cut - ramp()[top : top + 34, left : left + 46]).max() <= 1
    # One pixel beside, it would not fit.
    assert np.abs(cut[:, :-1] - ramp()[top : top + 34, left + 1 : left + 46]).mean() > 1


def test_crops_are_drawn_anywhere_in_the_picture():
    (crop,) = [attack for attack in ATTACKS if attack.name == "crop"]
    rng = np.random.default_rng(0)
    places = np.array([(c.x, c.y) for c in (crop.draw(0.5, rng) for _ in range(200))])
    assert places.min() < 0.05
    assert places.max() > 0.95
    assert places.mean() == pytest.approx(0.5, abs=0.05)


def test_a_crop_is_brought_back_to_full_size():
    whole = ramp()
    back = shown(Crop(width=0.5, height=0.5, x=0, y=0, resize=True), whole)
    assert back.shape == whole.shape
    # Corner to corner it now shows the top left quarter.
    assert back[-1, -1] == pytest.approx(float(whole[23, 31]), abs=2)


def test_half_the_size_is_the_mean_of_four():
    small = shown(Resize(width=0.5, height=0.5), ramp())
    wanted = ramp().astype(float).reshape(24, 2, 32, 2).mean(axis=(1, 3))
    assert np.abs(small - wanted).max() <= 2
    assert abs((small - wanted).mean()) < 0.5


def test_going_back_loses_detail_and_nothing_else():
    rng = np.random.default_rng(0)
    noisy = (ramp() + rng.integers(-20, 20, (48, 64))).astype(np.uint8)
    back = shown(Resize(width=0.5, height=0.5, back=True), noisy)
    assert back.shape == noisy.shape
    assert back.mean() == pytest.approx(noisy.mean(), abs=1)
    assert np.diff(back).std() < 0.5 * np.diff(noisy.astype(float)).std()


def test_aspect_changes_one_side_either_way():
    (aspect,) = [attack for attack in ATTACKS if attack.name == "aspect"]
    clip = painted([ramp()])
    sizes = {
        (out.video.width, out.video.height)
        for seed in range(8)
        for out in [aspect.draw(0.2, np.random.default_rng(seed)).apply(clip, DESK)]
    }
    assert sizes == {(76, 48), (54, 48)}


def test_flips():
    assert np.abs(shown(Flip(axis="x"), ramp()) - ramp()[:, ::-1]).max() <= 1
    assert np.abs(shown(Flip(axis="y"), ramp()) - ramp()[::-1]).max() <= 1


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_counter_clockwise_and_exact(turns):
    frame = ramp()
    frame[:10, -10:] = 250  # the top right corner
    turned = shown(QuarterTurn(turns=turns), frame)
    assert np.abs(turned - np.rot90(frame, turns)).max() <= 1
    corner = {1: (5, 5), 2: (-5, 5), 3: (-5, -5)}[turns]
    assert turned[corner] > 240


def test_the_shape_of_pixels_turns_too():
    clip = painted([ramp()])
    wide = clip.changed(video=clip.video.__class__(width=64, height=48, rate=Fraction(10),
                                                   pixel_aspect=Fraction(4, 3)))  # fmt: skip
    out = QuarterTurn(turns=1).apply(wide, DESK)
    assert (out.video.width, out.video.height) == (48, 64)
    assert out.video.pixel_aspect == Fraction(3, 4)
    assert QuarterTurn(turns=2).apply(wide, DESK).video.pixel_aspect == Fraction(4, 3)


def test_nothing_is_cut_to_nothing():
    with pytest.raises(MediaTooSmall) as caught:
        Crop(width=0.2, height=0.2, x=0, y=0).apply(painted([ramp()]), DESK)
    assert caught.value.code == "media.too_small"
    assert even_size(33.2, 17.1) == (34, 18)


def test_colour_and_sound_stay(tmp_path):
    clip = open_clip(draw_clip(tmp_path / "in.mp4", frames=5, width=96, height=64))
    out = Crop(width=0.5, height=0.5, x=0.5, y=0.5).apply(clip, DESK)
    assert out.audio == clip.audio
    assert all(map(np.array_equal, out.sound(), clip.sound()))
    for one, two in zip(rgb(clip), rgb(out), strict=True):
        # Both went through the same decoder; the cut once more through 4:2:0.
        assert np.abs(one[16:48, 24:72].astype(int) - two).mean() < 4
