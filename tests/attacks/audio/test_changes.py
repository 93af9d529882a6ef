"""Attacks on sound: each does to a known sound what its name says."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from attacks.audio.changes import ATTACKS, KINDS
from attacks.audio.filters import (
    BandLimit,
    Clipping,
    Echo,
    Gain,
    Narrow,
    QuantiseSound,
    Resample,
    SoundCodec,
    SoundNoise,
)
from attacks.audio.room import Room
from attacks.audio.sound import power_and_peak, rechunk
from attacks.audio.time import DropSilence, Pitch, SoundCut, SoundShift, SoundSpeed, TimeStretch
from attacks.base import Desk, describe, restore
from provenance.errors import OptionError
from tests.attacks.heard import RATE, chirp, clip_of, frequency, heard, lag, sine, snr_db

BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.fixture
def desk(tmp_path):
    return Desk(folder=tmp_path)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_attack_is_drawn_described_and_replayed(name, desk):
    attack, clip = BY_NAME[name], clip_of(chirp(1.0, rate=48_000), rate=48_000)
    assert attack.hears
    assert attack.family == "audio"
    for strength in attack.ladder:
        transform = attack.draw(strength, np.random.default_rng(3))
        assert transform == attack.draw(strength, np.random.default_rng(3))
        record = json.loads(json.dumps(describe(transform)))
        assert restore(record, KINDS) == transform
    transform = attack.draw(attack.default, np.random.default_rng(3))
    attacked = transform.apply(clip, desk)
    first, second = heard(attacked), heard(attacked)
    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() <= 1.2
    assert attacked.pictures is clip.pictures
    assert attacked.audio == clip.audio
    assert not list(desk.folder.iterdir())
    if not {"trim", "cut", "mono", "drop_silence"} & set(name.split("_", 1)[1:]):
        size = min(len(first), 48_000)
        assert np.abs(first[:size] - heard(clip)[:size]).max() > 1e-4


def test_silent_clips_are_refused(desk):
    clip = clip_of(sine(440)).muted()
    for attack in ATTACKS:
        with pytest.raises(OptionError, match="none"):
            attack.draw(attack.default, np.random.default_rng(0)).apply(clip, desk)


@pytest.mark.parametrize("codec", ["aac", "mp3", "opus"])
def test_codecs_lose_more_at_lower_rates_and_stay_in_step(codec, desk):
    clip = clip_of(chirp(rate=48_000) + sine(5000, rate=48_000) / 3, rate=48_000)
    rates = (128, 64, 32)
    sounds = [heard(SoundCodec(codec=codec, kbps=k).apply(clip, desk)) for k in rates]
    losses = [-snr_db(sound, heard(clip)) for sound in sounds]
    assert losses == sorted(losses)
    assert losses[-1] - losses[0] > 1
    for sound in sounds:
        assert abs(lag(sound, heard(clip))) <= 48
        assert abs(len(sound) - 96_000) <= 2048


def test_the_telephone_keeps_speech_and_nothing_else(desk):
    attack = BY_NAME["audio_telephone"].draw(12.2, np.random.default_rng(0))
    for hertz, kept in ((1000, True), (100, False), (6000, False)):
        sound = heard(attack.apply(clip_of(sine(hertz)), desk))
        level = np.sqrt(np.square(sound[RATE // 2 : -RATE // 2]).mean())
        assert bool(level > 0.1) is kept


@pytest.mark.parametrize(
    ("transform", "passed", "stopped"),
    [
        (BandLimit(low_hz=300, high_hz=3400), 1000, 100),
        (BandLimit(low_hz=300, high_hz=3400), 1000, 5000),
        (BandLimit(high_hz=2000), 500, 4000),
        (BandLimit(low_hz=500), 2000, 150),
        (Resample(hertz=8000), 1000, 6000),
    ],
)
def test_tones_outside_of_the_band_go(transform, passed, stopped, desk):
    sounds = [heard(transform.apply(clip_of(sine(f)), desk)) for f in (passed, stopped)]
    assert len(sounds[0]) == 2 * RATE
    levels = [2**0.5 * np.square(s[RATE // 2 : -RATE // 2]).mean() ** 0.5 for s in sounds]
    assert levels[0] == pytest.approx(0.3, rel=0.05)
    assert levels[1] < 0.003


def test_filters_know_no_blocks(desk):
    sound = chirp()
    whole = heard(BandLimit(low_hz=300, high_hz=3400).apply(clip_of(sound, block=10**6), desk))
    pieces = heard(BandLimit(low_hz=300, high_hz=3400).apply(clip_of(sound, block=77), desk))
    np.testing.assert_allclose(pieces, whole, atol=1e-6)


@pytest.mark.parametrize("colour", ["white", "pink"])
@pytest.mark.parametrize("snr", [30, 10])
def test_noise_is_as_loud_as_it_says(colour, snr, desk):
    clip = clip_of(chirp(6.0))
    noisy = heard(SoundNoise(snr_db=snr, colour=colour, seed=1).apply(clip, desk))
    assert snr_db(noisy, heard(clip)) == pytest.approx(snr, abs=0.7)
    noise = noisy[:, 0] - heard(clip)[:, 0]
    power = np.square(np.abs(np.fft.rfft(noise)))
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE)
    octaves = [power[(hertz >= f) & (hertz < 2 * f)].sum() for f in (250, 2000)]
    # Pink noise has as much in every octave, white noise eight times as much three octaves higher.
    wanted = 1 if colour == "pink" else 8
    assert octaves[1] / octaves[0] == pytest.approx(wanted, rel=0.3)


def test_levels_bits_and_clipping(desk):
    clip = clip_of(sine(440, level=0.5))
    assert np.abs(heard(Gain(gain_db=-20).apply(clip, desk))).max() == pytest.approx(0.05, rel=0.01)
    assert np.abs(heard(Gain(gain_db=20).apply(clip, desk))).max() == 1
    clipped = heard(Clipping(cut_db=6).apply(clip, desk))
    assert np.abs(clipped).max() == pytest.approx(0.25, rel=0.01)
    assert (np.abs(clipped) > 0.249).mean() > 0.3
    coarse = heard(QuantiseSound(bits=4).apply(clip, desk))
    assert set(np.unique(coarse * 8)) <= set(range(-8, 9))
    assert snr_db(heard(QuantiseSound(bits=8).apply(clip, desk)), heard(clip)) == pytest.approx(
        # 6.02 dB a bit and 1.76 dB for a sine of full range, of which this is half.
        6.02 * 8 + 1.76 - 6.02,
        abs=2,
    )


def test_an_echo_comes_later(desk):
    click = np.zeros((RATE, 2), np.float32)
    click[3000] = 0.8
    sound = heard(Echo(delay_s=0.1, gain=0.5).apply(clip_of(click), desk))
    assert np.flatnonzero(sound[:, 0]).tolist() == [3000, 4600]
    assert sound[4600, 0] == pytest.approx(0.4)


def test_mono_takes_the_difference_away(desk):
    clip = clip_of(np.concatenate([sine(440, channels=1), sine(600, channels=1)], axis=1))
    sound = heard(Narrow(share=1).apply(clip, desk))
    np.testing.assert_allclose(sound[:, 0], sound[:, 1], atol=1e-6)
    np.testing.assert_allclose(sound[:, 0], heard(clip).mean(axis=1), atol=1e-6)
    half = heard(Narrow(share=0.5).apply(clip, desk))
    assert 0 < np.abs(half[:, 0] - half[:, 1]).max() < np.abs(np.diff(heard(clip))).max()


@pytest.mark.parametrize("factor", [0.5, 0.999, 1.1, 2])
def test_speed_changes_length_and_pitch(factor, desk):
    sound = heard(SoundSpeed(factor=factor).apply(clip_of(sine(800)), desk))
    assert len(sound) == pytest.approx(2 * RATE / factor, abs=RATE / 200)
    assert frequency(sound) == pytest.approx(800 * factor, rel=1e-3)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.25, 2])
def test_a_stretch_changes_length_alone(factor, desk):
    sound = heard(TimeStretch(factor=factor).apply(clip_of(sine(800)), desk))
    assert len(sound) == pytest.approx(2 * RATE / factor, abs=RATE / 10)
    assert frequency(sound) == pytest.approx(800, rel=5e-3)


@pytest.mark.parametrize("semitones", [-7, -1, 0.5, 4])
def test_pitch_moves_by_semitones_alone(semitones, desk):
    sound = heard(Pitch(semitones=semitones).apply(clip_of(sine(800)), desk))
    assert frequency(sound) == pytest.approx(800 * 2 ** (semitones / 12), rel=5e-3)
    assert len(sound) == pytest.approx(2 * RATE, abs=RATE / 10)


def test_shifts_go_both_ways(desk):
    clip = clip_of(chirp())
    early = heard(SoundShift(seconds=0.3).apply(clip, desk))
    np.testing.assert_array_equal(early, heard(clip)[4800:])
    late = heard(SoundShift(seconds=-1.3).apply(clip, desk))
    assert not late[:20_800].any()
    np.testing.assert_array_equal(late[20_800:], heard(clip))
    assert len(heard(clip_of(chirp(0.5)))) == RATE // 2
    assert not list(SoundShift(seconds=5).apply(clip, desk).sound())


def test_cuts_are_where_they_are_said(desk):
    clip = clip_of(chirp(4.0))
    sound = heard(SoundCut(places=(0.25, 0.5), length_s=0.2).apply(clip, desk))
    kept = np.r_[0:16_000, 19_200:32_000, 35_200:64_000]
    np.testing.assert_array_equal(sound, heard(clip)[kept])


def test_pauses_are_shortened(desk):
    pause = np.zeros((RATE, 2), np.float32)
    clip = clip_of(np.concatenate([sine(440, 1.0), pause, sine(440, 1.0)]))
    sound = heard(DropSilence(level_db=-50).apply(clip, desk))
    assert len(sound) == pytest.approx(2.1 * RATE, abs=RATE / 50)
    assert len(heard(DropSilence(level_db=-50).apply(clip_of(sine(440)), desk))) == 2 * RATE


def test_a_room_decays_by_60_db_and_keeps_the_direct_sound(desk):
    room = Room(reverberation_s=0.5, direct_db=0, gap_s=0.004, seed=2)
    click = np.zeros((3 * RATE, 2), np.float32)
    click[5000] = 0.9
    sound = heard(room.apply(clip_of(click), desk))[:, 0].astype(float)
    assert len(sound) == 3 * RATE
    assert int(np.argmax(np.abs(sound))) == 5000
    tail = sound[5000 + round(0.004 * RATE) :]
    assert np.square(sound[5000]) / np.square(tail).sum() == pytest.approx(1, rel=0.02)
    # Schroeder's backward integration, fitted from -5 to -25 dB, gives the reverberation time.
    left = np.cumsum(np.square(tail)[::-1])[::-1]
    decay = 10 * np.log10(left / left[0] + 1e-12)
    fitted = (decay < -5) & (decay > -25)
    slope = np.polyfit(np.flatnonzero(fitted) / RATE, decay[fitted], 1)[0]
    assert -60 / slope == pytest.approx(0.5, rel=0.15)
    whole = heard(room.apply(clip_of(chirp(), block=10**6), desk))
    np.testing.assert_allclose(
        whole, heard(room.apply(clip_of(chirp(), block=321), desk)), atol=1e-6
    )


def test_a_rerecording_is_heard_in_its_place(desk):
    attack = BY_NAME["audio_rerecord"]
    clip = clip_of(chirp(rate=48_000), rate=48_000)
    transform = attack.draw(0.4, np.random.default_rng(5))
    sound = heard(transform.apply(clip, desk))
    assert abs(lag(sound, heard(clip))) < 0.02 * 48_000
    assert snr_db(sound, heard(clip)) < 15
    assert transform != attack.draw(0.4, np.random.default_rng(6))


def test_out_of_range(desk):
    clip = clip_of(sine(440))
    for transform in (
        SoundSpeed(factor=0),
        Pitch(semitones=30),
        TimeStretch(factor=5),
        SoundNoise(snr_db=10, colour="brown", seed=0),
        QuantiseSound(bits=1),
        SoundCodec(codec="wma", kbps=64),
        SoundCodec(codec="aac", kbps=1),
    ):
        with pytest.raises(OptionError):
            heard(transform.apply(clip, desk))


def test_blocks_of_any_size_become_equal():
    sound = chirp(0.1)
    blocks = [sound[:7], sound[7:7], sound[7:900], sound[900:]]
    again = list(rechunk(blocks, 256))
    assert {len(block) for block in again[:-1]} == {256}
    np.testing.assert_array_equal(np.concatenate(again), sound)
    power, peak = power_and_peak(clip_of(sound))
    assert power == pytest.approx(np.square(sound).mean(), rel=1e-3)
    assert peak == pytest.approx(np.abs(sound).max())


@pytest.mark.parametrize("name", ["audio_rerecord", "audio_pitch_up", "audio_pink_noise"])
def test_memory_does_not_grow_with_length(name, desk):
    block = sine(440, 0.5)

    def peak(count):
        clip = clip_of(block)
        clip = clip.changed(sound=lambda: (block for _ in range(count)))
        attacked = BY_NAME[name].draw(BY_NAME[name].default, np.random.default_rng(0))
        tracemalloc.start()
        total = sum(len(b) for b in attacked.apply(clip, desk).sound())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == pytest.approx(count * RATE / 2, rel=0.02)
        return most

    # Forty seconds are 5 MB of samples.
    assert peak(80) - peak(20) < 500_000
