"""Shapes that are laid over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.overlay import sprites
from attacks.overlay.sprites import lay, sprite, text_mask


def canvas():
    return np.full((40, 60, 3), 100, np.uint8)


def test_alpha_mixes():
    frame = canvas()
    lay(frame, sprite(np.array((200, 0, 100)), np.full((10, 20), 255), 0.5), 5, 6)
    assert frame[6:16, 5:25] == pytest.approx(np.broadcast_to((150, 50, 100), (10, 20, 3)))
    frame[6:16, 5:25] = 100
    assert np.all(frame == 100)


@pytest.mark.parametrize(("left", "top"), [(-10, -5), (50, 35), (-100, 0), (0, 40), (60, 0)])
def test_what_sticks_out_is_cut(left, top):
    frame = canvas()
    lay(frame, sprite(np.array((200, 200, 200)), np.full((10, 20), 255)), left, top)
    wanted = canvas()
    wanted[max(0, top) : max(0, top + 10), max(0, left) : max(0, left + 20)] = 200
    assert np.array_equal(frame, wanted)


@pytest.mark.parametrize("shape", [sprites.star, sprites.heart, sprites.badge])
def test_shapes_are_opaque_inside_soft_at_the_edge_and_open_in_the_corners(shape):
    drawn = shape(40, (200, 30, 60))
    assert drawn.size == (40, 40)
    alpha = 1 - drawn.behind[..., 0]
    assert alpha[20, 20] == 1
    assert alpha[0, 0] == alpha[39, 39] == 0
    assert ((alpha > 0.05) & (alpha < 0.95)).any()
    assert 0.25 < alpha.mean() < 0.8


def test_soft_edges_have_the_colour_of_their_shape():
    drawn = sprites.badge(40, (200, 30, 60))
    alpha = 1 - drawn.behind[..., 0]
    soft = (alpha > 0.2) & (alpha < 0.8)
    # The rim is white.
    assert (drawn.light[soft] / alpha[soft][:, None]).min() > 240


def test_faces_have_moods():
    faces = [sprites.face(40, mood).light for mood in range(4)]
    for one in range(4):
        for two in range(one):
            assert np.abs(faces[one] - faces[two]).mean() > 0.5


def test_text_is_as_high_as_asked_and_longer_text_is_wider():
    short, long = text_mask("Hello", 30), text_mask("Hello hello hello", 30)
    assert short.shape[0] == long.shape[0] == 30
    assert long.shape[1] > 2.5 * short.shape[1]
    assert short.max() > 240
    assert 0.05 < (short > 128).mean() < 0.5
