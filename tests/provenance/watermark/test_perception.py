"""The bound of visibility: low where eyes are best, higher where texture hides."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.watermark.perception import (
    FIRST_LEVELS,
    FLAT_LEVELS,
    MOVING_LEVELS,
    SPARED_LEVELS,
    visibility_bound,
)


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
    assert visibility_bound(texture(60), None).max() <= FLAT_LEVELS + FIRST_LEVELS + 1e-4


def test_after_the_first_picture_weak_texture_hides_more_than_strong():
    means = {}
    for deviation in (0, 6, 20, 60):
        now = texture(deviation)
        later = visibility_bound(now, now)
        assert later.max() <= FLAT_LEVELS + SPARED_LEVELS
        assert later.min() >= FLAT_LEVELS - 1e-4
        assert later.mean() <= visibility_bound(now, None).mean()
        means[deviation] = later.mean()
    assert means[6] > means[20] > means[60]
    assert means[6] > means[0] + 0.3
    assert means[60] < means[0] + 0.1


def partly_moving(share):
    """A picture of texture and the one before it, which differs in its right ``share``."""
    now, before = texture(20), texture(20)
    edge = round((1 - share) * now.shape[1])
    before[:, edge:] = texture(20, seed=1)[:, edge:]
    return now, before


def test_what_moves_is_spared_unless_the_picture_moves_as_a_whole():
    bounds = [visibility_bound(*partly_moving(share)) for share in (0.2, 0.6, 0.9)]
    moving = [bound[:, -16:-8].mean() for bound in bounds]
    assert moving[0] < FLAT_LEVELS
    assert moving[0] + 0.1 < moving[1] < moving[2] - 0.1
    assert moving[2] <= FLAT_LEVELS + MOVING_LEVELS
    still = [bound[:, 4:8].mean() for bound in bounds]
    assert still == pytest.approx([still[0]] * 3, rel=0.02)


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
    now = texture(1)
    still = visibility_bound(now, now)
    moving = visibility_bound(now, now + 20)
    assert moving.mean() < 0.7 * still.mean()
    assert moving.min() > 0
