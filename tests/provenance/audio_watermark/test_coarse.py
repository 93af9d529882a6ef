from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn_sound import voice
from provenance.audio_watermark.coarse import CoarseMaps, pieces_of
from provenance.audio_watermark.search import SoundSearch
from provenance.audio_watermark.softmap import Stretch, folded, halved, soft_map
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


@pytest.mark.parametrize("count", [6 * RATE, 6 * RATE - 1])
def test_sound_at_twice_the_rate_is_halved_and_gives_the_same_map(count):
    slow = np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    slow = np.fft.irfft(np.fft.rfft(slow)[: RATE + 1], n=3 * RATE).astype(np.float32)
    spectrum = np.fft.rfft(slow)
    fast = 2 * np.fft.irfft(np.pad(spectrum, (0, len(spectrum) - 1)), n=6 * RATE)[:count]
    half, rate = halved(fast.astype(np.float32), 2 * RATE)
    assert rate == RATE
    assert len(half) == len(slow)
    assert np.allclose(half[20:-20], slow[20:-20], atol=0.02)
    maps = [CoarseMaps(mono, RATE).map_at(1.0, 1.0) for mono in (slow, half)]
    assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.95


@pytest.mark.parametrize("count", [100, 128, 300])
def test_pieces_tell_the_pilot_at_every_shift_as_the_fold_does(count):
    soft = np.random.default_rng(1).standard_normal((44, count)).astype(np.float32)
    pilot = lay_out(DEFAULT_CARRIER_KEY).pilot_pattern().repeat(2, axis=1)
    conjugate = np.conj(np.fft.rfft(pilot, axis=1)).astype(np.complex64)
    for ratio in (1.0, 0.99, 1.01):
        spots = folded(soft, ratio=1 / ratio)
        told = np.array([(np.roll(spots, -shift, axis=1) * pilot).sum() for shift in range(128)])
        (scores,) = pieces_of(soft).scores(conjugate, [ratio])
        # Of a ratio, a piece is moved as a whole, and not between its spots.
        assert np.corrcoef(scores, told)[0, 1] > (0.9999 if ratio == 1 else 0.8)


def test_pieces_show_how_high_the_pilot_stands_in_standard_deviations():
    pilot = np.conj(np.fft.rfft(lay_out(DEFAULT_CARRIER_KEY).pilot_pattern().repeat(2, axis=1)))
    noise = np.random.default_rng(2).standard_normal((44, 400)).astype(np.float32)
    scores = pieces_of(noise).scores(pilot.astype(np.complex64), [0.98, 0.99, 1.0, 1.01, 1.02])
    assert scores.shape == (5, 128)
    assert 0.8 < scores.std() < 1.2
