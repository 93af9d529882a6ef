from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn_sound import tune, voice
from provenance.audio_watermark import SoundMarker
from provenance.errors import FrameError, OptionError
from provenance.keys import DEFAULT_CARRIER_KEY
from tests.drawn_sound import PAYLOAD, RATE, marked


def snr_db(sound, changed):
    change = np.square(changed - sound, dtype=np.float64).mean()
    return 10 * np.log10(np.square(sound, dtype=np.float64).mean() / change)


@pytest.mark.parametrize("block", [1, 777, 16_000])
def test_blocks_change_nothing(block):
    sound = voice(1.5 if block == 1 else 4, RATE)[: 9000 if block == 1 else None]
    assert np.allclose(marked(sound, block=block), marked(sound), atol=1e-7)


def test_a_minute_in_small_blocks_is_a_minute_at_once():
    sound = np.random.default_rng(0).normal(0, 0.1, (60 * 8000, 1)).astype(np.float32)
    assert np.allclose(marked(sound, rate=8000, block=4000), marked(sound, rate=8000), atol=1e-7)


def test_length_and_place_stay_and_the_mark_is_quiet():
    for sound, rate in ((voice(4, RATE), RATE), (tune(2, 44_100), 44_100)):
        changed = marked(sound, rate=rate)
        assert changed.shape == sound.shape
        assert changed.dtype == np.float32
        assert 25 < snr_db(sound, changed) < 40
        # A delay of one sample would be far louder than the mark.
        assert snr_db(sound[1:], sound[:-1]) < snr_db(sound, changed)


@pytest.mark.parametrize("count", [0, 1, 500, 5000])
def test_short_sound_stays_as_long(count):
    assert marked(voice(1, RATE)[:count]).shape == (count, 1)


def test_silence_stays_silent_and_loudness_within_full_scale():
    sound = voice(4, RATE)
    sound[RATE : 2 * RATE] = 0
    changed = marked(sound)
    # Nor is the mark heard before the sound begins again: a frame would spread it over 20 ms.
    assert not changed[RATE + 40 : 2 * RATE - 40].any()
    assert np.abs(changed[3 * RATE :] - sound[3 * RATE :]).max() > 1e-3
    loud = np.clip(8 * voice(2, RATE), -1, 1)
    assert np.abs(marked(loud)).max() == 1


def test_channels_are_changed_alike():
    sound = voice(2, RATE)
    wide = np.concatenate([sound, -0.5 * sound, 0 * sound], axis=1)
    changed = marked(wide)
    assert np.allclose(changed[:, 1], -0.5 * changed[:, 0], atol=1e-6)
    assert not changed[:, 2].any()


def test_what_cannot_be_marked_is_refused():
    options = {"payload": PAYLOAD, "key": DEFAULT_CARRIER_KEY, "channels": 1}
    with pytest.raises(OptionError, match="too narrow"):
        SoundMarker(**options, rate=6000)
    with pytest.raises(OptionError, match="strength"):
        SoundMarker(**options, rate=RATE, strength=0)
    with pytest.raises(OptionError, match="0 channels"):
        SoundMarker(**{**options, "channels": 0}, rate=RATE)
    with pytest.raises(OptionError, match="starts at nan"):
        SoundMarker(**options, rate=RATE, start_s=float("nan"))
    with pytest.raises(FrameError, match="shape"):
        SoundMarker(**options, rate=RATE).push(np.zeros((10, 2), np.float32))
