from __future__ import annotations

import itertools

import numpy as np
import pytest

from provenance.watermark.rectangles import largest_sum


def exhaustive(plane, shortest):
    height, width = plane.shape
    rows = [p for p in itertools.combinations(range(height + 1), 2) if p[1] - p[0] >= shortest]
    columns = [p for p in itertools.combinations(range(width + 1), 2) if p[1] - p[0] >= shortest]
    return max(
        (float(plane[t:b, l:r].sum(dtype=np.float64)), t, l, b, r)
        for t, b in rows
        for l, r in columns  # noqa: E741
    )


@pytest.mark.parametrize("shortest", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_largest_of_all(seed, shortest):
    plane = np.random.default_rng(seed).normal(-0.2, 1, (9, 11)).astype(np.float32)
    total, top, left, bottom, right = exhaustive(plane, shortest)
    found = largest_sum(plane, shortest=shortest)
    assert found[:4] == (top, left, bottom, right)
    assert found.total == pytest.approx(total, abs=1e-4)


def test_a_plane_of_losses_still_has_a_least_bad_rectangle():
    plane = np.full((4, 5), -1.0, np.float32)
    plane[2, 3] = -0.5
    found = largest_sum(plane)
    assert (found[:4], found.area, found.total) == ((2, 3, 3, 4), 1, -0.5)
