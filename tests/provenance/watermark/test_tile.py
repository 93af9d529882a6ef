"""The keyed layout of the tile."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from provenance import fec
from provenance.keys import CarrierKey
from provenance.watermark import tile as tiles
from provenance.watermark.tile import CLOCK_CELLS, PILOT_CELLS, TILE, cell_size, lay_out, too_small

KEY = CarrierKey(name="test", secret=b"k" * 32)
OTHER = CarrierKey(name="other", secret=b"l" * 32)
BITS = np.random.default_rng(0).integers(0, 2, 128, dtype=np.uint8)


def test_every_cell_has_one_use():
    tile = lay_out(KEY)
    used = np.concatenate([tile.pilot, tile.payload, tile.clock])
    assert sorted(used) == list(range(TILE * TILE))
    assert (len(tile.pilot), len(tile.clock)) == (PILOT_CELLS, CLOCK_CELLS)
    assert len(tile.payload) == fec.CODED_BITS


def test_the_layout_never_changes():
    pattern = lay_out(KEY).pattern(BITS, 3)
    assert set(np.unique(pattern)) == {-1.0, 1.0}
    # What was marked once must stay readable: this value is the wire format.
    digest = hashlib.sha256((pattern > 0).tobytes()).hexdigest()[:16]
    assert digest == "0ce556dfd33f0524"


def test_another_key_has_another_layout_and_other_signs():
    one, other = lay_out(KEY), lay_out(OTHER)
    assert len(set(one.pilot) & set(other.pilot)) < PILOT_CELLS / 2
    agreement = float((one.pattern(BITS, 0) == other.pattern(BITS, 0)).mean())
    assert 0.4 < agreement < 0.6


def test_the_pattern_is_balanced_whatever_the_payload():
    for bits in (np.zeros(128, np.uint8), np.ones(128, np.uint8), BITS):
        assert abs(float(lay_out(KEY).pattern(bits, 0).mean())) < 0.1


def test_only_the_clock_changes_with_the_second():
    tile = lay_out(KEY)
    changed = (tile.pattern(BITS, 0) != tile.pattern(BITS, 1)).reshape(-1)
    assert 20 < int(changed.sum()) < 76
    assert set(np.flatnonzero(changed)) <= set(tile.clock)
    assert not tile.steady_pattern(BITS).reshape(-1)[tile.clock].any()


def test_llr_of_clean_cells_decodes():
    tile = lay_out(KEY)
    llr = tile.payload_llr(0.3 * tile.pattern(BITS, 0))
    assert (fec.decode(llr)[0] == BITS).all()


def test_llr_is_as_sure_as_the_pilot_says():
    tile, rng = lay_out(KEY), np.random.default_rng(1)
    noise = rng.normal(size=(TILE, TILE))
    strong = tile.payload_llr((2 * tile.pattern(BITS, 0) + noise).astype(np.float32))
    weak = tile.payload_llr((0.5 * tile.pattern(BITS, 0) + noise).astype(np.float32))
    assert np.abs(strong).mean() > 4 * np.abs(weak).mean()
    assert np.abs(strong).mean() == pytest.approx(2 * 2**2, rel=0.25)


def test_inverted_and_empty_cells_say_nothing():
    tile = lay_out(KEY)
    assert not tile.payload_llr(-tile.pattern(BITS, 0)).any()
    assert not tile.payload_llr(np.zeros((TILE, TILE), np.float32)).any()


@pytest.mark.parametrize(
    ("size", "cell"),
    [((1280, 720), 6.0), ((720, 1280), 6.0), ((320, 240), 4.0), ((3840, 2160), 18)],
)
def test_cells_grow_with_the_picture(size, cell):
    assert cell_size(*size) == cell


def test_one_tile_must_fit():
    assert too_small(127, 4000)
    assert too_small(4000, 127)
    assert not too_small(128, 128)
    assert tiles.SMALLEST_SIDE_PX == TILE * tiles.SMALLEST_CELL_PX
