from __future__ import annotations

import numpy as np
import pytest

from attacks.removal.estimation import (
    at_psnr,
    detail,
    folded,
    laid_out,
    levels,
    mean_tile,
    static_residual,
    tile_period,
    with_added,
)
from tests.attacks.marked import alike, marked_clip, spread_pattern


def test_what_stands_still_is_found(tmp_path):
    pattern = spread_pattern(1)
    found = static_residual(marked_clip(tmp_path / "a.mp4", pattern, frames=48)).mean
    fine, _ = detail(pattern)
    assert alike(found, fine) > 0.8
    assert abs(alike(found, spread_pattern(2))) < 0.1


def test_few_frames_say_less_and_tiles_make_up_for_it(tmp_path):
    pattern = spread_pattern(1, tiled=True)
    residual = static_residual(marked_clip(tmp_path / "a.mp4", pattern, frames=4))
    tile = mean_tile(residual, tile_period(384, 256))
    assert tile.shape == (128, 128)
    plain = alike(residual.mean, pattern)
    assert alike(laid_out(tile, 128.0, 384, 256), pattern) > plain + 0.05


@pytest.mark.parametrize("period", [32.0, 33.4, 40.75])
def test_tiles_of_any_size_are_laid_on_each_other(period):
    y, x = np.mgrid[0:200, 0:300].astype(np.float32) + 0.5
    plane = np.sin(2 * np.pi * x / period) + np.cos(4 * np.pi * y / period)
    tile = folded(plane.astype(np.float32), period)
    assert tile.std() > 0.9 * plane.std()
    again = laid_out(tile, period, 300, 200)
    assert np.abs(again - plane)[4:-4, 4:-4].max() < 0.15
    assert folded(plane.astype(np.float32), period * 1.13).std() < 0.6 * plane.std()


def test_decibels_are_kept():
    noise = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    scaled = at_psnr(noise, 40.0)
    assert 10 * np.log10(255**2 / np.mean(scaled**2)) == pytest.approx(40.0, abs=1e-3)


def test_levels_are_of_eight_bits_whatever_the_depth():
    deep = np.full((4, 4), 400, np.uint16)
    assert levels(deep, 10)[0, 0] == 100
    assert with_added(deep, np.full((4, 4), 1.0, np.float32), 10)[0, 0] == 404
    full = with_added(np.full((2, 2), 255, np.uint8), np.full((2, 2), 9, np.float32), 8)
    assert full.dtype == np.uint8
    assert full[0, 0] == 255
