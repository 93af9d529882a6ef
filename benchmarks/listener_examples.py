"""Marked, attacked sound from which the listener of the mark learns: drawn, and read from files.

Every example has its own key and payload, so that no tile can be learned by heart.
"""

from __future__ import annotations

import math
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import signal

from attacks.audio.filters import BandLimit, SoundCodec, SoundNoise
from attacks.audio.room import Room, rerecording
from attacks.audio.time import Pitch, SoundSpeed, TimeStretch
from attacks.base import Chain
from benchmarks.audio import Sound, attacked
from benchmarks.drawn_sound import noises, tune, voice
from benchmarks.spoken import spoken
from provenance.audio_watermark import SoundMarker, Stretch
from provenance.audio_watermark.softmap import SPOT_S, heard_features
from provenance.audio_watermark.tile import COLUMN_S, TILE_S, lay_out
from provenance.keys import CarrierKey
from provenance.payload import Payload, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from attacks.base import Transform

SECONDS = 8.0
SPOTS = 360  # of an example
ATTACKS_EACH = 6
_RATES = (16_000, 16_000, 22_050, 44_100)
_CODECS = {"aac": (20, 64), "opus": (12, 32), "mp3": (40, 96)}  # kbit/s
_NATURAL = 0.5  # share of the sounds that come from files, where there are any
_NEAR_NOISE = 0.6  # share of the white noises that are as loud as most speech can bear
_KINDS = {"spoken": 0.45, "voice": 0.05, "tune": 0.17, "noises": 0.12, "solo": 0.21}
_ATTACKS = {
    "white": 0.36,
    "pink": 0.06,
    "room": 0.25,
    "aac": 0.08,
    "opus": 0.05,
    "mp3": 0.02,
    "telephone": 0.08,
    "speed": 0.03,
    "pitch": 0.02,
    "tempo": 0.02,
    "nothing": 0.03,
}


class Example(NamedTuple):
    """``features``: (6, 88, 360) float16; ``signs``: (44, cells) int8 of the original from its
    first sample on; the first spot begins ``late_s`` seconds after that, of the original's.
    """

    features: NDArray[np.float16]
    signs: NDArray[np.int8]
    late_s: float


def examples(files: Sequence[Sound], rng: np.random.Generator) -> Iterator[Example]:
    """Without end: six attacks on each of what is spoken or drawn; of ``files``, every second."""
    while True:
        sound = _recorded(_source(files, rng), rng)
        key = CarrierKey(name="training", secret=rng.bytes(32))
        payload = Payload(model=1, day=date(2026, 1, 1), content_id=int(rng.integers(1 << 53)))
        strength = float(rng.choice([0.8, 1.0, 1.0]))
        marker = SoundMarker(
            payload=payload, key=key, rate=sound.rate, channels=1, strength=strength
        )
        samples = np.concatenate([marker.push(sound.samples), marker.finish()])
        marked = Sound(name=sound.name, samples=samples, rate=sound.rate)
        bits, tile = pack(payload, key.secret), lay_out(key)
        slots = range(int(SECONDS / TILE_S) + 1)
        signs = np.concatenate([tile.pattern(bits, slot) for slot in slots], axis=1)
        for _ in range(ATTACKS_EACH):
            transform, stretch = _attack(rng)
            changed = samples if transform is None else attacked(marked, transform)
            mono = changed.mean(1, dtype=np.float32)
            first = int(rng.integers(0, round(COLUMN_S * sound.rate * stretch.time)))
            heard = heard_features(mono[first:], sound.rate, stretch)
            if heard.shape[2] < SPOTS:
                continue
            late_s = first / sound.rate / stretch.time
            yield Example(
                heard[:, :, :SPOTS].astype(np.float16),
                signs[:, : round(SPOTS * SPOT_S / COLUMN_S) + 2].astype(np.int8),
                late_s,
            )


def _source(files: Sequence[Sound], rng: np.random.Generator) -> Sound:
    rate = int(rng.choice(_RATES))
    if files and rng.random() < _NATURAL:
        return _cut(files[rng.integers(len(files))], rate, rng)
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    if kind == "spoken":
        return _cut(spoken(rng), rate, rng)
    if kind == "solo":
        samples = _solo(SECONDS, rate, rng)
    else:
        draw = {"voice": voice, "tune": tune, "noises": noises}[kind]
        samples = draw(SECONDS, rate, seed=int(rng.integers(1 << 30))).mean(1)
    return Sound(name=kind, samples=samples[:, None], rate=rate)


def _cut(sound: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Eight seconds of ``sound`` from anywhere, mono, at ``rate``."""
    ratio = Fraction(rate, sound.rate)
    samples = signal.resample_poly(sound.samples.mean(1), ratio.numerator, ratio.denominator)
    first = rng.integers(0, max(1, len(samples) - round(SECONDS * rate)))
    samples = samples[first : first + round(SECONDS * rate)]
    return Sound(name=sound.name, samples=samples[:, None], rate=rate)


def _solo(seconds: float, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N,) one instrument: held notes with vibrato, one after the other."""
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros(len(time))
    attack, vibrato, at = rng.uniform(20, 80), rng.uniform(0, 0.01), 0.0
    while at < seconds:
        length, hertz = rng.uniform(0.15, 1.2), rng.uniform(150, 900)
        place = (time >= at) & (time < at + length)
        since = time[place] - at
        phase = 2 * np.pi * hertz * since + hertz * vibrato / 5.5 * np.sin(11 * np.pi * since)
        tilt = rng.uniform(0.4, 1.6)
        note = np.zeros(len(since))
        for partial in range(1, int(min(rate / 2.2, 8000) / hertz) + 1):
            beat = 1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.5, 4) * since)
            note += beat * np.sin(partial * phase + rng.uniform(0, 6)) / partial**tilt
        note *= np.minimum(1, since * attack) * np.minimum(1, (length - since) * 30)
        sound[place] += note * np.exp(-since * rng.uniform(0, 3)) * rng.uniform(0.4, 1)
        at += length * rng.uniform(0.7, 1.2)
    return sound


def _recorded(sound: Sound, rng: np.random.Generator) -> Sound:
    """``sound`` as if somebody had recorded it: in a room, with a tilt, and with noise."""
    samples = sound.samples[:, 0].astype(np.float64)
    if rng.random() < 0.5:
        room = Room(
            reverberation_s=float(rng.uniform(0.1, 0.8)),
            direct_db=float(rng.uniform(-2, 12)),
            gap_s=0.003,
            seed=int(rng.integers(1 << 30)),
        )
        samples = signal.oaconvolve(samples, room.response(sound.rate))[: len(samples)]
    if rng.random() < 0.4:
        samples = signal.lfilter([1], [1, -rng.uniform(0, 0.8)], samples)
    elif rng.random() < 0.3:
        samples = signal.lfilter([1, -rng.uniform(0, 0.8)], [1], samples)
    if rng.random() < 0.8:
        noise = rng.standard_normal(len(samples))
        if rng.random() < 0.6:
            noise = signal.lfilter([1], [1, -0.9], noise)
        level = samples.std() * 10 ** (-rng.uniform(28, 65) / 20)
        samples = samples + level * noise / noise.std()
    samples = 0.4 * samples / max(float(np.abs(samples).max()), 1e-9)
    return Sound(name=sound.name, samples=samples[:, None].astype(np.float32), rate=sound.rate)


def _attack(rng: np.random.Generator) -> tuple[Transform | None, Stretch]:
    """What is done to marked sound, mostly noise and rooms, and how it lies then."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    kind = str(rng.choice(list(_ATTACKS), p=list(_ATTACKS.values())))
    if kind in ("white", "pink"):
        near = kind == "white" and rng.random() < _NEAR_NOISE
        snr_db = between(7, 13) if near else between(6, 22)
        seed = int(rng.integers(1 << 30))
        return SoundNoise(snr_db=snr_db, colour=kind, seed=seed), Stretch()
    if kind == "room":
        chain = rerecording(between(0.2, 0.8), rng)
        (factor,) = (step.factor for step in chain.steps if isinstance(step, SoundSpeed))
        return chain, Stretch(time=1 / factor, pitch=factor)
    if kind in _CODECS:
        return SoundCodec(codec=kind, kbps=between(*_CODECS[kind])), Stretch()
    if kind == "telephone":
        amr = SoundCodec(codec="amr", kbps=12.2)
        return Chain(steps=(BandLimit(low_hz=300, high_hz=3400), amr)), Stretch()
    return _stretched(kind, between)


def _stretched(
    kind: str, between: Callable[[float, float], float]
) -> tuple[Transform | None, Stretch]:
    if kind == "speed":
        factor = math.exp(between(-0.65, 0.65))
        return SoundSpeed(factor=factor), Stretch(time=1 / factor, pitch=factor)
    if kind == "pitch":
        semitones = between(-3, 3)
        return Pitch(semitones=semitones), Stretch(pitch=2 ** (semitones / 12))
    if kind == "tempo":
        factor = between(0.8, 1.25)
        return TimeStretch(factor=factor), Stretch(time=1 / factor)
    return None, Stretch()
