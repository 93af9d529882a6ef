from __future__ import annotations

import numpy as np
import pytest

from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.watermark.spots import laid_over
from provenance.watermark.sync import Placement, cells_at
from provenance.watermark.tile import lay_out

PATTERN = lay_out(DEFAULT_CARRIER_KEY).pilot_pattern()
SHAPE = (240, 427)


def likeness(one, other):
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize(
    "placement",
    [
        Placement(scale_x=1.0, scale_y=1.0),
        Placement(scale_x=1.333, scale_y=1.333, shift=(3.4, 51.0)),
        Placement(scale_x=1.0, scale_y=1.1, rotation_deg=7.0, shift=(10.0, 20.5)),
        Placement(scale_x=1.0, scale_y=1.0, flipped=True, shift=(5.0, 7.0)),
        Placement(scale_x=1.2, scale_y=1.2, quarter_turns=1, shift=(40.0, 2.0)),
        Placement(scale_x=1.2, scale_y=1.2, flipped=True, quarter_turns=3, shift=(1.0, 9.0)),
        Placement(scale_x=1.0, scale_y=1.0, window=(40, 60, 220, 400)),
    ],
)
def test_what_is_laid_over_a_map_is_what_is_folded_from_it(placement):
    drawn = laid_over(SHAPE, placement, PATTERN)
    assert drawn.shape == SHAPE
    assert likeness(cells_at(drawn, placement), PATTERN) > 0.9
    if placement.window is not None:
        assert not drawn[:40].any()
        assert drawn[50, 70:].any()


def test_another_place_gives_another_map():
    at, beside = (Placement(scale_x=1.0, scale_y=1.0, shift=(0.0, c)) for c in (0.0, 6.0))
    assert abs(likeness(cells_at(laid_over(SHAPE, at, PATTERN), beside), PATTERN)) < 0.2
