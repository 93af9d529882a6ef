"""From sound to evidence: what in every spot of time and frequency speaks for a louder cell.

The logarithm of the power is whitened: its neighbourhood is split into the low bands of a sliding
4 × 4 DCT, each band divided by its own local energy (the detector for Gaussian coefficients whose
variance is known locally: Kay, Detection Theory, §4.4) and put together again by the adjoint. A
held tone disturbs the bands that are constant in time and an attack those that are constant in
frequency; what is left tells cells apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import fft

from provenance.audio_watermark.tile import COLUMN_S, COLUMNS, ROWS, band_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRAIN = 2  # spots of the map a cell, both ways
SPOT_S = COLUMN_S / GRAIN
SPOTS = COLUMNS * GRAIN  # of a tile, in time
WINDOW_S = 0.05  # of the transform: longer than a cell, to tell the bands of low voices apart
_BLOCK = 4
_ENERGY_WINDOW = 5
_LEAST_ENERGY = 0.5  # nepers² of power: quieter bands are not told apart any better
_QUIET = 1e-5  # of the loudest: -50 dB
_HISS = 3.0  # a row's quietest twentieth, times this, is taken for noise
_LOUDEST, _QUIETEST = 98, 5  # percentiles
_CLIP = 3.0  # standard deviations
_AROUND_S = 0.5
_FULL_SHARE = 0.6  # of the mean amplitude, up to which a spot is taken for fully marked


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Stretch:
    """How the sound in hand lies on the marked one.

    ``time``: seconds in hand for a second of the original; ``pitch``: frequency in hand for a
    frequency of the original. Played at twice the speed: 0.5 and 2.
    """

    time: float = 1.0
    pitch: float = 1.0


def soft_map(mono: NDArray[np.float32], rate: int, stretch: Stretch) -> NDArray[np.float32]:
    """(44, T) evidence in ``mono`` (N,): positive where a cell seems louder than its neighbours.

    Spots are 20 ms of the original, by ``stretch``, the first one from sample 0 on. The standard
    deviation is 1, and no value is beyond ± 3.
    """
    # A later power of √2 only: as many sizes of transform as needed, not one for each stretch.
    turn = round(2 * np.log2(stretch.time)) / 2
    size = 2 * round(rate * WINDOW_S * 2.0**turn / 2)
    count = int(len(mono) / (rate * SPOT_S * stretch.time))
    if count < _ENERGY_WINDOW:
        return np.zeros((ROWS, 0), np.float32)
    powers = _bands(mono, rate, size, SPOT_S * stretch.time, count, stretch.pitch)
    loud = float(np.percentile(powers, _LOUDEST))
    hiss = np.percentile(powers, _QUIETEST, axis=1, keepdims=True)
    logarithm = np.log(powers + _HISS * hiss + _QUIET * loud + 1e-12).astype(np.float32)
    white = _whitened(logarithm) * _marked_share(powers, SPOT_S * stretch.time)
    cells = white.reshape(ROWS, GRAIN, count).sum(1)
    deviation = float(cells.std())
    if deviation == 0:
        return np.zeros_like(cells)
    return np.asarray(np.clip(cells / deviation, -_CLIP, _CLIP), np.float32)


def _bands(
    mono: NDArray[np.float32], rate: int, size: int, spot_s: float, count: int, pitch: float
) -> NDArray[np.float32]:
    """(88, count) mean power of half bands at the middles of the spots."""
    starts = np.rint((np.arange(count) + 0.5) * spot_s * rate).astype(np.intp)
    padded = np.pad(mono, (size // 2, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts]
    spectrum = fft.rfft(frames * np.hanning(size + 1)[:-1].astype(np.float32), axis=1)
    edges = np.interp(np.arange(ROWS * GRAIN + 1) / GRAIN, np.arange(ROWS + 1), band_edges())
    powers = np.square(np.abs(spectrum)) @ _mixing(size, rate, round(pitch, 6), tuple(edges))
    return np.asarray(powers.T, np.float32)


@lru_cache(maxsize=64)
def _mixing(size: int, rate: int, pitch: float, edges: tuple[float, ...]) -> NDArray[np.float32]:
    """(bins, half bands): the share of each bin in each, columns summing to 1 inside the band."""
    bins = size // 2 + 1
    place = np.clip(np.array(edges) * pitch * size / rate + 0.5, 0, bins)
    lower, upper = np.arange(bins)[:, None], np.arange(1, bins + 1)[:, None]
    shares = np.clip(np.minimum(upper, place[1:]) - np.maximum(lower, place[:-1]), 0, None)
    return np.asarray(shares / np.maximum(np.diff(place), 0.3), np.float32)


def _marked_share(powers: NDArray[np.float32], spot_s: float) -> NDArray[np.float32]:
    """How much of the most that the marker does it does at (88, count) ``powers``: 0 to 1.

    What is loud for its second is changed least (:mod:`provenance.audio_watermark.marker`).
    """
    sums = np.concatenate([[0.0], np.cumsum(powers.mean(0, dtype=np.float64))])
    middle = np.arange(powers.shape[1])
    reach = max(1, round(_AROUND_S / spot_s))
    first, last = np.maximum(middle - reach, 0), np.minimum(middle + reach, len(middle))
    mean = (sums[last] - sums[first]) / (last - first)
    share = _FULL_SHARE * np.sqrt(mean / np.maximum(powers, 1e-12))
    return np.asarray(np.minimum(1.0, share), np.float32)


@lru_cache(maxsize=1)
def _kernels() -> tuple[NDArray[np.float32], ...]:
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


def _whitened(values: NDArray[np.float32]) -> NDArray[np.float32]:
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


def folded(
    soft: NDArray[np.float32], *, ratio: float = 1.0, start: float = 0.0
) -> NDArray[np.float32]:
    """(44, 128) spots of all tiles of a (44, T) map, summed one on the other.

    ``ratio``: spots of the original per spot of the map, where the map was made with a slightly
    different stretch. The first spot of the map comes to lie on spot ``start``.
    """
    return soft @ _folding(soft.shape[1], ratio, start)


@lru_cache(maxsize=64)
def _folding(count: int, ratio: float, start: float) -> NDArray[np.float32]:
    """(count, 128) weights: each spot between its two neighbours in the tile."""
    place = (np.arange(count) + 0.5) * ratio - 0.5 + start
    before = np.floor(place).astype(np.intp)
    way = (place - before).astype(np.float32)
    weights = np.zeros((count, SPOTS), np.float32)
    rows = np.arange(count)
    weights[rows, before % SPOTS] += 1 - way
    weights[rows, (before + 1) % SPOTS] += way
    return weights


def cells_of(spots: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """(44, 64) cells of (44, 128) folded ``spots``; spot ``shift`` is where the tile begins."""
    turned = np.roll(spots, -shift, axis=1)
    return np.asarray(turned.reshape(ROWS, COLUMNS, GRAIN).sum(2), np.float32)
