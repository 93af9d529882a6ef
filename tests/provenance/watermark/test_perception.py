"""The bound of visibility: low where eyes are best, higher where texture hides."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.watermark.perception import FLAT_LEVELS, TEXTURE_LEVELS, visibility_bound


def texture(deviation, *, height=96, width=128, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(120, deviation, (height, width)).astype(np.float32)


@pytest.mark.parametrize("level", [0, 16, 120, 235, 255])
def test_flat_areas_change_by_less_than_a_level(level):
    bound = visibility_bound(np.full((96, 128), level, np.float32), None)
    assert bound.shape == (96, 128)
    assert bound.dtype == np.float32
    assert bound.max() <= 1
    assert bound.min() > 0.5


def test_a_gradient_is_flat_too():
    sky = np.broadcast_to(np.linspace(100, 180, 128, dtype=np.float32), (96, 128))
    assert visibility_bound(np.ascontiguousarray(sky), None).max() <= 1


def test_texture_hides_more_up_to_a_limit():
    means = [visibility_bound(texture(d), None).mean() for d in (0, 4, 8, 60)]
    assert means == sorted(means)
    assert means[0] < means[1] < means[2]
    assert visibility_bound(texture(60), None).max() <= FLAT_LEVELS + TEXTURE_LEVELS + 1e-4


def test_an_edge_does_not_raise_the_bound_on_its_flat_sides():
    step = np.full((96, 128), 40, np.float32)
    step[:, 64:] = 200
    bound = visibility_bound(step, None)
    assert bound[:, :58].max() <= 1
    assert bound[:, 70:].max() <= 1


def test_texture_does_not_spill_over_into_the_flat_area_beside_it():
    half = texture(20)
    half[:, 64:] = 120
    bound = visibility_bound(half, None)
    assert bound[:, 68:].max() <= 1
    assert bound[:, 8:56].mean() > 2


def test_motion_lowers_the_bound():
    now = texture(10)
    still = visibility_bound(now, now)
    moving = visibility_bound(now, texture(10, seed=1))
    assert still == pytest.approx(visibility_bound(now, None))
    assert moving.mean() < 0.7 * still.mean()
    assert moving.min() > 0
