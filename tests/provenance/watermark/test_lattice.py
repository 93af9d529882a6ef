"""The tile's lattice in a map: rotation, scale and shape, without a key."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from provenance.watermark.bend import straighten
from provenance.watermark.lattice import lattices

SIDE = 64
HEIGHT, WIDTH = 240, 427
TILE = np.kron(np.random.default_rng(1).choice([-1.0, 1.0], (32, 32)), np.ones((2, 2)))


def drawn_map(homography, *, amplitude=0.5, seed=0):
    """(240, 427) map of a tiled plane, moved by ``homography`` (3, 3), with noise."""
    plane = np.tile(TILE, (20, 20)).astype(np.float32)
    origin = np.eye(3)
    origin[:2, 2] = -8 * SIDE  # the plane begins well outside the picture
    mark = cv2.warpPerspective(plane, homography @ origin, (WIDTH, HEIGHT))
    noise = np.random.default_rng(seed).normal(size=mark.shape)
    return np.asarray(amplitude * mark + noise, np.float32)


def affine(matrix):
    moved = np.eye(3)
    moved[:2, :2] = matrix
    return moved


def turned(degrees, scale=1.0):
    angle = np.deg2rad(degrees)
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def apart(found, matrix):
    """Largest difference of ``found`` from ``matrix`` turned by any number of quarters."""
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    turns = [np.linalg.matrix_power(quarter, n) for n in range(4)]
    return min(float(np.abs(found / SIDE - matrix @ turn).max()) for turn in turns)


@pytest.mark.parametrize("degrees", [0, 1, 5, 10, 37, -44, 90, 200])
@pytest.mark.parametrize("scale", [0.75, 1.0, 1.6])
def test_rotation_and_scale(degrees, scale):
    shape = turned(degrees, scale)
    best = lattices(drawn_map(affine(shape)), 3)[0]
    assert best.score > 10
    assert apart(best.matrix, shape) < 0.01


@pytest.mark.parametrize(
    "shape",
    [
        np.diag([1.2, 1.0]),
        np.diag([0.8, 1.0]),
        np.diag([1.0, 1.25]),
        np.array([[1.0, 0.08], [0.03, 0.93]]),
        turned(12) @ np.diag([1.1, 0.95]),
    ],
)
def test_stretched_and_sheared(shape):
    assert apart(lattices(drawn_map(affine(shape)), 3)[0].matrix, shape) < 0.01


def test_a_weak_mark_is_still_found():
    shape = turned(23, 0.9)
    best = lattices(drawn_map(affine(shape), amplitude=0.25), 3)[0]
    assert apart(best.matrix, shape) < 0.01


def test_suppositions_are_distinct_and_sorted():
    found = lattices(drawn_map(affine(turned(5))), 6)
    assert 2 <= len(found) <= 6
    scores = [item.score for item in found]
    assert scores == sorted(scores, reverse=True)
    for index, one in enumerate(found):
        for other in found[:index]:
            way = np.linalg.solve(other.matrix, one.matrix) - np.eye(2)
            assert float(np.abs(way).max()) > 0.01


def test_noise_and_a_picture_s_edges_score_low():
    for seed in range(5):
        noise = drawn_map(np.eye(3), amplitude=0, seed=seed)
        noise[:, ::16] += 2  # block edges of a codec
        noise[::16] += 2
        assert lattices(noise, 3)[0].score < 8


def test_nothing_at_all():
    assert all(item.score < 8 for item in lattices(np.zeros((HEIGHT, WIDTH), np.float32), 3))


KEYSTONE = np.array([[1.0, 0.06, 0.0], [0.02, 1.02, 0.0], [2.5e-4, 2e-4, 1.0]])


def agreement(soft, bend):
    """Share of the pixels whose sign is the sum's over all tiles, once ``bend`` is undone."""
    straight = cv2.warpPerspective(
        soft,
        np.array(bend.homography).reshape(3, 3) @ affine(bend.matrix),
        (5 * SIDE, 3 * SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    tiles = straight.reshape(3, SIDE, 5, SIDE)
    return float((np.sign(tiles) == np.sign(tiles.sum((0, 2)))[None, :, None]).mean())


def test_a_keystone_is_straightened():
    soft = drawn_map(KEYSTONE, amplitude=1.0)
    near = KEYSTONE.copy()
    near[0, 0] += 0.01
    near[2, :2] *= 0.9  # about as slanted, and moved
    near[:2, 2] += 20, 7
    bend = straighten(soft, near, SIDE)
    assert bend.coherence > 5
    assert agreement(soft, bend) > 0.75


def test_a_straight_map_stays_straight():
    bend = straighten(drawn_map(np.eye(3)), np.eye(3), SIDE)
    assert np.array(bend.homography).reshape(3, 3) == pytest.approx(np.eye(3), abs=0.02, rel=0.02)
    assert bend.matrix == pytest.approx(np.eye(2), abs=0.01)


def test_noise_cannot_be_straightened():
    noise = drawn_map(np.eye(3), amplitude=0)
    bend = straighten(noise, np.eye(3), SIDE)
    assert bend is None or bend.coherence < 1.5


def test_a_shape_that_leans_to_the_horizon_is_given_up():
    assert straighten(drawn_map(np.eye(3)), np.diag([0.1, 0.1, 1.0]), SIDE) is None
