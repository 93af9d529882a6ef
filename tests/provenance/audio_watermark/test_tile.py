from __future__ import annotations

import hashlib

import numpy as np

from provenance import fec
from provenance.audio_watermark import tile as layout
from provenance.audio_watermark.search import SoundSearch
from provenance.audio_watermark.tile import COLUMNS, ROWS, band_edges, lay_out
from provenance.keys import DEFAULT_CARRIER_KEY, CarrierKey
from provenance.payload import pack, unpack
from tests.drawn_sound import PAYLOAD

OTHER = CarrierKey(name="other", secret=b"o" * 32)


def test_the_layout_on_the_wire_never_changes():
    tile = lay_out(DEFAULT_CARRIER_KEY)
    pattern = tile.pattern(pack(PAYLOAD, DEFAULT_CARRIER_KEY.secret), 70)
    digest = hashlib.sha256(pattern.astype(np.int8).tobytes() + np.rint(band_edges()).tobytes())
    assert digest.hexdigest()[:16] == "c8131872a21fba1e"


def test_every_cell_has_one_use():
    tile = lay_out(DEFAULT_CARRIER_KEY)
    cells = np.concatenate([tile.pilot, tile.payload, tile.clock])
    assert np.array_equal(np.sort(cells), np.arange(ROWS * COLUMNS))
    pattern = tile.pattern(pack(PAYLOAD, DEFAULT_CARRIER_KEY.secret), 3)
    assert set(np.unique(pattern)) == {-1.0, 1.0}


def test_every_coded_bit_lies_in_the_telephone_band_too():
    edges = band_edges()
    tile = lay_out(DEFAULT_CARRIER_KEY)
    low = edges[1 + tile.payload // COLUMNS] < 3450
    bits = np.arange(len(tile.payload)) % fec.CODED_BITS
    assert set(bits[low]) == set(range(fec.CODED_BITS))
    assert edges[0] == 280
    assert 6300 < edges[-1] < 6600


def test_keys_and_slots_differ_and_the_steady_part_stays():
    bits = pack(PAYLOAD, DEFAULT_CARRIER_KEY.secret)
    tile, other = lay_out(DEFAULT_CARRIER_KEY), lay_out(OTHER)
    assert (tile.pilot_pattern() != other.pilot_pattern()).mean() > 0.1
    first, second = tile.pattern(bits, 63).reshape(-1), tile.pattern(bits, 64).reshape(-1)
    changed = np.flatnonzero(first != second)
    assert set(changed) <= set(tile.clock)
    assert 0.3 < len(changed) / layout.CLOCK_CELLS < 0.7


def test_noisy_cells_give_the_payload_back_and_noise_does_not():
    rng = np.random.default_rng(1)
    tile = lay_out(DEFAULT_CARRIER_KEY)
    pattern = tile.pattern(pack(PAYLOAD, DEFAULT_CARRIER_KEY.secret), 0)
    noise = rng.normal(0, 1, pattern.shape).astype(np.float32)

    def read(cells):
        words = fec.decode(tile.payload_llr(cells))
        return [unpack(word, DEFAULT_CARRIER_KEY.secret) for word in words]

    assert PAYLOAD in read(0.5 * pattern + noise)
    assert not any(read(noise))


def _reliability(llr, bits):
    told = llr * (1 - 2.0 * fec.encode(bits))
    return told.mean() ** 2 / told.var()


def test_bands_that_hold_noise_alone_say_little():
    tile, rng = lay_out(DEFAULT_CARRIER_KEY), np.random.default_rng(5)
    bits = pack(PAYLOAD, DEFAULT_CARRIER_KEY.secret)
    cells = tile.pattern(bits, 0) + rng.standard_normal((44, 64)).astype(np.float32)
    alike = _reliability(tile.payload_llr(cells), bits)
    cells[:12] = 3 * rng.standard_normal((12, 64))
    spoiled = _reliability(tile.payload_llr(cells), bits)
    values = cells.reshape(-1)[tile.payload] * tile.payload_mask
    plain = np.bincount(np.arange(len(values)) % 800, weights=values)
    assert _reliability(plain, bits) < 0.7 * spoiled
    assert spoiled < alike
    # A codec that left nothing of them does no harm either, nor does silence.
    cells[:12] = 0
    assert _reliability(tile.payload_llr(cells), bits) > spoiled
    assert np.isfinite(tile.payload_llr(np.zeros((44, 64), np.float32))).all()


def test_cells_that_carry_the_same_bit_agree():
    rng = np.random.default_rng(2)
    tile = lay_out(DEFAULT_CARRIER_KEY)
    pattern = tile.pattern(pack(PAYLOAD, DEFAULT_CARRIER_KEY.secret), 0)
    noise = rng.normal(0, 1, (200, *pattern.shape)).astype(np.float32)
    chance = [tile.agreement(cells) for cells in noise]
    assert abs(np.mean(chance)) < 0.2
    assert 0.8 < np.std(chance) < 1.2
    assert tile.agreement(noise[0] + 0.5 * pattern) > 6
    assert lay_out(OTHER).agreement(noise[0] + 0.5 * pattern) < 4


def test_more_patience_reads_through_more_noise():
    rng = np.random.default_rng(3)
    search = SoundSearch(lay_out(DEFAULT_CARRIER_KEY))
    pattern = search.tile.pattern(pack(PAYLOAD, DEFAULT_CARRIER_KEY.secret), 0)
    cells = [rng.normal(0.26 * pattern, 1).astype(np.float32) for _ in range(12)]
    read = [
        sum(search.read(each, patience=patience) == PAYLOAD for each in cells)
        for patience in ((), (1024,), (1024, 8192))
    ]
    assert read[0] < read[1] < read[2]


def test_no_band_is_believed_alone_where_the_mark_is_clear():
    rng = np.random.default_rng(4)
    tile = lay_out(DEFAULT_CARRIER_KEY)
    bits = pack(PAYLOAD, DEFAULT_CARRIER_KEY.secret)
    height = np.where(np.arange(ROWS) < 30, 0.5, 3)[:, None]
    for _ in range(5):
        clear = tile.pattern(bits, 0) * height * (1 + rng.normal(0, 0.2, (ROWS, COLUMNS)))
        told = np.abs(tile.payload_llr(clear.astype(np.float32)))
        assert told.mean() ** 2 / told.var() > 10
