from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from scipy import signal

from benchmarks.drawn_sound import tune, voice
from provenance.audio_watermark import SoundDetector, Stretch
from provenance.audio_watermark.softmap import soft_map
from provenance.clip import AudioSpec
from provenance.errors import FrameError, OptionError
from provenance.keys import DEFAULT_CARRIER_KEY, CarrierKey
from provenance.payload import Payload
from provenance.video import SoundSettings, coded_sound, filtered_sound
from tests.drawn_sound import PAYLOAD, RATE, detected, marked

PRIVATE = CarrierKey(name="carrier-test", secret=b"p" * 32)
MONO = AudioSpec(sample_rate=RATE, channels=1)


@pytest.fixture(scope="module")
def talk():
    return voice(8, RATE, seed=3)


@pytest.fixture(scope="module")
def spoken(talk):
    return marked(talk)


def coded(sound, codec, kbps):
    settings = SoundSettings(codec=codec, bitrate=1000 * kbps)
    return np.concatenate(list(coded_sound([sound], MONO, settings)))


def filtered(sound, *filters):
    return np.concatenate(list(filtered_sound([sound], MONO, *filters)))


def resampled(sound, factor):
    ratio = Fraction(factor).limit_denominator(100)
    faster = signal.resample_poly(sound, ratio.denominator, ratio.numerator, axis=0)
    return faster.astype(np.float32)


def test_the_whole_payload_is_read_with_its_bound_and_its_clock(spoken):
    found = detected(spoken)
    mark = found.mark
    assert (mark.detected, mark.payload, mark.key) == (True, PAYLOAD, DEFAULT_CARRIER_KEY)
    assert found.stretch == Stretch()
    assert mark.candidates_tried > 0
    assert mark.false_positive_bound == mark.candidates_tried * 2.0**-48
    assert mark.seconds_used == pytest.approx(8)
    assert {part.state for part in mark.segments} == {"marked"}
    (run,) = mark.clock
    assert run.original_start_s == pytest.approx(0, abs=0.05)
    assert run.speed == pytest.approx(1, abs=0.003)


@pytest.mark.parametrize("block", [1 << 20, 321])
def test_blocks_change_nothing(spoken, block):
    assert detected(spoken, block=block) == detected(spoken)


def test_a_channel_upside_down_does_not_cancel_the_mark(spoken):
    stereo = spoken * np.float32([1, -1])
    for sound in (stereo, np.concatenate([stereo, 0 * spoken], axis=1)):
        assert detected(sound).mark.payload == PAYLOAD
    assert detected(stereo) == detected(stereo, block=321)


def test_a_hum_beside_silence_says_nothing():
    hum = 0.5 * np.sin(2 * np.pi * 60 * np.arange(12 * RATE) / RATE)[:, None].astype(np.float32)
    mark = detected(hum).mark
    assert not mark.detected
    assert mark.presence_p > 1e-3


def test_without_a_mark_or_its_key_nothing_is_found(talk, spoken):
    for sound, key in ((talk, DEFAULT_CARRIER_KEY), (spoken, PRIVATE)):
        mark = detected(sound, keys=(key,)).mark
        assert not mark.detected
        assert mark.payload is None
        assert mark.presence_p > 1e-3


def test_every_key_is_tried(talk):
    mark = detected(marked(talk, key=PRIVATE), keys=(DEFAULT_CARRIER_KEY, PRIVATE)).mark
    assert (mark.payload, mark.key) == (PAYLOAD, PRIVATE)


CHANGES = {
    "aac 24k": lambda s: coded(s, "aac", 24),
    "mp3 64k": lambda s: coded(s, "mp3", 64),
    "opus 24k": lambda s: coded(s, "opus", 24),
    "telephone": lambda s: filtered(s, ("highpass", "f=300"), ("lowpass", "f=3400")),
    "noise": lambda s: s + 0.1 * s.std() * np.random.default_rng(0).standard_normal(s.shape),
    "quieter": lambda s: 0.05 * s,
    "clipped": lambda s: np.clip(s, -0.3 * np.abs(s).max(), 0.3 * np.abs(s).max()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_handling_that_keeps_the_tempo(spoken, change):
    found = detected(CHANGES[change](spoken).astype(np.float32), reach="straight")
    assert found.mark.payload == PAYLOAD


STRETCHES = {
    "faster": (lambda s: resampled(s, 1.25), 0.8, 1.25),
    "slower": (lambda s: resampled(s, 0.8), 1.25, 0.8),
    "half speed": (lambda s: resampled(s, 0.5), 2, 0.5),
    "longer": (lambda s: filtered(s, ("atempo", "0.9")), 1 / 0.9, 1),
    "higher": (lambda s: filtered(resampled(s, 1.06), ("atempo", f"{1 / 1.06:.5f}")), 1, 1.06),
}


@pytest.mark.parametrize("stretch", STRETCHES)
def test_speed_tempo_and_pitch_are_found(spoken, stretch):
    change, time, pitch = STRETCHES[stretch]
    found = detected(change(spoken))
    assert found.mark.payload == PAYLOAD
    assert found.stretch is not None
    assert found.stretch.time == pytest.approx(time, rel=0.006)
    assert found.stretch.pitch == pytest.approx(pitch, rel=0.03)
    if stretch == "faster":
        assert detected(change(spoken), reach="straight").mark.payload is None
        assert found.mark.clock[0].speed == pytest.approx(1.25, rel=0.01)


def test_three_seconds_say_at_least_that_a_mark_is_there(spoken):
    mark = detected(spoken[2 * RATE : 5 * RATE]).mark
    assert mark.detected
    assert mark.payload == PAYLOAD or mark.presence_p < 1e-6


def test_a_faint_mark_is_present_and_says_nothing(talk, spoken):
    rng = np.random.default_rng(0)
    noisy = spoken + 0.3 * spoken.std() * rng.standard_normal(spoken.shape).astype(np.float32)
    mark = detected(noisy[: 6 * RATE], reach="straight").mark
    assert mark.payload is None
    bare = talk + 0.3 * spoken.std() * rng.standard_normal(spoken.shape).astype(np.float32)
    assert mark.presence_p < detected(bare, reach="straight").mark.presence_p


def test_what_was_exchanged_is_unmarked_and_the_clock_shows_the_cut():
    sound = np.tile(tune(7, RATE, seed=5).mean(1, keepdims=True), (4, 1))
    whole = marked(sound)
    changed = whole.copy()
    changed[14 * RATE : 19 * RATE] = sound[14 * RATE : 19 * RATE]
    mark = detected(changed).mark
    bare = [part for part in mark.segments if part.state == "unmarked"]
    assert sum(part.end_s - part.start_s for part in bare) > 2
    assert all(13.7 < part.start_s < part.end_s < 19.3 for part in bare)
    heard = [part for part in mark.segments if part.state == "marked"]
    assert all(part.end_s < 14.5 or part.start_s > 18.5 for part in heard)
    # Sections of twelve seconds: after the cut, the clock runs five seconds ahead.
    cut = detected(np.concatenate([whole[: 12 * RATE], whole[17 * RATE :]])).mark
    ahead = cut.clock[-1].original_start_s - cut.clock[-1].start_s
    assert [round(run.start_s) for run in cut.clock] == [0, 12]
    assert ahead == pytest.approx(5, abs=0.05)


def test_four_seconds_inside_of_other_sound_are_read(spoken):
    """The rest of the twelve seconds that are looked at would drown them."""
    other = voice(26, RATE, seed=7)
    at = 10 * RATE
    other[at : at + 4 * RATE] = spoken[RATE : 5 * RATE]
    mark = detected(other, reach="straight").mark
    assert mark.payload == PAYLOAD
    inside = [part for part in mark.segments if part.state == "marked"]
    assert inside
    assert all(9 < part.start_s < part.end_s < 15 for part in inside)


def test_halves_that_changed_places_are_told_within_a_section(spoken):
    at = int(4.3 * RATE)
    mark = detected(np.concatenate([spoken[at:], spoken[:at]])).mark
    first, second = mark.clock
    assert first.original_start_s == pytest.approx(4.3, abs=0.1)
    assert second.original_start_s == pytest.approx(0, abs=0.1) or second.start_s > 3.7
    assert second.original_start_s - second.start_s == pytest.approx(-3.7, abs=0.1)
    assert {part.state for part in mark.segments} <= {"marked", "unclear"}


def test_another_marked_sound_behind_it_is_read_and_is_no_repetition(spoken):
    other = replace(PAYLOAD, content_id=77)
    behind = marked(tune(8, RATE, seed=5).mean(1, keepdims=True), payload=other)
    mark = detected(np.concatenate([spoken, behind])).mark
    assert mark.payload in (PAYLOAD, other)
    own, theirs = (lambda at: at < 8), (lambda at: at >= 8)
    if mark.payload == other:
        own, theirs = theirs, own
    for part in mark.segments:
        if part.end_s - part.start_s > 3:
            middle = (part.start_s + part.end_s) / 2
            assert part.state == ("marked" if own(middle) else "unmarked")
    read = [part.payload for part in mark.segments if part.payload is not None]
    assert set(read) == {PAYLOAD, other} - {mark.payload}
    # One clock under one key: that of the other one does not count.
    assert len(mark.clock) == 1
    assert mark.false_positive_bound == mark.candidates_tried * 2.0**-48


def test_patience_with_a_mark_that_cannot_be_read_ends(spoken, monkeypatch):
    """Whoever has the key can say what is no payload, for hours."""
    monkeypatch.setattr("provenance.audio_watermark.search.unpack", lambda *_: None)
    sound = np.tile(spoken, (5, 1))
    tried = []
    for most in (600_000, 10_000):
        monkeypatch.setattr("provenance.audio_watermark.search._PATIENT_UNTIL", most)
        mark = detected(sound, reach="straight").mark
        assert (mark.detected, mark.payload) == (True, None)
        tried.append(mark.candidates_tried)
    assert tried[1] < 25_000 < tried[0] < 600_000


def test_of_two_marks_one_is_read_and_the_other_recognised(talk):
    other = Payload(model=2, day=date(2025, 1, 2), content_id=77)
    twice = marked(marked(talk), payload=other)
    for sound, expected in ((twice, True), (marked(talk), False)):
        for known in (PAYLOAD, other):
            detector = SoundDetector(
                keys=[DEFAULT_CARRIER_KEY], rate=RATE, known=(known, DEFAULT_CARRIER_KEY)
            )
            detector.add(sound)
            found = detector.finish()
            assert found.mark.payload in (PAYLOAD, other)
            assert found.known_too is (expected or known == PAYLOAD)


def test_the_clock_starts_where_the_pictures_do(talk):
    mark = detected(marked(talk, start_s=1.5)).mark
    assert mark.clock[0].original_start_s == pytest.approx(1.5, abs=0.05)


def test_silence_and_very_little_say_nothing():
    for seconds in (0, 0.1, 4):
        sound = np.zeros((round(seconds * RATE), 1), np.float32)
        mark = detected(sound).mark
        assert not mark.detected
        assert (mark.candidates_tried, mark.presence_p) == (0, None)


def test_a_fast_search_stops_at_the_first_tag(spoken):
    detector = SoundDetector(keys=[DEFAULT_CARRIER_KEY], rate=RATE, fast=True)
    long = np.concatenate([spoken] * 5)
    for at in range(0, len(long), RATE):
        if detector.decided:
            break
        detector.add(long[at : at + RATE])
    mark = detector.finish().mark
    assert detector.decided
    assert mark.payload == PAYLOAD
    assert mark.seconds_used < 30
    assert mark.segments == ()


def test_wrong_input_is_refused():
    with pytest.raises(OptionError, match="no carrier key"):
        SoundDetector(keys=[], rate=RATE)
    detector = SoundDetector(keys=[DEFAULT_CARRIER_KEY], rate=RATE)
    with pytest.raises(FrameError, match="shape"):
        detector.add(np.zeros(100, np.float32))


def test_the_map_speaks_for_the_louder_cell():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(4 * RATE).astype(np.float32)
    time = np.arange(len(noise)) / RATE
    burst = (time % 0.16 < 0.04).astype(np.float32)
    soft = soft_map(noise * (1 + burst), RATE, Stretch())
    assert soft.shape == (44, 200)
    loud = (np.arange(200) % 8 < 2)[None] & np.ones((44, 1), bool)
    assert soft[loud].mean() > soft[~loud].mean() + 0.3
    assert np.abs(soft).max() <= 5
