"""What a hand did to a recording, told from the maps of its moments alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from provenance.watermark.shake import moved_back, slipped, steadied
from provenance.watermark.slants import slants
from provenance.watermark.sync import SIDE, clipped

HEIGHT, WIDTH = 240, 427
TILE = np.kron(np.random.default_rng(1).choice([-1.0, 1.0], (32, 32)), np.ones((2, 2)))
LEAN = np.array([[0.9, 0.0, 8.0], [0.0, 0.9, 5.0], [0.0005, -0.0004, 1.0]])


def path(moments, *, size=3.0, seed=3):
    """(n, 2) places of a hand: a walk whose places are about ``size`` pixels apart."""
    steps = np.random.default_rng(seed).normal(size=(moments, 2))
    walk = np.cumsum(steps, 0)
    return (walk - walk.mean(0)) * (size / walk.std())


def shaken(slips, *, amplitude=0.25, seed=0):
    """(240, 427) maps of a leaning plane of tiles that is moved by ``slips`` (n, 2), with noise."""
    random = np.random.default_rng(seed)
    origin = np.eye(3)
    origin[:2, 2] = -6 * SIDE
    plane = np.tile(TILE, (20, 20)).astype(np.float32)
    maps = []
    for x, y in slips:
        moved = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
        mark = cv2.warpPerspective(plane, moved @ LEAN @ origin, (WIDTH, HEIGHT))
        noise = random.normal(size=mark.shape)
        maps.append(clipped(np.asarray(amplitude * mark + noise, np.float32)))
    return maps


def test_folds_tell_how_far_each_is_off():
    true = np.round(path(12))
    random = np.random.default_rng(0)
    folds = [np.roll(TILE, tuple(slip[::-1].astype(int)), (0, 1)) for slip in true]
    noisy = np.stack(folds) + 3 * random.normal(size=(12, SIDE, SIDE))
    found = slipped(np.asarray(noisy, np.float32))
    assert found - found.mean(0) == pytest.approx(true - true.mean(0), abs=0.5)


def test_the_hand_is_followed_on_a_leaning_plane():
    true = path(16)
    # A supposition is never quite right.
    about = LEAN @ np.diag([1.01, 0.995, 1.0])
    steady = steadied(shaken(true), about, least=1.5)
    assert steady.slips - steady.slips.mean(0) == pytest.approx(true - true.mean(0), abs=0.6)
    still = steadied(shaken(np.zeros((16, 2))), about, least=1.5)
    assert np.abs(still.slips).max() < 0.4
    assert still.bend.coherence == pytest.approx(steady.bend.coherence, rel=0.15)


def test_noise_has_no_coherence():
    for seed in range(3):
        steady = steadied(shaken(np.zeros((16, 2)), amplitude=0, seed=seed), LEAN, least=1.5)
        assert steady is None or steady.bend.coherence < 1.5


def test_what_smears_a_sum_is_found_in_its_moments():
    true = path(16, size=2.5)
    maps = shaken(true)

    def finer(slips):
        back = [moved_back(m, slip) for m, slip in zip(maps, slips, strict=True)]
        return cv2.resize(np.sum(back, 0), (2 * WIDTH, 2 * HEIGHT))

    ways = slants(maps, clipped(finer(np.zeros_like(true))), finer)
    best = max(ways, key=lambda way: way.coherence)
    assert best.slips - best.slips.mean(0) == pytest.approx(true - true.mean(0), abs=0.6)


def test_maps_that_say_nothing_have_no_steady_place():
    assert steadied([np.zeros((HEIGHT, WIDTH), np.float32)] * 4, LEAN, least=1.5) is None
