"""The shape of a slanted tile, from the map alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from provenance.watermark.keystone import keystones, upright_keystones
from provenance.watermark.repeats import Parts

SIDE = 64
HEIGHT, WIDTH = 240, 427
TILE = np.kron(np.random.default_rng(1).choice([-1.0, 1.0], (32, 32)), np.ones((2, 2)))


def drawn_map(homography, *, amplitude=0.6, seed=0):
    """(240, 427) map of a tiled plane, moved by ``homography`` about its middle, with noise."""
    origin = np.eye(3)
    origin[:2, 2] = -10 * SIDE
    to_middle = np.eye(3)
    to_middle[:2, 2] = WIDTH / 2, HEIGHT / 2
    plane = np.tile(TILE, (20, 20)).astype(np.float32)
    mark = cv2.warpPerspective(plane, to_middle @ homography @ origin, (WIDTH, HEIGHT))
    noise = np.random.default_rng(seed).normal(size=mark.shape)
    return np.asarray(amplitude * mark + noise, np.float32)


def slanted(turn_deg, right, down, scale=0.9):
    angle = np.deg2rad(turn_deg)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    return np.array(
        [[cos, -sin, 0.0], [sin, cos, 0.0], [2 * right / WIDTH, 2 * down / HEIGHT, 1.0]]
    )


def steps(plane, place):
    """(2, 2) one tile to the right and one down, where ``plane`` shows (x, y) of the map."""
    here = np.linalg.inv(plane) @ [*place, 1.0]
    here = here / here[2]
    moved = [plane @ (here + np.array(half)) for half in ((0.5, 0, 0), (0, 0.5, 0))]
    back = [plane @ (here - np.array(half)) for half in ((0.5, 0, 0), (0, 0.5, 0))]
    return np.array([a[:2] / a[2] - b[:2] / b[2] for a, b in zip(moved, back, strict=True)])


@pytest.mark.parametrize(
    ("turn", "right", "down"), [(0, 0, 0), (0, 0.12, 0), (4, -0.1, 0.08), (-12, 0.0, -0.15)]
)
def test_steps_are_right_in_the_middle_and_towards_the_corners(turn, right, down):
    homography = slanted(turn, right, down)
    best = keystones(Parts([drawn_map(homography)]), 1)[0]
    to_middle = np.eye(3)
    to_middle[:2, 2] = WIDTH / 2, HEIGHT / 2
    true = to_middle @ homography @ np.diag([SIDE, SIDE, 1.0])
    for place in ((WIDTH / 2, HEIGHT / 2), (60, 50), (WIDTH - 60, HEIGHT - 50)):
        assert steps(best.plane, place) == pytest.approx(steps(true, place), abs=1.6)


def test_noise_scores_below_what_a_mark_does():
    mark = keystones(Parts([drawn_map(slanted(0, 0.1, 0.05))]), 1)[0].score
    chance = [
        keystones(Parts([drawn_map(np.eye(3), amplitude=0, seed=s)]), 1)[0].score for s in range(3)
    ]
    assert mark > 1.5 * max(chance)


def test_a_map_that_says_nothing_is_no_error():
    found = keystones(Parts([np.zeros((HEIGHT, WIDTH), np.float32)]), 2)
    assert all(np.isfinite(item.plane).all() for item in found)


def test_a_fainter_upright_tile_stands_out_where_any_shape_may_be_chance():
    homography = slanted(2, 0.1, 0.05)
    to_middle = np.eye(3)
    to_middle[:2, 2] = WIDTH / 2, HEIGHT / 2
    true = to_middle @ homography @ np.diag([SIDE, SIDE, 1.0])
    best = upright_keystones(Parts([drawn_map(homography, amplitude=0.3)]), 1)[0]
    for place in ((WIDTH / 2, HEIGHT / 2), (60, 50), (WIDTH - 60, HEIGHT - 50)):
        assert steps(best.plane, place) == pytest.approx(steps(true, place), abs=2.5)


def test_moments_that_are_off_each_other_do_not_smear_what_repeats():
    homography = slanted(0, 0.1, -0.05)
    moments = []
    for index in range(4):
        moved = np.eye(3)
        moved[:2, 2] = 5 * index, -4 * index
        moments.append(drawn_map(moved @ homography, amplitude=0.35, seed=index))
    best = upright_keystones(Parts(moments), 1)[0]
    smeared = upright_keystones(Parts([np.sum(moments, 0) / 2]), 1)[0]
    assert best.score > 1.5 * smeared.score
