"""Noise has the strength, the shape and the repeatability that it promises."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.base import Desk
from attacks.photometric.noise import FilmGrain, GaussianNoise, SaltAndPepper, Speckle
from tests.painted import grey, painted, rgb

DESK = Desk(folder=None)


def flat(level, count=2):
    return painted([np.full((96, 128), level, np.uint8)] * count)


def luma_noise(transform, level, **fields):
    clip = painted([np.full((96, 128), level, np.uint8)] * 2, **fields)
    return [p.luma.astype(float) for p in transform.apply(clip, DESK).pictures()]


def test_gaussian_noise_has_its_sigma():
    frames = luma_noise(GaussianNoise(sigma=10, seed=1), 128)
    # Luma is BT.709's mean of three independent channels, in 219 levels of 255.
    weight = np.sqrt(0.2126**2 + 0.7152**2 + 0.0722**2) * 219 / 255
    assert frames[0].std() == pytest.approx(10 * weight, rel=0.05)
    assert frames[0].mean() == pytest.approx(16 + 219 * 128 / 255, abs=0.5)


@pytest.mark.parametrize("kind", [GaussianNoise, FilmGrain, Speckle])
def test_frames_have_noise_of_their_own_and_seeds_too(kind):
    one, two = luma_noise(kind(sigma=0.1 if kind is Speckle else 8, seed=1), 128)
    (other, _) = luma_noise(kind(sigma=0.1 if kind is Speckle else 8, seed=2), 128)
    for unlike in (two, other):
        match = np.corrcoef(one.ravel(), unlike.ravel())[0, 1]
        assert abs(match) < 0.05


def test_salt_and_pepper_in_equal_parts():
    (frame, _) = grey(SaltAndPepper(share=0.1, seed=1).apply(flat(128), DESK))
    salt, pepper = (frame > 200).mean(), (frame < 50).mean()
    # Some fall on the same pixel.
    assert salt == pytest.approx(0.048, abs=0.007)
    assert pepper == pytest.approx(0.048, abs=0.007)
    assert np.median(frame) == pytest.approx(128, abs=1)


def test_speckle_follows_the_level():
    dark, light = (
        rgb(Speckle(sigma=0.1, seed=1).apply(flat(level), DESK))[0].std() for level in (50, 200)
    )
    assert light == pytest.approx(20, rel=0.1)
    assert light / dark == pytest.approx(4, rel=0.1)


def test_grain_is_strongest_in_the_middle_and_correlated():
    strength = {level: luma_noise(FilmGrain(sigma=8, seed=1), level)[0].std()
                for level in (2, 128, 253)}  # fmt: skip
    assert strength[128] == pytest.approx(8, rel=0.1)
    assert max(strength[2], strength[253]) < 1
    (frame, _) = luma_noise(FilmGrain(sigma=8, seed=1), 128)
    grain = frame - frame.mean()
    beside = (grain[:, 1:] * grain[:, :-1]).mean() / (grain**2).mean()
    assert 0.3 < beside < 0.9


def test_grain_of_ten_bits_and_full_range():
    ten = luma_noise(FilmGrain(sigma=8, seed=1), 128, bits=10)[0]
    assert ten.std() == pytest.approx(32, rel=0.1)
    full = luma_noise(FilmGrain(sigma=8, seed=1), 255, full_range=True)[0]
    assert full.std() < 1


def test_grain_leaves_chroma_alone():
    clip = painted([np.full((48, 64, 3), (180, 90, 60), np.uint8)])
    (before,), (after,) = clip.pictures(), FilmGrain(sigma=8, seed=1).apply(clip, DESK).pictures()
    assert not np.array_equal(before.luma, after.luma)
    assert all(map(np.array_equal, before.planes[1:], after.planes[1:]))
