from __future__ import annotations

import numpy as np
import pytest

from detectors.quality.offset import heard_offset_ms, offset_finding
from detectors.quality.sound import SoundWatch
from provenance.clip import AudioSpec
from provenance.video import SoundWriter, open_sound
from tests.drawn import tone

RATE = 16_000


def speech(seconds, *, seed=0, loud=0.2):
    """(N, 1) float32: low noise in syllables, with the peaks and the spectrum of speech."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    envelope = 0.3 + np.abs(np.sin(2 * np.pi * 2.3 * time))
    noise = np.convolve(rng.normal(0, 1, len(time)), np.hanning(24), mode="same")
    return (loud * envelope * 0.6 * noise / noise.std()).astype(np.float32)[:, None]


def findings(samples, *, block=1234):
    watch = SoundWatch(RATE)
    for at in range(0, len(samples), block):
        watch.add(samples[at : at + block])
    return watch.findings()


def test_clean_sound_has_no_finding():
    assert findings(speech(5)) == []
    assert findings(tone(5, rate=RATE, channels=2)) == []


def test_sound_that_just_reaches_full_scale_is_not_clipped():
    sine = np.sin(2 * np.pi * 110 * np.arange(5 * RATE) / RATE).astype(np.float32)[:, None]
    assert findings(sine) == []
    loud = speech(5)
    assert findings(loud / np.abs(loud).max()) == []


@pytest.mark.parametrize("suffix", [".wav", ".m4a", ".mp3"])
def test_clipped_sound_is_found_through_codecs_where_it_is(tmp_path, suffix):
    samples = speech(6)
    samples[2 * RATE : 4 * RATE] *= 14
    path = tmp_path / f"sound{suffix}"
    with SoundWriter(path, AudioSpec(sample_rate=RATE, channels=1)) as writer:
        writer.write(np.clip(samples, -1, 1))
    watch = SoundWatch(RATE)
    with open_sound(path) as sound:
        for block in sound.blocks():
            watch.add(block)
    (finding,) = watch.findings()
    assert finding.kind == "clipped"
    assert (finding.start_s, finding.end_s) == pytest.approx((2, 4), abs=0.6)


def test_silence_is_found_where_it_is():
    samples = speech(8)
    samples[3 * RATE : 6 * RATE] = 0
    (finding,) = findings(samples)
    assert (finding.kind, finding.start_s, finding.end_s) == ("silence", 3.0, 6.0)
    samples[RATE : 2 * RATE] = 0  # a pause
    assert len(findings(samples)) == 1


def test_a_silent_track_is_called_so():
    (finding,) = findings(np.zeros((4 * RATE, 2), np.float32))
    assert (finding.kind, finding.start_s) == ("silence", None)


def events(seconds, at_s, *, step_s, lasts_s=0.12):
    """Activity that jumps up at ``at_s`` and falls off, and a little noise."""
    times = np.arange(0, seconds, step_s)
    rng = np.random.default_rng(1)
    values = 0.3 + 0.05 * rng.random(len(times))
    for moment in at_s:
        late = times - moment
        values += np.where(late >= 0, 5 * np.exp(-np.maximum(late, 0) / lasts_s), 0)
    return times, values


MOMENTS = np.array([0.7, 1.9, 2.4, 3.8, 4.1, 5.6, 6.9, 7.3, 8.8])


@pytest.mark.parametrize("offset_s", [0.0, 0.3, -0.4, 0.8])
def test_an_offset_is_heard(offset_s):
    times, moves = events(10, MOMENTS, step_s=1 / 25)
    _, levels = events(10, MOMENTS + offset_s, step_s=0.01)
    found_ms = heard_offset_ms((times, moves), (0.01, levels**2))
    assert found_ms == pytest.approx(1000 * offset_s, abs=60)
    finding = offset_finding(None, (times, moves), (0.01, levels**2))
    assert (finding is None) == (offset_s == 0)


def test_events_that_have_nothing_to_do_with_each_other_say_nothing():
    rng = np.random.default_rng(5)
    for _ in range(20):
        times, moves = events(10, rng.uniform(0, 10, 9), step_s=1 / 25)
        _, levels = events(10, rng.uniform(0, 10, 9), step_s=0.01)
        assert offset_finding(None, (times, moves), (0.01, levels**2)) is None


def test_the_marks_clocks_count_before_what_is_heard():
    times, moves = events(10, MOMENTS, step_s=1 / 25)
    _, levels = events(10, MOMENTS + 0.8, step_s=0.01)
    assert offset_finding(40, (times, moves), (0.01, levels)) is None
    finding = offset_finding(-300, (times, moves), (0.01, levels))
    assert "300 ms before its pictures, by the clocks of both marks" in finding.detail
