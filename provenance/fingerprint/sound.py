"""The fingerprint of sound: how the balance of neighbouring bands changes, fifteen times a second.

The method is that of Haitsma and Kalker ("A Highly Robust Audio Fingerprinting System", ISMIR
2002): 32 bits, each the sign of how the difference of two neighbouring bands between 300 and 2,000
Hz changes from one moment to the next. Bands overlap here, so that sound that was played a few
percent faster, which moves everything by less than a band, keeps most of its bits; and moments are
further apart, which makes it smaller.

Looked at and not taken: Chromaprint (its Python packages need a C library or a program of the
system, and its chroma is made for music, not for speech), and the ``chromaprint`` muxer and
``axcorrelate`` of FFmpeg, which PyAV's wheel lacks.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from provenance.downmix import Downmix
from provenance.errors import FrameError
from provenance.fingerprint.packing import unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALGORITHM: Final = "org.everyframe.fingerprint.audio.1"
FRAMES_A_SECOND: Final = 15
BITS: Final = 32
LOWEST_RATE: Final = 4_000  # samples a second: bands reach to 2 kHz
_MAGIC, _VERSION = b"EFa", 1
_HEADER = struct.Struct("<3sBfI")
_WIDTH = 1 + FRAMES_A_SECOND * BITS // 8  # bytes a second
_WINDOW_S = 0.37
_LOWEST_HZ, _HIGHEST_HZ = 300.0, 2_000.0
_BAND_REACH = 2.0  # spacings of bands to either side
_FLOOR = 1e-9  # of full scale's power: -90 dB
_DECIBELS_A_STEP = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoundFingerprint:
    """``signs``: (N, 32) int8 of −1 and 1, fifteen rows a second; N is a multiple of fifteen.

    ``loudness``: (N / 15,) float32, dB below full scale's power of each second, 0 … −120.
    """

    duration_s: float
    signs: NDArray[np.int8]
    loudness: NDArray[np.float32]

    def between(self, start_s: float, end_s: float) -> SoundFingerprint:
        """The whole seconds from ``start_s`` to ``end_s``, and those that they begin or end in."""
        first, last = int(start_s), math.ceil(end_s)
        if first <= 0 and last >= len(self.loudness):
            return self
        signs = self.signs[first * FRAMES_A_SECOND : last * FRAMES_A_SECOND]
        loudness = self.loudness[first:last]
        return SoundFingerprint(duration_s=float(len(loudness)), signs=signs, loudness=loudness)

    def to_bytes(self) -> bytes:
        """61 bytes a second, and 12."""
        loud = np.rint(-self.loudness / _DECIBELS_A_STEP).clip(0, 255).astype(np.uint8)
        packed = np.packbits(self.signs > 0, axis=1).reshape(len(loud), -1)
        rows = np.concatenate([loud[:, None], packed], axis=1)
        return _HEADER.pack(_MAGIC, _VERSION, self.duration_s, len(loud)) + rows.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> SoundFingerprint:
        """Raises :class:`ValueError` for what :meth:`to_bytes` did not make."""
        duration_s, rows = unpacked(data, _MAGIC, _VERSION, _HEADER, _WIDTH)
        bits = np.unpackbits(rows[:, 1:].reshape(-1, BITS // 8), axis=1)
        return cls(
            duration_s=duration_s,
            signs=bits.astype(np.int8) * 2 - 1,
            loudness=rows[:, 0].astype(np.float32) * np.float32(-_DECIBELS_A_STEP),
        )


@dataclass(slots=True)
class SoundFingerprinter:
    """Takes sound as it comes; keeps half a second of it and 33 numbers for each moment.

    ``rate``: samples a second, at least 4,000.
    """

    rate: int
    _rest: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _mix: Downmix = field(init=False)
    _begin: int = 0  # of _rest, in samples
    _samples: int = 0
    _bands: list[NDArray[np.float32]] = field(default_factory=list)
    _power: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.rate < LOWEST_RATE:
            raise FrameError(
                f"{self.rate} samples a second are too few for a fingerprint",
                hint=f"sound needs at least {LOWEST_RATE}",
            )
        self._mix = Downmix(self.rate)

    def add(self, samples: NDArray[np.float32]) -> None:
        """``samples``: (N,) or (N, channels) in −1…1; channels are mixed."""
        self._hear(samples if samples.ndim == 1 else self._mix.push(samples))

    def _hear(self, mono: NDArray[np.float32]) -> None:
        self._rest = np.concatenate([self._rest, np.asarray(mono, np.float32)])
        self._samples += len(mono)
        self._take(self._rest, self._begin)
        start = round(len(self._bands) * self.rate / FRAMES_A_SECOND)
        self._rest = self._rest[max(0, start - self._begin) :]
        self._begin = max(self._begin, start)

    def finish(self) -> SoundFingerprint:
        """The fingerprint of what was added, to the last whole second or, once, less."""
        self._hear(self._mix.finish())
        duration_s = self._samples / self.rate
        if not self._bands and self._samples:
            self.add(np.zeros(round(_WINDOW_S * self.rate), np.float32))
        if not self._bands:
            nothing = np.zeros((0, BITS), np.int8)
            return SoundFingerprint(duration_s=0.0, signs=nothing, loudness=np.zeros(0, np.float32))
        seconds = max(1, round(len(self._bands) / FRAMES_A_SECOND))
        wanted = seconds * FRAMES_A_SECOND + 1
        bands = np.zeros((wanted, BITS + 1), np.float32)
        power = np.zeros(wanted)
        count = min(wanted, len(self._bands))
        bands[:count] = np.stack(self._bands[:count])
        bands[count:] = bands[count - 1]
        power[:count] = self._power[:count]
        slopes = np.diff(bands, axis=1)
        signs = np.where(np.diff(slopes, axis=0) > 0, 1, -1).astype(np.int8)
        by_second = power[: seconds * FRAMES_A_SECOND].reshape(seconds, -1).mean(1)
        loudness = 10 * np.log10(np.maximum(by_second, 1e-12))
        return SoundFingerprint(
            duration_s=duration_s, signs=signs, loudness=loudness.astype(np.float32)
        )

    def _take(self, sound: NDArray[np.float32], begin: int) -> None:
        length = round(_WINDOW_S * self.rate)
        window, filters = _window(length), _filters(length, self.rate)
        while True:
            start = round(len(self._bands) * self.rate / FRAMES_A_SECOND) - begin
            piece = sound[start : start + length]
            if start < 0 or len(piece) < length:
                return
            power = np.square(np.abs(np.fft.rfft(piece * window))) / window.sum() ** 2
            self._bands.append(np.log(filters @ power[: filters.shape[1]] + _FLOOR))
            self._power.append(float(np.square(piece).mean()))


@lru_cache(maxsize=8)
def _window(length: int) -> NDArray[np.float32]:
    return np.asarray(np.hanning(length), np.float32)


@lru_cache(maxsize=8)
def _filters(length: int, rate: int) -> NDArray[np.float32]:
    """(33, bins): triangles on a logarithmic scale, each over its neighbours' middles."""
    octaves = np.log2(_HIGHEST_HZ / _LOWEST_HZ)
    spacing = octaves / (BITS + 2)
    top = int(np.ceil(_HIGHEST_HZ * 1.1 * length / rate)) + 1
    hertz = np.maximum(np.arange(min(top, length // 2 + 1)) * rate / length, 1.0)
    place = np.log2(hertz / _LOWEST_HZ) / spacing
    distance = np.abs(place - (np.arange(BITS + 1)[:, None] + 0.5))
    return np.asarray(np.maximum(0, 1 - distance / _BAND_REACH), np.float32)
