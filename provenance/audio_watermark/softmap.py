"""From sound to evidence: what in every spot of time and frequency speaks for a louder cell.

Power in half bands (:mod:`provenance.audio_watermark.bands`) is listened to by a small network
(:mod:`provenance.audio_watermark.listener`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from provenance.audio_watermark.bands import FEATURES, HALVES, features, half_bands
from provenance.audio_watermark.listener import shipped
from provenance.audio_watermark.tile import COLUMN_S, COLUMNS, ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRAIN = 2  # spots of the map a cell, both ways
SPOT_S = COLUMN_S / GRAIN
SPOTS = COLUMNS * GRAIN  # of a tile, in time
WINDOW_S = 0.05  # of the transform: longer than a cell, to tell the bands of low voices apart
_LEAST_SPOTS = 5
_HALVED_FROM = 32_000  # samples a second that are twice as many as needed
_TAPS = 12  # of the filter, on either side of the middle; even
_CLIP = 5.0  # standard deviations


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Stretch:
    """How the sound in hand lies on the marked one.

    ``time``: seconds in hand for a second of the original; ``pitch``: frequency in hand for a
    frequency of the original. Played at twice the speed: 0.5 and 2.
    """

    time: float = 1.0
    pitch: float = 1.0


def halved(mono: NDArray[np.float32], rate: float) -> tuple[NDArray[np.float32], float]:
    """``mono`` (N,) and its ``rate``, at half of that where it is twice as high as needed."""
    if rate < _HALVED_FROM:
        return mono, rate
    # A half-band filter, a sinc under a Hann window: of its even taps only the middle is not 0.
    odd = np.arange(1 - _TAPS, _TAPS, 2)
    taps = np.sinc(odd / 2) * np.cos(np.pi * odd / (2 * _TAPS + 2)) ** 2
    total = 1 + taps.sum()
    even = mono[::2]
    between = np.convolve(mono[1::2], (taps / total).astype(np.float32))
    late = _TAPS // 2 - 1
    return even / np.float32(total) + between[late : late + len(even)], rate / 2


def soft_map(mono: NDArray[np.float32], rate: float, stretch: Stretch) -> NDArray[np.float32]:
    """(44, T) evidence in ``mono`` (N,): positive where a cell seems louder than its neighbours.

    Spots are 20 ms of the original, by ``stretch``, the first one from sample 0 on. The standard
    deviation is 1, and no value is beyond ± 5.
    """
    heard = heard_features(mono, rate, stretch)
    if not heard.shape[2]:
        return np.zeros((ROWS, 0), np.float32)
    cells = shipped().listen(heard)
    deviation = float(cells.std())
    if deviation == 0:
        return np.zeros_like(cells)
    return np.asarray(np.clip(cells / deviation, -_CLIP, _CLIP), np.float32)


def heard_features(mono: NDArray[np.float32], rate: float, stretch: Stretch) -> NDArray[np.float32]:
    """(6, 88, T) what the listener is given of ``mono`` (N,); T is 0 for less than five spots."""
    size = window_size(rate, half_octaves(stretch.time))
    spot_s = SPOT_S * stretch.time
    count = int(len(mono) / (rate * spot_s))
    if count < _LEAST_SPOTS:
        return np.zeros((FEATURES, HALVES, 0), np.float32)
    heard = half_bands(mono, rate, size=size, spot_s=spot_s, count=count, pitch=stretch.pitch)
    return features(heard, spot_s)


def half_octaves(time: float) -> int:
    """By how many powers of √2 windows are longer in sound that takes ``time`` times as long.

    No finer: as few sizes of transform as will do, not one for each stretch.
    """
    return round(2 * math.log2(time))


def window_size(rate: float, turns: int) -> int:
    """Samples of a window of the transform, for :func:`half_octaves` ``turns``."""
    # One without large primes: those take up to ten times as long.
    return int(fft.next_fast_len(round(rate * WINDOW_S * 2.0 ** (turns / 2)), real=True))


def folded(
    soft: NDArray[np.float32],
    *,
    ratio: float = 1.0,
    start: float = 0.0,
    part: tuple[int, int] | None = None,
) -> NDArray[np.float32]:
    """(44, 128) spots of all tiles of a (44, T) map, summed one on the other.

    ``ratio``: spots of the original per spot of the map, where the map was made with a slightly
    different stretch. The first spot of the map comes to lie on spot ``start``. ``part``: the
    spots that are summed (default: all).
    """
    if part is not None:
        first, last = part
        return soft[:, first:last] @ _folding(soft.shape[1], ratio, start)[first:last]
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
