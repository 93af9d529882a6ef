from __future__ import annotations

import numpy as np
import pytest

from detectors.silence import LevelMeter

RATE = 16_000


def heard(samples, block=1000):
    meter = LevelMeter(RATE)
    blocks = [samples[i : i + block] for i in range(0, len(samples), block)]
    assert sum(len(b) for b in meter.through(blocks)) == len(samples)
    return meter.muted()


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(0, 0.1, (4 * RATE, 2)).astype(np.float32)


def test_what_was_muted_is_found(noise):
    noise[RATE : 2 * RATE] = 0
    (sign,) = heard(noise)
    assert sign.kind == "audio_muted"
    assert (sign.start_s, sign.end_s) == pytest.approx((1, 2), abs=0.03)


def test_sound_that_goes_on_is_not_muted(noise):
    assert heard(noise) == ()


def test_a_sound_that_dies_away_is_not_muted(noise):
    noise[RATE : 2 * RATE] *= np.exp(-np.arange(RATE) / (RATE / 40))[:, None]
    noise[round(1.3 * RATE) : 2 * RATE] = 0
    assert heard(noise) == ()


@pytest.mark.parametrize("part", [slice(0, RATE), slice(3 * RATE, 4 * RATE)])
def test_a_silent_beginning_or_end_is_nothing_unusual(noise, part):
    noise[part] = 0
    assert heard(noise) == ()


def test_a_gap_of_a_moment_is_not_told(noise):
    noise[RATE : RATE + RATE // 10] = 0
    assert heard(noise) == ()


def test_silence_alone_is_no_finding():
    assert heard(np.zeros((RATE, 1), np.float32)) == ()
