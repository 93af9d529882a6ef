from __future__ import annotations

import numpy as np
import pytest

from provenance.watermark.course import pieces

STEP_S = 0.25


def course(shown_s, *, level=4.0, seed=0):
    """The course through windows in which these seconds of the original are shown."""
    shown = np.asarray(shown_s, float)
    rng = np.random.default_rng(seed)
    slots = int(shown.max()) + 4
    fit = rng.normal(size=(len(shown), slots))
    fit[np.arange(len(shown)), np.floor(shown).astype(int)] += level
    start = STEP_S * np.arange(len(shown))

    def gains(speed, offsets):
        at = offsets[:, None] + speed * (start + STEP_S / 2)
        slot = np.clip(np.floor(at), 0, slots - 1).astype(int)
        gain = level * fit[np.arange(len(shown)), slot] - level**2 / 2
        return np.where(at < -0.4, -1e6, gain)

    return pieces(start, np.floor(shown).astype(int).tolist(), gains, usual=1.0)


def run(start_s, count, speed=1.0):
    return start_s + speed * STEP_S * (np.arange(count) + 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_what_goes_on_is_one_piece(seed):
    (piece,) = course(run(0, 24), seed=seed)
    assert (piece.first, piece.last, piece.speed) == (0, 24, 1.0)
    assert piece.position_s == pytest.approx(0, abs=0.3)


def test_a_held_picture():
    found = course([*run(0, 8), *[1.9] * 8, *run(2, 12)])
    assert [piece.speed for piece in found] == [1.0, 0.0, 1.0]
    assert found[1].first == pytest.approx(8, abs=4)  # it may begin anywhere in its second


def test_a_part_played_backwards():
    found = course([*run(0, 8), *run(5, 12, -1.0), *run(5, 8)])
    assert [piece.speed for piece in found] == [1.0, -1.0, 1.0]
    assert (found[1].first, found[1].last) == pytest.approx((8, 20), abs=1)


def test_a_leap_of_a_second_and_a_half():
    before, after = course([*run(0, 10), *run(4, 12)])
    assert before.last == after.first == 10
    assert after.position_s == pytest.approx(4, abs=0.3)


def test_a_hurried_part():
    found = course([*run(0, 12), *run(3, 12, 1.5), *run(7.5, 12)])
    assert [piece.speed for piece in found] == [1.0, 1.5, 1.0]
