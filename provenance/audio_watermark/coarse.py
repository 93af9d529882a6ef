"""Cheap maps of evidence, of which a hundred are made to see how sound may have been stretched.

One spectrogram serves all stretches whose windows are alike: frames are picked from it, and bands
are differences of its running sum over frequency. The logarithm of the bands is whitened by two
high-passes, one along time and one along frequency, each divided by its own local energy. The pilot
stands out of such a map nine tenths as high as out of :func:`~provenance.audio_watermark.softmap.
soft_map`, at a tenth of the price; what is found here is looked at again there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import fft

from provenance.audio_watermark.softmap import SPOT_S, SPOTS, WINDOW_S
from provenance.audio_watermark.tile import band_edges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_HOPS = 6  # of the spectrogram, a window
_HIGHEST_HZ = 13_500.0  # of the highest band in sound of twice the speed
_HALVED_FROM = 32_000  # samples a second that are twice as many as needed
_TAPS = 12  # of the filter, on either side
_BATCH = 256  # frames
_QUIET = 3e-5  # of the mean
_TIME, _FREQUENCY, _AROUND = (5, 1), (1, 3), (5, 3)  # spots × bands of the means
_LEAST_ENERGY = 0.3  # nepers² of power
_CLIP = 3.0  # standard deviations


class CoarseMaps:
    """Maps of ``mono`` (N,) float32 of ``rate`` samples a second."""

    def __init__(self, mono: NDArray[np.float32], rate: int) -> None:
        halved = rate >= _HALVED_FROM
        self._mono = np.convolve(mono, _low_pass(), "same")[::2] if halved else mono
        self._rate = rate / 2 if halved else rate
        self._edges = band_edges()
        self._sums: dict[int, NDArray[np.float64]] = {}
        self._unturned: dict[int, NDArray[np.float32]] = {}
        self._maps: dict[tuple[float, float], NDArray[np.float32]] = {}

    def map_at(self, time: float, pitch: float) -> NDArray[np.float32]:
        """(44, T) evidence, in spots of 20 ms of the original; see
        :class:`~provenance.audio_watermark.softmap.Stretch`.
        """
        found = self._maps.get((time, pitch))
        if found is None:
            found = self._maps[time, pitch] = _whitened(self._bands(time, pitch))
        return found

    def _bands(self, time: float, pitch: float) -> NDArray[np.float32]:
        """(44, T) mean power of the bands at the middles of the spots."""
        turn = round(2 * np.log2(time)) / 2
        size = 2 * round(self._rate * WINDOW_S * 2.0**turn / 2)
        count = int(len(self._mono) / (self._rate * SPOT_S * time))
        powers = self._unturned.get(size) if pitch == 1 else None
        if powers is None:
            powers = self._banded(size, pitch)
            if pitch == 1:
                self._unturned[size] = powers
        at = (np.arange(count) + 0.5) * SPOT_S * time * self._rate / _hop(size)
        return powers[:, np.minimum(np.rint(at).astype(np.intp), powers.shape[1] - 1)]

    def _banded(self, size: int, pitch: float) -> NDArray[np.float32]:
        """(44, frames) mean power of the bands in all frames of ``size``."""
        sums = self._summed(size)
        place = np.clip(self._edges * pitch * size / self._rate + 0.5, 0, len(sums) - 1)
        below = np.minimum(place.astype(np.intp), len(sums) - 2)
        way = (place - below)[:, None]
        edges = sums[below] * (1 - way) + sums[below + 1] * way
        widths = np.maximum(np.diff(place), 0.3)[:, None]
        return np.asarray(np.diff(edges, axis=0) / widths, np.float32)

    def _summed(self, size: int) -> NDArray[np.float64]:
        """(bins + 1, frames) running sum of powers under windows of ``size``."""
        found = self._sums.get(size)
        if found is not None:
            return found
        hop = _hop(size)
        # Frame n is centred on sample n · hop.
        padded = np.pad(self._mono, (size // 2, size))
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
        frames = frames[: len(self._mono) // hop + 1]
        window = np.hanning(size + 1)[:-1].astype(np.float32)
        bins = min(size // 2 + 1, int(_HIGHEST_HZ * size / self._rate) + 2)
        sums = np.zeros((bins + 1, len(frames)))
        for first in range(0, len(frames), _BATCH):
            spectrum = fft.rfft(frames[first : first + _BATCH] * window, axis=1)[:, :bins].T
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            np.cumsum(power, axis=0, out=sums[1:, first : first + _BATCH])
        self._sums[size] = sums
        return sums


def _low_pass() -> NDArray[np.float32]:
    """A half-band filter: a sinc under a Hann window."""
    steps = np.arange(-_TAPS, _TAPS + 1)
    taps = np.sinc(steps / 2) * np.hanning(2 * _TAPS + 3)[1:-1]
    return np.asarray(taps / taps.sum(), np.float32)


def _hop(size: int) -> int:
    return max(1, size // _HOPS)


def _whitened(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    if not powers.size:
        return powers
    logarithm = np.log(powers + (_QUIET * float(powers.mean()) + 1e-12))
    out = np.zeros(powers.shape, np.float32)
    for window in (_TIME, _FREQUENCY):
        passed = logarithm - _mean(logarithm, window)
        out += passed / (_mean(passed * passed, _AROUND) + _LEAST_ENERGY)
    deviation = float(out.std())
    if not deviation:
        return out
    return np.asarray(np.clip(out / deviation, -_CLIP, _CLIP), np.float32)


def _mean(values: NDArray[np.float32], window: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REFLECT), np.float32)


def fold_all(soft: NDArray[np.float32], ratios: Sequence[float]) -> NDArray[np.float32]:
    """(R, 44, 128) spots of all tiles of a (44, T) map, for each of R ``ratios`` of time.

    As :func:`~provenance.audio_watermark.softmap.folded`, to the nearest spot.
    """
    rows, count = soft.shape
    tiles = int(np.ceil(count * max(ratios) / SPOTS))
    place = (np.arange(tiles * SPOTS) + 0.5) / np.array(ratios)[:, None]
    padded = np.concatenate([soft, np.zeros((rows, 1), np.float32)], axis=1)
    spots = padded[:, np.minimum(place.astype(np.intp), count)]
    summed = spots.reshape(rows, len(ratios), tiles, SPOTS).sum(2)
    return np.asarray(summed.transpose(1, 0, 2), np.float32)
