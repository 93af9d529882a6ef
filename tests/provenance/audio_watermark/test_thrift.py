from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn_sound import noises, tune, voice
from provenance.audio_watermark.thrift import Thrift
from tests.drawn_sound import RATE, marked


@pytest.mark.parametrize("draw", [noises, tune, voice])
def test_the_ratio_is_what_was_asked_for(draw):
    for seconds in (4, 8):
        sound = draw(seconds, RATE)
        change = marked(sound) - sound
        ratio_db = 10 * np.log10(np.square(sound).mean() / np.square(change).mean())
        assert 28.0 <= ratio_db < 28.8


@pytest.mark.parametrize("comes_out", [0.2, 0.6, 1.0])
def test_what_comes_out_corrects_what_is_guessed(comes_out):
    thrift = Thrift(allowed=0.01, around=25)
    rng = np.random.default_rng(0)
    spent, heard = 0.0, 0.0
    for batch in range(20):
        power = rng.uniform(1, 3, 64)
        thrift.add(power)
        scale = thrift.scale(0.2 * power, np.arange(64 * batch, 64 * (batch + 1)))
        mark = comes_out * float((0.2 * power * scale**2).sum())
        sound = float(power.sum())
        thrift.measure(np.full((1, 1), sound**0.5), np.full((1, 1), mark**0.5))
        if batch >= 5:
            spent, heard = spent + mark, heard + sound
    assert spent / heard == pytest.approx(0.01, rel=0.05)


def test_silence_asks_for_nothing():
    thrift = Thrift(allowed=0.01, around=25)
    thrift.add(np.zeros(64))
    assert np.isfinite(thrift.scale(np.zeros(64), np.arange(64))).all()
    thrift.measure(np.zeros((10, 1), np.float32), np.zeros((10, 1), np.float32))
    thrift.add(np.ones(64))
    assert np.isfinite(thrift.scale(np.ones(64), np.arange(64, 128))).all()
