"""Improving a shape tile by tile: known changes of shape are found, and a right one stays."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.keys import CarrierKey
from provenance.watermark.climb import climbed
from provenance.watermark.sync import SIDE, fold, laid, tiles
from provenance.watermark.tile import lay_out
from tests.provenance.watermark.test_search import levels

LAYOUT = lay_out(CarrierKey(name="test", secret=b"k" * 32))
PILOT = np.kron(LAYOUT.pilot_pattern(), np.ones((2, 2), np.float32))


def climb(soft, matrix):
    """The change that fits better than ``matrix``, of (H, W) ``soft``."""
    sheet, low = tiles(soft, matrix)
    spectrum = np.fft.rfft2(sheet.sum((0, 2))) * np.conj(np.fft.rfft2(PILOT))
    plane = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    peak = np.unravel_index(int(plane.argmax()), plane.shape)
    return climbed(sheet, low, PILOT, peak, deviation=float(plane.std()))


@pytest.mark.parametrize(
    "error",
    [
        [[0.006, 0], [0, 0]],
        [[0, 0], [0, -0.006]],
        [[0, -0.005], [0.005, 0]],
        [[0.005, 0.002], [-0.002, -0.005]],
    ],
)
def test_a_small_error_of_the_shape_is_taken_back(error):
    soft = levels(np.eye(2), amplitude=1.0)[0].soft_map
    start = np.linalg.inv(np.eye(2) + np.array(error))
    change = climb(soft, start)
    left = np.abs(start @ (np.eye(2) + change) - np.eye(2)).max()
    assert left < 0.0025 < np.abs(start - np.eye(2)).max()


def test_the_right_shape_stays():
    soft = levels(np.eye(2), amplitude=1.0)[0].soft_map
    assert np.abs(climb(soft, np.eye(2))).max() < 0.0013


def test_a_climb_makes_the_pilot_louder():
    soft = levels(np.diag([1.05, 1.05]), amplitude=0.6)[0].soft_map
    start = np.diag([1.05, 1.054])
    better = start @ (np.eye(2) + climb(soft, start))

    def loud(matrix):
        folded = fold(soft, matrix)
        across = np.fft.rfft2(folded) * np.conj(np.fft.rfft2(PILOT))
        return float(np.fft.irfft2(across, s=(SIDE, SIDE)).max())

    assert laid(better).scale_y == pytest.approx(1.05, abs=0.0015)
    assert loud(better) > 1.05 * loud(start)


def test_where_nothing_is_heard_the_shape_stays():
    sheet = np.zeros((2, SIDE, 3, SIDE), np.float32)
    change = climbed(sheet, np.zeros(2), PILOT, (0, 0), deviation=0.0)
    assert not change.any()
