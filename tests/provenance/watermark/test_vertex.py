"""The top of a parabola through samples, and how far it may be from the highest of them."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.watermark.vertex import vertex


@pytest.mark.parametrize("top", [3.0, 3.3, 2.51, 7.0])
def test_the_top_of_a_parabola_is_found_between_samples(top):
    line = 5 - (np.arange(12) - top) ** 2
    assert vertex(line, round(top)) == pytest.approx(top)
    assert vertex(np.roll(line, 4), round(top) + 4) == pytest.approx(top + 4)


def test_ends_are_neighbours_in_a_period_and_nothing_else():
    line = 5 - np.minimum(np.arange(12) - 0.2, 12.2 - np.arange(12)) ** 2
    assert vertex(line, 0) == 0
    assert vertex(line, 0, periodic=True) == pytest.approx(0.2)
    assert vertex(np.roll(line, -1), 11, periodic=True) == pytest.approx(11.2)


def test_a_flat_top_is_where_it_is():
    assert vertex(np.ones(5), 2) == 2
    assert vertex(np.ones(5), 0, periodic=True) == 0
