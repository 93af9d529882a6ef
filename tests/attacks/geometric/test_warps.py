"""Known points end where the geometry says."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from attacks.base import Desk
from attacks.geometric.warps import ATTACKS, Bend, Perspective, Rotate, Shear, SlowZoom, Translate
from tests.painted import centre_of_light, grey, marker, painted, ramp

DESK = Desk(folder=None)
CENTRE = (31.5, 23.5)


def moved(transform, x, y):
    """Where a white spot at (x, y) of a 64 × 48 picture goes."""
    (frame,) = grey(transform.apply(painted([marker(x, y, side=5)]), DESK))
    return centre_of_light(frame)


@pytest.mark.parametrize("degrees", [10, -10, 37, 90])
def test_rotation_is_counter_clockwise_about_the_centre(degrees):
    angle = math.radians(degrees)
    x, y = 42 - CENTRE[0], 20 - CENTRE[1]
    wanted = (
        CENTRE[0] + math.cos(angle) * x + math.sin(angle) * y,
        CENTRE[1] - math.sin(angle) * x + math.cos(angle) * y,
    )
    assert moved(Rotate(degrees=degrees), 42, 20) == pytest.approx(wanted, abs=0.3)


def test_what_is_right_of_the_centre_goes_up():
    assert moved(Rotate(degrees=45), 45, 23)[1] < 20


def test_rotation_keeps_size_and_blackens_corners():
    white = painted([np.full((48, 64), 255, np.uint8)])
    (frame,) = grey(Rotate(degrees=20).apply(white, DESK))
    assert frame.shape == (48, 64)
    assert frame[0, 0] < 10
    assert frame[24, 32] > 250


@pytest.mark.parametrize("degrees", [1, 20, 45, 90, 137])
def test_the_larger_canvas_holds_everything(degrees):
    white = painted([np.full((48, 64), 255, np.uint8)])
    out = Rotate(degrees=degrees, expand=True).apply(white, DESK)
    (frame,) = grey(out)
    # All light is there: as much area as before.
    assert frame.sum() / 255 == pytest.approx(48 * 64, rel=0.03)
    if degrees == 90:
        assert (out.video.width, out.video.height) == (48, 64)


def test_shear_moves_in_proportion_to_the_distance():
    lean = math.tan(math.radians(20))
    assert moved(Shear(x=20, y=0), 31, 10) == pytest.approx(
        (31 + lean * (10 - CENTRE[1]), 10), abs=0.3
    )
    assert moved(Shear(x=0, y=-20), 50, 23) == pytest.approx(
        (50, 23 - lean * (50 - CENTRE[0])), abs=0.3
    )


def test_perspective_moves_corners_inwards():
    shares = (0.1, 0.2, 0.3, 0.1, 0.2, 0.4, 0.5, 0.3)
    white = painted([np.full((96, 128), 255, np.uint8)])
    (frame,) = grey(Perspective(corners=shares).apply(white, DESK))
    inwards = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    corners = [(0, 0), (127, 0), (127, 95), (0, 95)]
    for number, ((x, y), (right, down)) in enumerate(zip(corners, inwards, strict=True)):
        at_x = x + right * shares[2 * number] * 64
        at_y = y + down * shares[2 * number + 1] * 48
        inside = round(at_x + 3 * right), round(at_y + 3 * down)
        outside = round(at_x - 3 * right), round(at_y - 3 * down)
        assert frame[inside[1], inside[0]] > 250
        assert frame[outside[1], outside[0]] < 10


def test_perspective_is_drawn_up_to_its_scale():
    (attack,) = [attack for attack in ATTACKS if attack.name == "perspective"]
    rng = np.random.default_rng(0)
    corners = np.array([attack.draw(0.4, rng).corners for _ in range(200)])
    assert corners.shape == (200, 8)
    assert 0 <= corners.min() < 0.01
    assert 0.39 < corners.max() <= 0.4


def test_shift():
    (frame,) = grey(Translate(x=0.25, y=-0.125).apply(painted([ramp()]), DESK))
    assert np.abs(frame[:42, 16:] - ramp()[6:, :48]).max() <= 1
    assert frame[:, :16].max() < 5
    assert frame[42:].max() < 5


def test_zoom_grows_over_time_about_its_point():
    clip = painted([marker(40, 30, side=5)] * 11, rate=Fraction(10))
    out = SlowZoom(factor=2.0, x=0.5, y=0.5).apply(clip, DESK)
    frames = grey(out)
    for number in (0, 5, 10):
        scale = 1 + number / 11
        wanted = [c + scale * (p - c) for p, c in zip((40, 30), CENTRE, strict=True)]
        assert centre_of_light(frames[number]) == pytest.approx(wanted, abs=0.4)


def test_bending_moves_points_a_little_and_differently():
    share = 0.04
    moves = []
    for x, y in ((16, 12), (48, 12), (16, 36), (48, 36)):
        to = moved(Bend(share=share, seed=3), x, y)
        moves.append((to[0] - x, to[1] - y))
    moves = np.array(moves)
    # Cubics overshoot their nodes by less than a quarter.
    assert np.abs(moves).max() < 1.25 * share * 48
    assert np.abs(moves).max() > 0.3
    assert moves.std(axis=0).min() > 0.1


def test_no_bend_changes_nothing():
    (frame,) = grey(Bend(share=0.0, seed=3).apply(painted([ramp()]), DESK))
    assert np.abs(frame - ramp()).max() <= 1
