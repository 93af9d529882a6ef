"""The bound of visibility: low where eyes are best, higher where texture hides."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.watermark.perception import FLAT_LEVELS, FULL, SPARING, visibility_bound


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


def test_texture_hides_more_up_to_where_it_costs_too_much():
    means = [visibility_bound(texture(d), None).mean() for d in (0, 4, 8, 60)]
    assert means[0] < means[1] < means[2]
    assert means[3] < means[1]
    assert max(means) > FLAT_LEVELS + 0.3 * FULL.texture_levels
    for deviation in (8, 60):
        highest = visibility_bound(texture(deviation), None).max()
        assert highest <= FLAT_LEVELS + FULL.texture_levels + 1e-4


def beside_flat(share, *, deviation=10):
    """A picture whose left ``share`` is texture, the rest flat, and the column between them."""
    half = texture(deviation)
    edge = round(share * half.shape[1])
    half[:, edge:] = 120
    return half, edge


def test_what_quiet_places_say_spares_the_texture():
    most, edge = beside_flat(0.95)
    loud = visibility_bound(most, None)[8:-8, 8 : edge - 8].mean()
    least, edge = beside_flat(0.3)
    spared = visibility_bound(least, None)[8:-8, 8 : edge - 8].mean()
    assert loud > FLAT_LEVELS + 0.5 * FULL.texture_levels
    assert FLAT_LEVELS < spared <= FLAT_LEVELS + SPARING.texture_levels


def test_what_quiet_places_say_spares_what_moves():
    now, edge = beside_flat(0.3)
    before = texture(10, seed=1)
    before[:, edge:] = 120
    bound = visibility_bound(now, before)
    assert bound[8:-8, 8 : edge - 8].max() < 0.2 * FLAT_LEVELS
    assert bound[:, edge + 8 :].min() > 0.95 * FLAT_LEVELS


def test_an_edge_does_not_raise_the_bound_on_its_flat_sides():
    step = np.full((96, 128), 40, np.float32)
    step[:, 64:] = 200
    bound = visibility_bound(step, None)
    assert bound[:, :58].max() <= 1
    assert bound[:, 70:].max() <= 1


def test_texture_does_not_spill_over_into_the_flat_area_beside_it():
    most, edge = beside_flat(0.9)
    bound = visibility_bound(most, None)
    assert bound[:, edge + 4 :].max() <= 1
    assert bound[:, 8 : edge - 8].mean() > 1.2


def test_motion_lowers_the_bound():
    now = texture(10)
    still = visibility_bound(now, now)
    moving = visibility_bound(now, texture(10, seed=1))
    assert still == pytest.approx(visibility_bound(now, None))
    assert moving.mean() < 0.7 * still.mean()
    assert moving.min() > 0
