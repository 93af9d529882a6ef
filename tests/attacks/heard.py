"""Clips with a sound of one's own, for the attacks on sound and for what must stay in step."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from attacks.clip import Clip
from provenance.clip import AudioSpec, VideoSpec
from provenance.video import picture_from_rgb
from tests.drawn import moving_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16_000


def clip_of(
    samples: NDArray[np.float32],
    *,
    rate: int = RATE,
    block: int = 1000,
    video: VideoSpec | None = None,
) -> Clip:
    """A clip of tiny pictures, as long as its sound: (N, channels) float32."""
    video = video or VideoSpec(width=32, height=32, rate=Fraction(10))
    count = round(len(samples) / rate * video.rate)

    def pictures():
        for index, frame in enumerate(moving_frames(count, video.height, video.width)):
            yield picture_from_rgb(frame, time=index / video.rate, spec=video)

    return Clip(
        video=video,
        audio=AudioSpec(sample_rate=rate, channels=samples.shape[1]),
        duration_s=float(count / video.rate),
        pictures=pictures,
        sound=lambda: (samples[i : i + block] for i in range(0, len(samples), block)),
    )


def heard(clip: Clip) -> NDArray[np.float32]:
    """All of the sound, (N, channels)."""
    blocks = list(clip.sound())
    assert all(b.dtype == np.float32 and b.shape[1] == clip.audio.channels for b in blocks)
    return np.concatenate(blocks)


def sine(hertz: float, seconds: float = 2.0, *, rate: int = RATE, channels: int = 2, level=0.3):
    """(N, channels): one tone on all channels."""
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def chirp(seconds: float = 2.0, *, rate: int = RATE, channels: int = 2):
    """(N, channels): a tone that rises from 300 to 3000 Hz, so that every moment sounds its own."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (300 * time + (2700 / seconds) * time**2 / 2)
    return np.repeat(0.3 * np.sin(phase)[:, None], channels, axis=1).astype(np.float32)


def lag(sound, wanted) -> int:
    """By how many samples ``sound`` comes after ``wanted``: the peak of their cross-correlation."""
    size = 1 << (len(sound) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(sound[:, 0], size) * np.conj(np.fft.rfft(wanted[:, 0], size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)))
    return at if at < size // 2 else at - size


def frequency(sound, rate: int = RATE) -> float:
    """The strongest frequency in Hz, of the middle half."""
    middle = sound[len(sound) // 4 : 3 * len(sound) // 4, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    return float(np.argmax(spectrum) * rate / (1 << 18))


def snr_db(sound, wanted) -> float:
    """Of what is there in both."""
    size = min(len(sound), len(wanted))
    error = sound[:size].astype(float) - wanted[:size]
    return float(
        10 * np.log10(np.square(wanted[:size], dtype=float).mean() / np.square(error).mean())
    )


def with_long_pictures(clip: Clip, count: int) -> Clip:
    """``clip`` with ``count`` pictures of one colour."""
    frame = np.full((clip.video.height, clip.video.width, 3), 90, np.uint8)

    def pictures():
        for index in range(count):
            yield picture_from_rgb(frame, time=index / clip.video.rate, spec=clip.video)

    return replace(clip, pictures=pictures, duration_s=float(count / clip.video.rate), file=None)
