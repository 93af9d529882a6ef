"""Sound drawn by numpy: voices, tunes and noises, for whoever has no recordings at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The first three formants of six vowels (Peterson and Barney 1952, men), in Hz.
VOWELS = (
    (270, 2290, 3010),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (300, 870, 2240),
)
SYLLABLE_S = 0.22


def voice(seconds: float, rate: int, *, seed: int = 0) -> NDArray[np.float32]:
    """(N, 1) something that talks: syllables of a gliding voice, hisses and pauses."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    knots = np.arange(0, seconds + 1, SYLLABLE_S)
    shape = np.searchsorted(knots, time) - 1
    pitch = np.interp(time, knots, rng.uniform(0.8, 1.3, len(knots)) * rng.uniform(100, 210))
    pitch *= 1 + 0.01 * np.cumsum(rng.standard_normal(count)) / np.sqrt(rate)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = rng.uniform(0.95, 1.15) * np.array(VOWELS)[rng.integers(0, len(VOWELS), len(knots))]
    places = [np.interp(time, knots, formants[:, index]) for index in range(3)]
    sound = np.zeros(count)
    for number in range(1, int(min(rate / 2, 7000) / pitch.max())):
        above = number * pitch
        gain = sum(
            level / (1 + ((above - place) / width) ** 2)
            for place, width, level in zip(places, (80, 120, 200), (1.0, 0.5, 0.25), strict=True)
        )
        sound += (gain + 0.01) / number**0.3 * np.sin(number * phase)
    within = (time - knots[shape]) / SYLLABLE_S
    loud = np.sin(np.pi * np.clip(within, 0, 1)) ** 0.5
    pauses = rng.random(len(knots)) < 0.12
    sound *= loud * np.where(pauses[shape], 0.0, 1.0)
    hiss = np.diff(rng.standard_normal(count + 1)) * np.exp(-(((within - 0.05) / 0.08) ** 2))
    sound += 0.6 * hiss * (rng.random(len(knots)) < 0.5)[shape] + 0.002 * rng.standard_normal(count)
    return _scaled(sound)[:, None]


def tune(seconds: float, rate: int, *, seed: int = 0) -> NDArray[np.float32]:
    """(N, 2) something that plays: chords of plucked strings, a bass and a drum, in stereo."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    sound = np.zeros((count, 2))
    beat = rng.uniform(0.22, 0.4)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    root = rng.uniform(110, 160)
    for number in range(int(seconds / beat) + 1):
        start = round(number * beat * rate)
        length = min(count - start, round(1.5 * rate))
        if length <= 0:
            break
        time = np.arange(length) / rate
        for octave, voices in ((1, 1), (2, 2), (4, 1)):
            for _ in range(voices):
                hertz = octave * root * 2 ** (rng.choice(scale) / 12)
                side = rng.uniform(0.3, 0.7)
                for partial in range(1, int(min(rate / 2, 9000) / hertz)):
                    wave = np.sin(2 * np.pi * partial * hertz * time * (1 + 2e-5 * partial**2))
                    wave *= np.exp(-time * (2 + 0.7 * partial)) / partial
                    sound[start : start + length] += wave[:, None] * (side, 1 - side)
        drum = rng.standard_normal(length) * np.exp(-time * 40) * rng.uniform(0.1, 0.6)
        sound[start : start + length] += drum[:, None]
    return _scaled(sound)


def noises(seconds: float, rate: int, *, seed: int = 0) -> NDArray[np.float32]:
    """(N, 1) something that happens: wind that comes and goes, knocks, and a passing engine."""
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / rate)
    wind = np.fft.irfft(spectrum / np.maximum(frequency, 60) ** 0.7, n=count)
    gusts = np.interp(
        time, np.arange(0, seconds + 1, 0.5), rng.uniform(0.2, 1, int(2 * seconds) + 2)
    )
    sound = wind / np.abs(wind).max() * gusts
    engine = 2 * np.pi * np.cumsum(90 + 20 * np.sin(time)) / rate
    sound += 0.1 * sum(np.sin(n * engine) / n**0.5 for n in range(1, 30))
    for at in rng.uniform(0, seconds, int(2 * seconds)):
        since = np.maximum(time - at, 0)
        knock = np.exp(-since * rng.uniform(15, 60)) * np.sin(
            2 * np.pi * rng.uniform(200, 2500) * since
        )
        sound += 0.5 * knock * (since > 0)
    return _scaled(sound)[:, None]


def _scaled(sound: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)
