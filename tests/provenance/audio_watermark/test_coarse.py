from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn_sound import voice
from provenance.audio_watermark.coarse import CoarseMaps, fold_all
from provenance.audio_watermark.search import SoundSearch
from provenance.audio_watermark.softmap import Stretch, folded, soft_map
from provenance.audio_watermark.tile import lay_out
from provenance.keys import DEFAULT_CARRIER_KEY
from tests.drawn_sound import RATE, marked


def test_a_coarse_map_shows_the_pilot_nearly_as_well_as_a_full_one():
    sound = marked(voice(6, RATE, seed=3))[:, 0]
    search = SoundSearch(lay_out(DEFAULT_CARRIER_KEY))
    full, where = search.best_shift(folded(soft_map(sound, RATE, Stretch())))
    coarse = CoarseMaps(sound, RATE)
    score, shift = search.best_shift(folded(coarse.map_at(1.0, 1.0)))
    assert score > 0.75 * full
    assert shift == where
    assert search.best_shift(folded(coarse.map_at(1.1, 1.0)))[0] < 0.6 * score


def test_sound_at_twice_the_rate_gives_the_same_map():
    slow = np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    spectrum = np.fft.rfft(slow)
    fast = np.fft.irfft(np.pad(spectrum, (0, len(spectrum) - 1)), n=6 * RATE).astype(np.float32)
    maps = (CoarseMaps(slow, RATE).map_at(1.0, 1.0), CoarseMaps(fast, 2 * RATE).map_at(1.0, 1.0))
    assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.95


@pytest.mark.parametrize("count", [100, 128, 300])
def test_folds_are_those_of_the_full_map(count):
    soft = np.random.default_rng(1).standard_normal((44, count)).astype(np.float32)
    (straight, longer) = fold_all(soft, [1.0, 1.01])
    assert np.allclose(straight, folded(soft), atol=1e-5)
    # To the nearest spot, not between two.
    between = folded(soft, ratio=1.01)
    assert np.corrcoef(longer.ravel(), between.ravel())[0, 1] > 0.8
