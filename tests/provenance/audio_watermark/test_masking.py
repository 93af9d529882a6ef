from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn_sound import tune, voice
from benchmarks.hearing import band_ratios, noise_to_mask
from provenance.audio_watermark.masking import Masking
from tests.drawn_sound import RATE, marked

SIZE = 2048
FREQUENCY = np.arange(SIZE // 2 + 1) * 48_000 / SIZE
MODEL = Masking(FREQUENCY, full_scale=1.0)


def tone(hertz: float, power: float) -> np.ndarray:
    spectrum = np.zeros((1, len(FREQUENCY)))
    spectrum[0, np.abs(FREQUENCY - hertz).argmin()] = power
    return spectrum


def test_the_bands_are_those_of_the_standard():
    assert len(MODEL.hertz) == 109
    assert MODEL.hertz[0] == pytest.approx(91.708, abs=1e-3)
    assert MODEL.hertz[-1] == pytest.approx(17_690.045, abs=1e-2)
    # All of a bin lies in some band, between the lowest and the highest.
    inside = (FREQUENCY > 100) & (FREQUENCY < 17_900)
    assert np.allclose(MODEL.shares[inside].sum(1), 1)


def test_a_sine_of_full_scale_is_played_at_92_db():
    # Over all bins 1.76 dB more than in the highest, and the ear takes 1.91 dB at 1 kHz.
    heard_db = 10 * np.log10(MODEL.bands(tone(1000, 1.0)).sum())
    assert heard_db == pytest.approx(92 + 1.76 - 1.91, abs=0.1)


def test_sound_hides_what_lies_above_it_more_than_what_lies_below_and_more_the_louder():
    def falls(power: float) -> tuple[float, float]:
        """Over two Bark."""
        stirred = 10 * np.log10(MODEL.excitation(tone(1000, power))[0])
        band = int(stirred.argmax())
        return stirred[band - 2] - stirred[band - 10], stirred[band + 2] - stirred[band + 10]

    (below, above), (_, above_quiet) = falls(0.1), falls(1e-3)
    # Somewhat less than 27 dB a Bark: the noise of the ear adds up with it.
    assert 2 * 22 < below < 2 * 27
    assert below > above + 25
    # 20 dB less are 4 dB a Bark.
    assert 6 < above_quiet - above < 8


def test_an_even_sound_hides_3_db_less_than_it_is_and_at_high_frequencies_less():
    stirred = MODEL.excitation(np.ones((1, len(FREQUENCY))))
    offset_db = 10 * np.log10(stirred / MODEL.hidden(stirred))[0]
    assert np.allclose(offset_db[:49], 3)
    assert offset_db[80] == pytest.approx(5)
    assert (np.diff(offset_db) > -1e-9).all()


def test_the_ear_hears_nothing_of_what_is_quieter_than_its_own_noise():
    nothing = np.zeros((1, len(FREQUENCY)))
    hidden_db = 10 * np.log10(MODEL.hidden(MODEL.excitation(nothing))[0])
    # Least where the ear is keenest; far more for a hum.
    assert hidden_db[0] > hidden_db[40] + 5
    assert -5 < hidden_db[40] < 5


@pytest.mark.parametrize("draw", [voice, tune])
def test_the_mark_stays_below_what_the_sound_hides(draw):
    sound = draw(4, RATE, seed=5)
    changed = marked(sound)
    heard = noise_to_mask(sound, changed, RATE)
    assert heard.total_db < -9
    assert heard.disturbed < 0.12
    # Louder, it would not.
    loud = noise_to_mask(sound, sound + 4 * (changed - sound), RATE)
    assert loud.total_db > heard.total_db + 9
    assert loud.disturbed > 0.5


def test_the_mark_beside_a_lone_tone_is_held_back():
    time = np.arange(2 * RATE) / RATE
    hum = 0.3 * np.sin(2 * np.pi * 500 * time) + 1e-3 * np.random.default_rng(0).normal(
        size=len(time)
    )
    sound = hum[:, None].astype(np.float32)
    ratios = band_ratios(sound[:, 0], marked(sound)[:, 0], RATE)[4:-6]
    assert 0.01 < ratios.max() < 10**0.3


def test_each_channel_hides_its_own_mark():
    rng = np.random.default_rng(2)
    time = np.arange(3 * RATE) / RATE
    # On the left a tone that hides little, on the right noise that would hide all.
    left = 0.02 * np.sin(2 * np.pi * 1000 * time) + 2e-4 * rng.normal(size=len(time))
    sound = np.stack([left, 0.2 * rng.normal(size=len(time))], axis=1).astype(np.float32)
    ratios = band_ratios(sound[:, 0], marked(sound)[:, 0], RATE)[4:-6]
    assert 0.01 < ratios.max() < 10**0.3
