"""Whether the power of folds tells the size of a faint tile, and is heeded only as far as due."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from provenance.watermark.power import Powers
from provenance.watermark.sync import Folds, Placement, clipped

SIZES = [Placement(scale_x=s, scale_y=s) for s in np.exp(np.arange(-0.2, 0.3, 0.004)).tolist()]


def folds(amplitude, *, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    tile = np.kron(rng.choice([-1.0, 1.0], (32, 32)), np.ones((2, 2)))
    plane = np.tile(tile, (8, 10)).astype(np.float32)
    mark = cv2.resize(plane, None, fx=scale, fy=scale)[:240, :427]
    return Folds(clipped(np.float32(amplitude) * mark + rng.normal(size=mark.shape)))


def test_the_size_of_a_tile_stands_out_whatever_it_says():
    powers = Powers(folds(0.15, scale=1.1), SIZES)
    said = [powers.likelihood(replace(size, score=5.0)) for size in SIZES]
    assert SIZES[int(np.argmax(said))].scale_x == pytest.approx(1.1, abs=0.009)
    assert max(said) > 3
    assert np.median(said) < 0


def test_a_fold_that_holds_far_more_than_is_due_counts_no_more():
    powers = Powers(folds(0.4, scale=1.1), SIZES)
    near = min(SIZES, key=lambda size: abs(size.scale_x - 1.1))
    for score in (3.0, 4.0, 5.0):
        due = 0.6 * score**2 / 128
        assert 0 < powers.likelihood(replace(near, score=score)) <= 3 * (due / 0.05) ** 2


def test_a_map_that_is_folded_as_it_is_says_nothing():
    powers = Powers(folds(0.0), SIZES)
    assert powers.likelihood(Placement(scale_x=1.0, scale_y=1.0, score=5.0)) == 0


def test_nothing_is_said_of_a_shape_that_was_not_swept():
    powers = Powers(folds(0.3), SIZES)
    place = replace(SIZES[80], score=5.0)
    assert powers.likelihood(place) != 0
    for other in (
        replace(place, scale_y=1.05),
        replace(place, rotation_deg=2.0),
        replace(place, shear=0.05),
        replace(place, scale_x=2.0, scale_y=2.0),
    ):
        assert powers.likelihood(other) == 0
