"""Channels become one without cancelling, and the same however they come."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn_sound import voice
from provenance.downmix import Downmix

RATE = 8000


@pytest.fixture(scope="module")
def talk():
    return voice(3.3, RATE, seed=2)


def mixed(samples, block=1 << 20):
    mix = Downmix(RATE)
    parts = [mix.push(samples[at : at + block]) for at in range(0, len(samples), block)]
    return np.concatenate([*parts, mix.finish()])


def test_what_is_alike_or_unlike_is_averaged(talk):
    other = 0.4 * voice(3.3, RATE, seed=5)
    for samples in (talk, np.repeat(talk, 3, axis=1), np.concatenate([talk, other], axis=1)):
        assert np.array_equal(mixed(samples), samples.mean(1, dtype=np.float32))


@pytest.mark.parametrize("signs", [(1, -1), (1, -0.5), (0.5, -1), (0, 1, -1, 0.2)])
def test_what_is_upside_down_is_turned_round_and_the_first_stays(talk, signs):
    samples = talk * np.float32(signs)
    assert np.allclose(mixed(samples), talk[:, 0] * np.abs(signs).mean(), atol=1e-6)


def test_a_hum_in_all_channels_hides_nothing(talk):
    time = np.arange(len(talk)) / RATE
    hum = 0.5 + 0.4 * np.sin(2 * np.pi * 50 * time)[:, None]
    assert np.allclose(mixed(talk * [1, -1] + hum) - talk[:, 0], 0, atol=1e-6)


@pytest.mark.parametrize("block", [1, 777, RATE])
def test_blocks_are_no_matter(talk, block):
    samples = talk * np.float32([1, -1])
    samples[: 2 * RATE, 1] *= -1
    assert np.array_equal(mixed(samples, block), mixed(samples))
    assert len(mixed(samples)) == len(samples)


def test_silence_and_nothing_stay():
    assert not mixed(np.zeros((RATE, 2), np.float32)).any()
    assert len(Downmix(RATE).finish()) == 0
    assert len(mixed(np.zeros((1, 2), np.float32))) == 1
