"""Sound in half bands of the tile, and what there tells how much of a mark to expect.

The mark changes every bin by the same power (:mod:`provenance.audio_watermark.marker`). How much
that shows depends on how loud the bin is beside its second, how even the half band is, and what
noise lies over it: those are the features that the listener weighs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from provenance.audio_watermark.tile import ROWS, band_edges

Map = NDArray[np.float32]

HALVES = 2 * ROWS
FEATURES = 6
_BLOCK = 4
_ENERGY_WINDOW = 5
_LEAST_ENERGY = 0.5  # nepers² of power: quieter bands are not told apart any better
_QUIET = 1e-5  # of the loudest: -50 dB
_HISS = 3.0  # a row's quietest twentieth, times this, is taken for noise
_LOUDEST, _QUIETEST = 98, 5  # percentiles
_NOTHING = 1e-7  # of the loudest: -70 dB
_AROUND_S = 0.5
_FULL_SHARE = 0.6  # of the mean amplitude, up to which a spot is taken for fully marked


class Heard(NamedTuple):
    """(88, T) each: mean power of the half bands; mean logarithm of the power of their bins; power
    of the loud ones among these: the mean that each bin enters by its own power. ``loud``: a power
    that one in fifty exceeds.
    """

    powers: Map
    logarithms: Map
    peaks: Map
    loud: float


def half_bands(
    mono: Map, rate: float, *, size: int, spot_s: float, count: int, pitch: float
) -> Heard:
    """What ``count`` windows of ``size`` samples hear at the middles of the spots."""
    starts = np.rint((np.arange(count) + 0.5) * spot_s * rate).astype(np.intp)
    padded = np.pad(mono, (size // 2, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts]
    edges = np.interp(np.arange(HALVES + 1) / 2, np.arange(ROWS + 1), band_edges())
    mixing = _mixing(size, rate, round(pitch, 6), tuple(edges))
    spectrum = fft.rfft(frames * np.hanning(size + 1)[:-1].astype(np.float32), axis=1)
    spectrum = spectrum[:, : len(mixing)]
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    powers = power @ mixing
    loud = float(np.percentile(powers, _LOUDEST))
    floor = np.float32(_NOTHING * loud + 1e-20)
    logarithms = np.log(power + floor) @ mixing / np.maximum(mixing.sum(0), 1e-6)
    peaks = np.square(power) @ mixing / np.maximum(powers, floor)
    return Heard(_turned(powers), _turned(logarithms), _turned(peaks), loud)


def _turned(values: Map) -> Map:
    return np.ascontiguousarray(values.T)


@lru_cache(maxsize=64)
def _mixing(size: int, rate: float, pitch: float, edges: tuple[float, ...]) -> Map:
    """(bins, half bands): the share of each bin in each, columns summing to 1 inside the band.

    Bins above the highest band are left out.
    """
    bins = size // 2 + 1
    place = np.clip(np.array(edges) * pitch * size / rate + 0.5, 0, bins)
    bins = min(bins, int(place[-1]) + 1)
    lower, upper = np.arange(bins)[:, None], np.arange(1, bins + 1)[:, None]
    shares = np.clip(np.minimum(upper, place[1:]) - np.maximum(lower, place[:-1]), 0, None)
    return np.asarray(shares / np.maximum(np.diff(place), 0.3), np.float32)


def features(heard: Heard, spot_s: float) -> Map:
    """(6, 88, T): loudness, unevenness, peaks, height over noise and second, whiteness.

    All in units of about 1, and the same however loud the sound is.
    """
    powers = heard.powers
    loud = heard.loud + 1e-20
    hiss = np.percentile(powers, _QUIETEST, axis=1, keepdims=True)
    mean = (_around(powers, spot_s) + 1e-12 * loud).astype(np.float32)
    logarithm = np.log(powers + _NOTHING * loud)
    white = whitened(np.log(powers + _HISS * hiss + _QUIET * loud).astype(np.float32))
    # What is loud for its second is changed least.
    white *= np.minimum(1.0, _FULL_SHARE * np.sqrt(mean / np.maximum(powers, 1e-20)))
    white /= max(float(white.std()), 1e-9)
    return np.stack(
        [
            (logarithm - np.log(loud)) / 3 + 1.5,
            np.clip(logarithm - heard.logarithms, 0, 6) / 2,
            np.clip(np.log(heard.peaks + _NOTHING * loud) - logarithm, 0, 4) - 0.7,
            np.clip(logarithm - np.log(hiss + _NOTHING * loud), 0, 9) / 3 - 1,
            np.clip(logarithm - np.log(mean), -9, 4) / 3 + 1,
            np.clip(white, -4, 4),
        ]
    ).astype(np.float32)


def _around(powers: Map, spot_s: float) -> NDArray[np.float64]:
    """(T,) mean power of the second around each spot."""
    sums = np.concatenate([[0.0], np.cumsum(powers.mean(0, dtype=np.float64))])
    middle = np.arange(powers.shape[1])
    reach = max(1, round(_AROUND_S / spot_s))
    first, last = np.maximum(middle - reach, 0), np.minimum(middle + reach, len(middle))
    return np.asarray((sums[last] - sums[first]) / (last - first), np.float64)


@lru_cache(maxsize=1)
def _kernels() -> tuple[Map, ...]:
    """The 8 lowest kernels, (4, 4) each, of the orthonormal DCT, without the mean."""
    steps = np.arange(_BLOCK)
    basis = [
        np.cos(np.pi * (2 * steps + 1) * u / (2 * _BLOCK)) * np.sqrt((1 if u == 0 else 2) / _BLOCK)
        for u in range(3)
    ]
    return tuple(
        np.outer(basis[v], basis[u]).astype(np.float32)
        for v in range(3)
        for u in range(3)
        if u or v
    )


def whitened(values: Map) -> Map:
    """``values`` (rows, T) with every neighbourhood's low bands divided by their local energy.

    The detector for Gaussian coefficients whose variance is known locally (Kay, Detection Theory,
    §4.4) in a sliding 4 × 4 DCT, put together again by the adjoint. A held tone disturbs the bands
    that are constant in time and an attack those that are constant in frequency; what is left tells
    cells apart.
    """
    out = np.zeros_like(values)
    window = (_ENERGY_WINDOW, _ENERGY_WINDOW)
    centre = _BLOCK - 1 - _BLOCK // 2
    for kernel in _kernels():
        band = cv2.filter2D(values, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)
        energy = cv2.blur(band * band, window, borderType=cv2.BORDER_REFLECT)
        out += cv2.filter2D(
            band / (energy + _LEAST_ENERGY),
            cv2.CV_32F,
            kernel[::-1, ::-1],
            anchor=(centre, centre),
            borderType=cv2.BORDER_REFLECT,
        )
    return out
