from __future__ import annotations

import numpy as np
import pytest

from provenance.audio_watermark.masking import Masking
from tests.drawn_sound import RATE, marked

FREQUENCY = np.arange(257) * RATE / 512


def test_a_band_hides_what_lies_beside_it_more_than_what_lies_far_away():
    model = Masking(FREQUENCY)
    loud = np.full((1, 257), 1e-9)
    loud[0, (FREQUENCY > 1000) & (FREQUENCY < 1080)] = 1
    hidden = model.threshold(loud)[0]
    (band,) = np.flatnonzero(model.bands(loud)[0] > 0.5)
    assert hidden.argmax() == band
    # Towards low frequencies it falls by 25 dB a band, towards high ones by 10.
    below, above = (10 * np.log10(hidden[band] / hidden[band + step]) for step in (-3, 3))
    assert below > above + 20 > 35
    assert hidden[band] < model.bands(loud)[0, band] / 3


def test_noise_hides_more_than_a_tone():
    model = Masking(FREQUENCY)
    even, tone = np.ones((1, 257)), np.full((1, 257), 1e-9)
    tone[0, 64] = 257
    offsets = [
        float((model.bands(power) / model.threshold(power))[0, model.member[64].argmax()])
        for power in (even, tone)
    ]
    assert 10 * np.log10(offsets[0]) == pytest.approx(5.5, abs=2)
    assert 10 * np.log10(offsets[1]) > 20


def test_the_mark_stays_near_what_a_tone_hides():
    time = np.arange(2 * RATE) / RATE
    hum = 0.3 * np.sin(2 * np.pi * 500 * time) + 1e-3 * np.random.default_rng(0).normal(
        size=len(time)
    )
    sound = hum[:, None].astype(np.float32)
    change = (marked(sound) - sound)[:, 0]
    frames = [
        np.square(np.abs(np.fft.rfft(one.reshape(-1, 512) * np.hanning(512), axis=1)))
        for one in (sound[: 62 * 512, 0], change[: 62 * 512])
    ]
    model = Masking(FREQUENCY)
    over = model.bands(frames[1]).mean(0) / model.threshold(frames[0]).mean(0)
    assert 10 * np.log10(over.max()) < 10
    assert over.max() > 0.1
