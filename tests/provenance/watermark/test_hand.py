"""A mark that is known, followed where a hand moves it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from provenance.watermark.hand import Hand
from provenance.watermark.sync import SIDE, Placement

HEIGHT, WIDTH = 240, 427
SIGNS = np.random.default_rng(1).choice([-1.0, 1.0], (32, 32)).astype(np.float32)
TILE = np.kron(SIGNS, np.ones((2, 2), np.float32))
BEND = np.array([[1.05, 0.0, 4.0], [0.02, 0.97, 1.0], [0.0003, -0.0004, 1.0]])
BEND /= BEND[2, 2]


def drawn_map(slip, *, turns=0, flipped=False, bend=None, amplitude=0.6, seed=0):
    """(240, 427) map: the tile turned back and mirrored, bent, and moved by ``slip`` (x, y)."""
    laid = np.rot90(TILE, -turns)[:, :: -1 if flipped else 1]
    plane = np.tile(laid, (20, 20)).astype(np.float32)
    origin = np.eye(3)
    origin[:2, 2] = -6 * SIDE
    moved = np.eye(3)
    moved[:2, 2] = slip
    way = moved @ (np.eye(3) if bend is None else bend) @ origin
    mark = cv2.warpPerspective(plane, way, (WIDTH, HEIGHT))
    noise = np.random.default_rng(seed).normal(size=mark.shape)
    return np.asarray(amplitude * mark + noise, np.float32)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_moving_mark_is_found_however_the_picture_was_turned(turns, flipped):
    place = Placement(scale_x=1, scale_y=1, flipped=flipped, quarter_turns=turns)
    path = np.array([(0, 0), (5, -3), (-2, 4), (-9, 2)])  # at most 8 from one to the next
    maps = [drawn_map(slip, turns=turns, flipped=flipped) for slip in path]
    found = Hand(SIGNS, place, (HEIGHT, WIDTH)).slips(maps)
    assert found == pytest.approx(path, abs=0.4)


def test_a_slanted_mark_is_followed_in_pixels_of_the_map():
    place = Placement(scale_x=1, scale_y=1, bend=tuple(BEND.ravel()))
    path = np.array([(0, 0), (5, -3), (-1, 4)])
    maps = [drawn_map(slip, bend=BEND) for slip in path]
    found = Hand(SIGNS, place, (HEIGHT, WIDTH)).slips(maps)
    assert found == pytest.approx(path, abs=0.7)


def test_what_carries_no_mark_is_looked_at_where_the_mark_was_before():
    hand = Hand(SIGNS, Placement(scale_x=1, scale_y=1), (HEIGHT, WIDTH))
    moments = [drawn_map((6, 2)), *(drawn_map((0, 0), amplitude=0, seed=s) for s in range(4))]
    found = hand.slips(moments)
    assert (found == found[0]).all()
    assert found[0] == pytest.approx((6, 2), abs=0.4)
    assert hand.slips(moments[1:]) == pytest.approx(found[1:])  # and what comes later


def test_a_few_moments_elsewhere_are_no_hand():
    hand = Hand(SIGNS, Placement(scale_x=1, scale_y=1), (HEIGHT, WIDTH))
    path = [(0, 0), (0.4, -0.3), (0, 0), (3, 1), (4, 1)]
    silence = [np.zeros((HEIGHT, WIDTH), np.float32)] * 8
    assert not hand.slips([*(drawn_map(slip) for slip in path), *silence]).any()
