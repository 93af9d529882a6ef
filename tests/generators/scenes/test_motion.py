"""Tracks: exact, continuous, and with an impact wherever the velocity jumps."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from generators.scenes import draw_scene
from generators.scenes import vocabulary as words
from generators.scenes.motion import Piece, Pieces, Roll
from generators.scenes.physics import Room, Slider, bounce, slide
from generators.scenes.shape_extents import EXTENTS


def scenes(motion, count=6):
    rng = random.Random(3)
    found = []
    while len(found) < count:
        spec = draw_scene(rng, duration_s=4.0)
        if spec.bodies[0].motion == motion:
            found.append(spec)
    return found


def velocity(track, times, step=1e-5):
    before, after = track.at(times - step), track.at(times + step)
    return np.stack([after.x - before.x, after.y - before.y]) / (2 * step)


@pytest.mark.parametrize("motion", words.MOTIONS)
def test_nothing_jumps(motion):
    times = np.linspace(0, 4, 4001)
    for spec in scenes(motion):
        for body in spec.bodies:
            pose = body.track.at(times)
            assert np.abs(np.diff(pose.x)).max() < 0.02
            assert np.abs(np.diff(pose.y)).max() < 0.02
            assert np.abs(np.diff(pose.angle)).max() < 0.05


@pytest.mark.parametrize("motion", words.MOTIONS)
def test_velocity_jumps_at_the_impacts_and_nowhere_else(motion):
    times = np.arange(200, 3800) / 1000 + 0.00037
    for spec in scenes(motion):
        for body in spec.bodies:
            moments = np.array([i.time_s for i in body.impacts])
            near = np.array([np.abs(moments - t).min(initial=9) < 0.002 for t in times])
            jumps = np.hypot(
                *(velocity(body.track, times + 5e-4) - velocity(body.track, times - 5e-4))
            )
            # Accelerations stay below 30 units/s², a millisecond apart.
            starts = [p.start_s for p in getattr(body.track, "pieces", ())]
            hop = np.array([np.abs(np.array([*starts, 99.0]) - t).min() < 0.002 for t in times])
            assert jumps[~near & ~hop].max() < 0.03
            struck = [m for m in moments if 0.25 < m < 3.75]
            for moment in struck:
                jump = velocity(body.track, np.array([moment + 1e-3])) - velocity(
                    body.track, np.array([moment - 1e-3])
                )
                assert np.hypot(*jump)[0] > 0.2


def test_a_ball_that_is_dropped_lands_when_galileo_says():
    room = Room(ground=0.0, left=-1, right=1)
    start = Piece(0, 0, 1.0, 0, 0, -8.0)
    flight = bounce(
        room, start, gravity=8.0, restitution=0.5, rest_s=1, hop=1, until_s=0.9, turn=lambda s: 0
    )
    assert flight.hits[0].time_s == pytest.approx(0.5)
    assert flight.hits[0].speed == pytest.approx(4.0)
    assert flight.hits[1].time_s == pytest.approx(0.5 + 2 * 2.0 / 8.0)
    top = Pieces(pieces=flight.pieces).at(np.array([0.75])).y[0]
    assert top == pytest.approx(0.25)  # restitution squared


def test_collisions_keep_momentum_and_energy():
    sliders = [
        Slider(x=-0.5, y=0, half=0.1, mass=3, vx=1.0),
        Slider(x=0.5, y=0, half=0.1, mass=1, vx=-0.5),
    ]
    left, right = slide(sliders, left=-9, right=9, until_s=1.0)
    assert left.hits[0].time_s == right.hits[0].time_s == pytest.approx(0.8 / 1.5)
    a, b = left.pieces[1].vx, right.pieces[1].vx
    assert 3 * a + b == pytest.approx(3 * 1.0 - 0.5)
    assert 3 * a * a + b * b == pytest.approx(3 * 1.0 + 0.25)


@pytest.mark.parametrize("corners", [3, 4, 5])
def test_a_polygon_rolls_on_its_corners(corners):
    track = Roll(
        x=0, floor=-0.5, size=0.3, corners=corners, steps=6, rate=1.3, direction=1, offset=0.2
    )
    times = np.linspace(0, 9, 500)
    x, y, angle = track.at(times)
    start = -math.pi / 2 - math.pi / corners
    corner = start + 2 * math.pi / corners * np.arange(corners)[:, None] + angle
    lowest = (y + 0.3 * np.sin(corner)).min(axis=0)
    assert np.allclose(lowest, -0.5, atol=1e-9)
    # The corner that it stands on stays where it is.
    foot = np.argmin(y + 0.3 * np.sin(corner), axis=0)
    at = x + 0.3 * np.cos(corner)[foot, np.arange(len(times))]
    same = foot[1:] == foot[:-1]
    assert np.abs(np.diff(at))[same].max() < 1e-9


@pytest.mark.parametrize("motion", ["bounce", "fall"])
def test_bodies_stand_on_the_ground_and_not_in_it(motion):
    times = np.linspace(0, 4, 2000)
    for spec in scenes(motion):
        body = spec.bodies[0]
        lowest = body.track.at(times).y.min() - body.size * EXTENTS[body.shape][0]
        assert lowest == pytest.approx(body.floor, abs=0.02)
        assert lowest >= body.floor - 1e-9
