"""Sound: the same is found, other sound is not, and bytes come back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter, resample, resample_poly

from benchmarks.drawn_sound import tune, voice
from provenance.errors import FrameError
from provenance.fingerprint import Prints, SoundFingerprint, SoundFingerprinter, match
from tests.stored import heard, scene, seen

RATE, SECONDS = 16_000, 6


@pytest.fixture(scope="module")
def speech():
    return voice(SECONDS, RATE)[:, 0]


@pytest.fixture(scope="module")
def reference(speech):
    return heard(speech, RATE)


def noisy(sound):
    noise = np.random.default_rng(0).standard_normal(len(sound)) * sound.std() * 0.2
    return (sound + noise).astype(np.float32)


HANDLING = {
    "noise": noisy,
    "quieter": lambda s: s * 0.1,
    "filtered": lambda s: lfilter([1, -0.9], [1], s).astype(np.float32),
    "faster": lambda s: resample(s, int(len(s) / 1.05)).astype(np.float32),
    "slower": lambda s: resample(s, int(len(s) / 0.95)).astype(np.float32),
    "a little faster": lambda s: resample(s, int(len(s) / 1.02)).astype(np.float32),
}


@pytest.mark.parametrize("name", HANDLING)
def test_handling_leaves_the_sound_the_same(speech, reference, name):
    result = match(heard(HANDLING[name](speech), RATE), reference)
    assert result.same is True
    assert result.false_match_bound < 1e-6
    assert result.offset_s == pytest.approx(0, abs=0.3)


def test_another_rate_and_stereo_are_no_matter(speech, reference):
    other = resample_poly(speech, 3, 1).astype(np.float32)
    stereo = np.stack([other, other], axis=1)
    for channels in ([1, 1], [1, -1], [0.5, -1]):
        assert match(heard(stereo * np.float32(channels), 3 * RATE), reference).score > 0.9


@pytest.mark.parametrize("cut_s", [0.0, 1.03, 2.51])
def test_a_trim_is_placed(speech, reference, cut_s):
    part = speech[int(cut_s * RATE) : int((cut_s + 3) * RATE)]
    result = match(heard(part, RATE), reference)
    assert result.same is True
    assert result.offset_s == pytest.approx(cut_s, abs=0.2)


@pytest.mark.parametrize("seed", range(1, 5))
def test_other_sound_is_not_the_same(reference, seed):
    for other in (voice(SECONDS, RATE, seed=seed), tune(SECONDS, RATE, seed=seed)):
        result = match(heard(other, RATE), reference)
        assert result.same is not True
        assert result.false_match_bound > 1e-6


def test_noise_is_other(reference):
    noise = 0.1 * np.random.default_rng(1).standard_normal(20 * RATE).astype(np.float32)
    assert match(heard(noise, RATE), reference).same is False


def test_silence_says_nothing(reference):
    silence = heard(np.zeros(4 * RATE, np.float32), RATE)
    assert match(silence, reference).same is None
    assert match(silence, silence).same is None


def test_blocks_are_no_matter_and_bytes_come_back(speech, reference):
    assert (heard(speech, RATE, block=777).signs == reference.signs).all()
    data = reference.to_bytes()
    assert (len(data) - 12) / SECONDS <= 64
    back = SoundFingerprint.from_bytes(data)
    assert (back.signs == reference.signs).all()
    assert back.loudness == pytest.approx(reference.loudness, abs=0.3)
    with pytest.raises(ValueError, match="damaged"):
        SoundFingerprint.from_bytes(data[:-1])


def test_short_and_empty_sound(speech):
    assert len(heard(speech[:1_000], RATE).loudness) == 1
    assert len(SoundFingerprinter(RATE).finish().loudness) == 0
    with pytest.raises(FrameError):
        SoundFingerprinter(3_000)


def test_prints_come_back_from_text_and_long_ones_leave_a_digest(reference):
    video = seen(scene(1))
    prints = Prints(video=video, sound=reference)
    back = Prints.from_text(prints.to_text())
    assert (back.video.levels == video.levels).all()
    assert (back.sound.signs == reference.signs).all()
    assert Prints().to_text() is None
    for text in (None, "", "unknown:AAAA", prints.to_text()[:-9], "org.everyframe.fingerprint"):
        found = Prints.from_text(text)
        assert found.sound is None
    long = seen(np.concatenate([scene(1, seconds=1)] * 1_200))
    text = Prints(video=long).to_text()
    assert "sha-256=" in text
    assert len(text) < 200
    assert Prints.from_text(text).video is None
