"""Attacks on the sound alone: its names, ladders and draws. Pictures stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
from attacks.audio.room import Room, rerecording
from attacks.audio.time import DropSilence, Pitch, SoundCut, SoundShift, SoundSpeed, TimeStretch
from attacks.base import Attack, Chain, drawn_seed, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from attacks.base import Transform

    Draw = Callable[[float, np.random.Generator], Transform]

TELEPHONE_HZ = (300, 3400)  # ITU-T G.712
WIDEBAND_HZ = (50, 7000)  # ITU-T G.722
CUTS = 3


def _audio(
    name: str,
    summary: str,
    unit: str,
    ladder: tuple[float, ...],
    default: float,
    draw: Draw,
    *,
    least_s: float = 0.0,
) -> Attack:
    return Attack(
        name=f"audio_{name}",
        family="audio",
        summary=summary,
        unit=unit,
        ladder=ladder,
        default=default,
        draw=draw,
        least_s=least_s,
        hears=True,
    )


def _codec(codec: str) -> Draw:
    return lambda s, _: SoundCodec(codec=codec, kbps=within("a bit rate", s, 4, 640))


def _noise(colour: str) -> Draw:
    return lambda s, rng: SoundNoise(snr_db=s, colour=colour, seed=drawn_seed(rng))


def _band(strength: float, _: np.random.Generator) -> Transform:
    """The lower edge is that of the telephone standard to which the upper one belongs."""
    low, _high = WIDEBAND_HZ if strength >= WIDEBAND_HZ[1] else TELEPHONE_HZ
    return BandLimit(low_hz=low, high_hz=within("an upper edge", strength, low + 100, 24_000))


def _telephone(strength: float, _: np.random.Generator) -> Transform:
    low, high = TELEPHONE_HZ
    kbps = within("a bit rate of AMR-NB", strength, 4.75, 12.2)
    return Chain(steps=(BandLimit(low_hz=low, high_hz=high), SoundCodec(codec="amr", kbps=kbps)))


def _echo(strength: float, rng: np.random.Generator) -> Transform:
    return Echo(delay_s=round(float(rng.uniform(0.02, 0.2)), 4), gain=strength)


def _cut(strength: float, rng: np.random.Generator) -> Transform:
    # One in each third, so that no two overlap while cuts are shorter than a third of the rest.
    places = (np.arange(CUTS) + rng.uniform(0, 0.5, CUTS)) / CUTS
    return SoundCut(places=tuple(np.round(places, 4).tolist()), length_s=strength / CUTS)


SPEED, TEMPO = "times as fast", "times as fast, at the same pitch"
KBPS = "kbit/s, all channels"
ATTACKS: tuple[Attack, ...] = (
    _audio("aac", "AAC-LC", KBPS, (192, 128, 96, 64, 48, 32), 64, _codec("aac")),
    _audio("mp3", "MP3", KBPS, (192, 128, 96, 64, 48, 32), 96, _codec("mp3")),
    _audio("opus", "Opus", KBPS, (96, 64, 48, 32, 24, 16), 48, _codec("opus")),
    _audio(
        "telephone",
        "the telephone band, then AMR-NB, the speech codec of mobile networks",
        "kbit/s",
        (12.2, 7.95, 4.75),
        12.2,
        _telephone,
    ),
    _audio(
        "resample",
        "to a lower sample rate and back",
        "Hz",
        (32_000, 22_050, 16_000, 11_025, 8000),
        16_000,
        lambda s, _: Resample(hertz=round(s)),
    ),
    _audio("white_noise", "white noise", "dB SNR", (40, 30, 20, 10, 5, 0), 20, _noise("white")),
    _audio("pink_noise", "pink noise", "dB SNR", (40, 30, 20, 10, 5, 0), 20, _noise("pink")),
    _audio("band_limit", "a telephone's band", "upper edge, Hz", (7000, 3400), 3400, _band),
    _audio(
        "low_pass",
        "without the highs",
        "edge, Hz",
        (16_000, 8000, 6000, 4000, 2000, 1000),
        6000,
        lambda s, _: BandLimit(high_hz=within("an edge", s, 20, 48_000)),
    ),
    _audio(
        "high_pass",
        "without the lows",
        "edge, Hz",
        (50, 100, 200, 300, 500, 1000),
        200,
        lambda s, _: BandLimit(low_hz=within("an edge", s, 5, 20_000)),
    ),
    _audio(
        "speed_up",
        "a faster tape",
        SPEED,
        (1.001, 1.01, 1.05, 1.1, 1.25, 1.5, 2),
        1.05,
        lambda s, _: SoundSpeed(factor=s),
    ),
    _audio(
        "slow_down",
        "a slower tape",
        SPEED,
        (0.999, 0.99, 0.95, 0.9, 0.8, 0.67, 0.5),
        0.95,
        lambda s, _: SoundSpeed(factor=s),
    ),
    _audio(
        "pitch_up",
        "higher in the same time",
        "semitones",
        (0.25, 0.5, 1, 2, 4, 7),
        1,
        lambda s, _: Pitch(semitones=s),
    ),
    _audio(
        "pitch_down",
        "lower in the same time",
        "semitones",
        (-0.25, -0.5, -1, -2, -4, -7),
        -1,
        lambda s, _: Pitch(semitones=s),
    ),
    _audio(
        "stretch_shorter",
        "quicker speech at the same pitch",
        TEMPO,
        (1.01, 1.05, 1.1, 1.25, 1.5, 2),
        1.1,
        lambda s, _: TimeStretch(factor=s),
    ),
    _audio(
        "stretch_longer",
        "slower speech at the same pitch",
        TEMPO,
        (0.99, 0.95, 0.9, 0.8, 0.67, 0.5),
        0.9,
        lambda s, _: TimeStretch(factor=s),
    ),
    _audio(
        "rerecord",
        "played in a room and recorded by a phone (simulated)",
        "reverberation time, s",
        (0.2, 0.4, 0.6, 0.9, 1.3),
        0.4,
        rerecording,
    ),
    _audio(
        "clipping",
        "an overdriven input",
        "dB cut off the peak",
        (3, 6, 9, 12, 20),
        6,
        lambda s, _: Clipping(cut_db=s),
    ),
    _audio("gain", "quieter", "dB", (-6, -12, -20, -30, -40), -12, lambda s, _: Gain(gain_db=s)),
    _audio(
        "quantise",
        "fewer bits a sample",
        "bits",
        (12, 10, 8, 6, 4),
        8,
        lambda s, _: QuantiseSound(bits=round(s)),
    ),
    _audio("echo", "an echo after 20 to 200 ms", "gain", (0.1, 0.2, 0.3, 0.5, 0.7), 0.3, _echo),
    _audio(
        "trim",
        "without its start",
        "seconds",
        (0.01, 0.1, 0.5, 1, 2),
        0.5,
        lambda s, _: SoundShift(seconds=within("a trim", s, 0, 3600)),
        least_s=3,
    ),
    _audio(
        "delay",
        "silence before it",
        "seconds",
        (0.01, 0.1, 0.5, 1),
        0.1,
        lambda s, _: SoundShift(seconds=-within("a delay", s, 0, 60)),
    ),
    _audio(
        "cut",
        "three pieces taken out",
        "seconds in all",
        (0.1, 0.3, 1, 2),
        0.3,
        _cut,
        least_s=6,
    ),
    _audio(
        "drop_silence",
        "pauses shortened to 0.1 s",
        "dB of full scale taken for silence",
        (-60, -50, -40, -30),
        -50,
        lambda s, _: DropSilence(level_db=s),
    ),
    _audio(
        "mono",
        "the channels mixed into one",
        "share of the difference removed",
        (0.5, 1),
        1,
        lambda s, _: Narrow(share=s),
    ),
)
KINDS: dict[str, type[Transform]] = {
    kind.__name__: kind
    for kind in (
        BandLimit,
        Clipping,
        DropSilence,
        Echo,
        Gain,
        Narrow,
        Pitch,
        QuantiseSound,
        Resample,
        Room,
        SoundCodec,
        SoundCut,
        SoundNoise,
        SoundShift,
        SoundSpeed,
        TimeStretch,
    )
}
