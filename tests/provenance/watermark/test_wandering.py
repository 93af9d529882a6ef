from __future__ import annotations

import numpy as np
import pytest

from provenance.watermark.wandering import wandering

COUNT, GRID, SIDE = 20, (60, 110), 20


def nats(*, speed=(0, 4), told=5.0, seed=0):
    """(T, h, w) that speaks for the mark, but for a box that starts at (20, 4)."""
    rng = np.random.default_rng(seed)
    made = rng.normal(-0.02, 0.05, (COUNT, *GRID)).astype(np.float32)
    for index in range(COUNT):
        top, left = (start + index * step for start, step in zip((20, 4), speed, strict=True))
        made[index, top : top + SIDE, left : left + SIDE] += 0.02 + told / SIDE**2
    return made


@pytest.mark.parametrize("speed", [(0, 4), (1, 3)])
def test_a_box_that_moves_is_followed(speed):
    path = wandering(nats(speed=speed))
    assert len(path) >= COUNT - 2
    for index, place in path.items():
        assert abs((place.top + place.bottom) / 2 - (30 + speed[0] * index)) <= 10
        assert abs((place.left + place.right) / 2 - (14 + speed[1] * index)) <= 10


def test_what_stays_moves_nowhere():
    assert wandering(nats(speed=(0, 0))) == {}


def test_what_is_not_there_is_not_followed():
    for seed in range(3):
        assert wandering(nats(told=0.0, seed=seed)) == {}


def test_one_loud_window_is_no_path():
    made = nats(told=0.0)
    made[7, 20:40, 30:50] += 1.0
    assert wandering(made) == {}
