"""Filters: what they take away, and what they leave."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.base import Desk
from attacks.photometric.filters import (
    Bilateral,
    GaussianBlur,
    Median,
    MotionBlur,
    NonLocalMeans,
    Sharpen,
    TemporalDenoise,
    line_kernel,
)
from tests.painted import grey, marker, painted

DESK = Desk(folder=None)


def noisy_edge(seed=0, sigma=6):
    """Dark left half, light right half, with noise."""
    rng = np.random.default_rng(seed)
    frame = np.full((48, 64), 60.0)
    frame[:, 32:] = 190
    return np.clip(frame + rng.normal(0, sigma, frame.shape), 0, 255).astype(np.uint8)


def shown(transform, frame):
    return grey(transform.apply(painted([frame]), DESK))[0]


def roughness(frame):
    """Of flat parts, from pixel to pixel."""
    return np.diff(np.asarray(frame, float), axis=1)[:, 4:24].std()


def edge(frame):
    """Step between the two pixels at the edge."""
    return float(frame[4:-4, 32].mean()) - float(frame[4:-4, 31].mean())


def test_blur_spreads_a_point_by_its_sigma():
    frame = shown(GaussianBlur(sigma=2), marker(32, 24, side=1))
    x = np.arange(64)[None, :]
    weights = frame.astype(float)
    spread = ((x - 32) ** 2 * weights).sum() / weights.sum()
    assert weights.sum() == pytest.approx(255, rel=0.3)
    assert spread == pytest.approx(4, rel=0.3)


def test_more_blur_leaves_less_detail():
    rough = [roughness(shown(GaussianBlur(sigma=s), noisy_edge())) for s in (0.5, 1, 2)]
    assert rough[0] < roughness(noisy_edge())
    assert rough[0] > 2 * rough[1] > 2 * rough[2]


def test_motion_blur_smears_along_its_line_only():
    frame = shown(MotionBlur(length=9, degrees=0), marker(32, 24, side=1))
    assert (frame[24] > 12).sum() == pytest.approx(9, abs=2)
    assert frame[22].max() < 5
    upright = shown(MotionBlur(length=9, degrees=90), marker(32, 24, side=1))
    assert (upright[:, 32] > 12).sum() == pytest.approx(9, abs=2)


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 135])
def test_lines_are_balanced(degrees):
    kernel = line_kernel(7, degrees)
    assert kernel.sum() == pytest.approx(1)
    assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-3)


def test_degrees_turn_counter_clockwise():
    kernel = line_kernel(7, 45)
    assert kernel[2, -3] > 0.05
    assert kernel[2, 2] < 0.01


def test_the_median_removes_single_pixels_and_keeps_edges():
    frame = np.full((48, 64), 60, np.uint8)
    frame[:, 32:] = 190
    dotted = frame.copy()
    dotted[10::10, 5::10] = 255
    assert np.abs(shown(Median(side=3), dotted) - frame).max() <= 2


@pytest.mark.parametrize("transform", [Bilateral(sigma=50), NonLocalMeans(h=6)], ids=repr)
def test_denoisers_smooth_and_keep_edges(transform):
    noisy = noisy_edge()
    clean = shown(transform, noisy)
    assert roughness(clean) < 0.6 * roughness(noisy)
    assert edge(clean) > 0.8 * edge(noisy)


def test_over_time_still_parts_are_smoothed_and_changes_pass():
    frames = [noisy_edge(seed) for seed in range(12)]
    frames += [255 - frame for frame in frames]
    out = grey(TemporalDenoise(strength=16).apply(painted(frames), DESK))
    assert np.abs(out[0] - frames[0]).max() <= 2
    assert roughness(out[11]) < 0.6 * roughness(frames[11])
    # The light changes all at once: nothing of the old picture is left in the new one.
    assert np.abs(out[12] - frames[12])[:, :24].mean() < 4


def test_sharpening_steepens_edges():
    soft = np.tile(np.clip(np.arange(64) * 8 - 160, 40, 210), (48, 1)).astype(np.uint8)
    sharp = shown(Sharpen(amount=2), soft)
    assert np.ptp(sharp) > float(np.ptp(soft)) + 6
    flat = np.full((48, 64), 90, np.uint8)
    assert np.abs(shown(Sharpen(amount=2), flat) - flat).max() <= 1
