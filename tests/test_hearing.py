"""What the model of hearing says of spoiled sound."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from benchmarks.hearing import band_ratios, noise_to_mask
from benchmarks.masking import Johnston

RATE = 44_100
TIME = np.arange(2 * RATE) / RATE
RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal(len(TIME))


def piano() -> np.ndarray:
    """(N, 1) a struck string of 440 Hz, every half second."""
    since = TIME % 0.5
    partials = [
        np.sin(2 * np.pi * n * 440 * TIME) * np.exp(-(2 + n) * since) / n for n in range(1, 9)
    ]
    return (0.2 * np.sum(partials, axis=0))[:, None].astype(np.float32)


def with_noise(sound: np.ndarray, level_db: float, noise: np.ndarray = NOISE) -> np.ndarray:
    scale = sound.std() / noise.std() * 10 ** (level_db / 20)
    return (sound + scale * noise[:, None]).astype(np.float32)


def band(low: float, high: float) -> np.ndarray:
    return signal.sosfilt(signal.butter(4, (low, high), "band", fs=RATE, output="sos"), NOISE)


def test_white_noise_over_a_piano_is_heard_and_far_below_it_is_not():
    loud = noise_to_mask(piano(), with_noise(piano(), -20), RATE)
    assert loud.total_db > 10
    assert loud.disturbed > 0.95
    quiet = noise_to_mask(piano(), with_noise(piano(), -90), RATE)
    assert quiet.total_db < -10
    assert quiet.disturbed == 0
    assert noise_to_mask(piano(), piano(), RATE).total_db < -60


def test_louder_noise_is_heard_more():
    heard = [
        noise_to_mask(piano(), with_noise(piano(), level), RATE) for level in range(-80, 0, 10)
    ]
    totals = [one.total_db for one in heard]
    assert totals == sorted(totals)
    assert totals[3] - totals[2] == pytest.approx(10, abs=1.5)
    disturbed = [one.disturbed for one in heard]
    assert disturbed == sorted(disturbed)


def test_noise_is_hidden_at_the_place_of_what_is_louder_and_heard_elsewhere():
    loud = with_noise(np.zeros((len(TIME), 1)) + 1e-9, 0)
    loud[:, 0] = 0.1 * band(900, 1100) / band(900, 1100).std()
    other = np.random.default_rng(1).permutation(NOISE)
    sos = signal.butter(4, (950, 1050), "band", fs=RATE, output="sos")
    beside = noise_to_mask(loud, with_noise(loud, -15, signal.sosfilt(sos, other)), RATE)
    apart = noise_to_mask(loud, with_noise(loud, -15, band(3900, 4300)), RATE)
    assert beside.disturbed < 0.2
    assert apart.disturbed > 0.95
    assert apart.total_db > beside.total_db + 15
    # Below it less is hidden than above.
    ratios = [
        band_ratios(loud[:, 0], with_noise(loud, -40, band(*edges))[:, 0], RATE).max(1)
        for edges in ((650, 750), (1400, 1600))
    ]
    assert np.median(ratios[0]) > 3 * np.median(ratios[1])


def test_a_change_is_hidden_just_after_what_is_loud_but_not_later():
    sound = 0.1 * NOISE * (TIME < 1)
    click = np.zeros(len(TIME))
    ratios = []
    for after_s in (0.012, 0.4):
        click[:] = 0
        first = round((1 + after_s) * RATE)
        click[first : first + 400] = 3e-4 * NOISE[:400]
        heard = band_ratios(sound.astype(np.float32), (sound + click).astype(np.float32), RATE)
        ratios.append(float(heard.max()))
    assert ratios[0] < 1
    assert ratios[1] > 3


def test_what_is_played_softly_hides_behind_the_ear_s_own_noise():
    soft = 1e-4 * piano()
    assert (
        noise_to_mask(soft, with_noise(soft, -20), RATE).total_db
        < noise_to_mask(piano(), with_noise(piano(), -20), RATE).total_db - 15
    )


def test_the_worse_channel_disturbs_a_frame():
    silent = np.concatenate([piano(), piano()], axis=1)
    changed = silent.copy()
    changed[:, 1:] = with_noise(piano(), -20)
    both, one = (
        noise_to_mask(piano(), with_noise(piano(), -20), RATE),
        noise_to_mask(silent, changed, RATE),
    )
    assert one.disturbed == pytest.approx(both.disturbed)
    assert both.total_db - one.total_db == pytest.approx(3.01, abs=0.01)


def test_to_johnston_noise_hides_more_than_a_tone():
    model = Johnston(np.arange(257) * 16_000 / 512)
    even, tone = np.ones((1, 257)), np.full((1, 257), 1e-9)
    tone[0, 64] = 257
    offsets = [
        float((model.bands(power) / model.threshold(power))[0, model.member[64].argmax()])
        for power in (even, tone)
    ]
    assert 10 * np.log10(offsets[0]) == pytest.approx(5.5, abs=2)
    assert 10 * np.log10(offsets[1]) > 20
