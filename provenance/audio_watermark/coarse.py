"""Cheap maps of evidence, of which a hundred are made to see how sound may have been stretched.

One spectrogram serves all stretches whose windows are alike: frames are picked from it and summed
into bands. The logarithm of the bands is whitened by two high-passes, one along time and one along
frequency, each divided by its own local energy. The pilot stands out of such a map nine tenths as
high as out of :func:`~provenance.audio_watermark.softmap.soft_map`, at a thirtieth of the price;
what is found here is looked at again there.

What is kept of a map are the spectra of its pieces, half a tile each: turned by where a piece lies
in the tile and summed, they say where the pilot stands, for any ratio of time near that of the map
(:class:`Pieces`). Keys share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import fft

from provenance.audio_watermark.softmap import SPOT_S, SPOTS, half_octaves, window_size
from provenance.audio_watermark.tile import PILOT_CELLS, ROWS, band_edges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_HOPS = 4  # of the spectrogram, a window
_HIGHEST_HZ = 13_500.0  # of the highest band in sound of twice the speed
_BATCH = 256  # frames
_QUIET = 3e-5  # of the mean
_TIME, _BANDS = 5, 3  # spots and bands of the means that are taken off,
_AROUND = 3  # and bands of that of the energy
_LEAST_BINS = 0.3
_LEAST_ENERGY = 0.3  # nepers² of power
_CLIP = 3.0  # standard deviations
_PIECE = SPOTS // 2
_EDGES = band_edges()


@dataclass(frozen=True, slots=True)
class Pieces:
    """A map in pieces of 64 spots. ``spectra``: (P, 44, 65), of each as if it began the tile.

    ``energy``: of a cell of the fold, in the mean.
    """

    spectra: NDArray[np.complex64]
    energy: float

    def scores(self, pilot: NDArray[np.complex64], ratios: Sequence[float]) -> NDArray[np.float32]:
        """(R, 128) about standard deviations of the pilot at each shift, for each of R ``ratios``.

        ``pilot``: (44, 65) conjugate spectrum. ``ratios``: how much longer than for this map.
        """
        told = (self.spectra * pilot).sum(1)
        turned = _turning(len(told), tuple(ratios)) * told
        sums = fft.irfft(turned.sum(1), n=SPOTS, axis=1)
        # A pilot cell is one in eight; that those of a place are as noisy as all is near enough.
        return np.asarray(sums / np.sqrt(max(self.energy, 1e-9) * PILOT_CELLS), np.float32)


@lru_cache(maxsize=64)
def _turning(count: int, ratios: tuple[float, ...]) -> NDArray[np.complex64]:
    """(R, pieces, 65): what moves each piece to its place in the tile, by its middle."""
    begins = _PIECE * np.arange(count)
    late = (begins + _PIECE / 2) / np.array(ratios)[:, None] - _PIECE / 2
    turns = np.arange(SPOTS // 2 + 1) / SPOTS
    return np.asarray(np.exp(-2j * np.pi * late[:, :, None] * turns), np.complex64)


class CoarseMaps:
    """Maps of ``mono`` (N,) float32 of ``rate`` samples a second."""

    def __init__(self, mono: NDArray[np.float32], rate: float) -> None:
        self._mono, self._rate = mono, rate
        self._powers: dict[int, NDArray[np.float64]] = {}
        self._unturned: dict[int, NDArray[np.float32]] = {}
        self._pieces: dict[tuple[float, float], Pieces] = {}

    def pieces_at(self, time: float, pitch: float) -> Pieces:
        """The map at this stretch, in pieces."""
        found = self._pieces.get((time, pitch))
        if found is None:
            found = self._pieces[time, pitch] = pieces_of(self.map_at(time, pitch))
        return found

    def map_at(self, time: float, pitch: float) -> NDArray[np.float32]:
        """(44, T) evidence, in spots of 20 ms of the original; see
        :class:`~provenance.audio_watermark.softmap.Stretch`.
        """
        turns = half_octaves(time)
        size = window_size(self._rate, turns)
        hop = max(1, size // _HOPS)
        count = int(len(self._mono) / (self._rate * SPOT_S * time))
        at = (np.arange(count) + 0.5) * SPOT_S * time * self._rate / hop
        frames = np.rint(at).astype(np.intp)
        if pitch != 1:
            return _whitened(self._bands(size, pitch)[:, frames], _TIME)
        # Sound that kept its pitch is whitened once for all stretches near it.
        white = self._unturned.get(size)
        if white is None:
            spot = 2.0 ** (turns / 2) * SPOT_S * self._rate / hop
            powers = self._bands(size, pitch)
            white = self._unturned[size] = _whitened(powers, 2 * round(_TIME * spot / 2) + 1)
        return white[:, frames]

    def _bands(self, size: int, pitch: float) -> NDArray[np.float32]:
        """(44, frames) mean power of the bands."""
        sums = self._sums(size)
        edges = _EDGES * (pitch * size / self._rate) + 0.5
        place = np.clip(edges, 0, len(sums) - 1)
        below = np.minimum(place.astype(np.intp), len(sums) - 2)
        at = sums[below]
        at += (sums[below + 1] - at) * (place - below)[:, None]
        width = np.maximum(np.diff(np.clip(edges, 0, size // 2 + 1)), _LEAST_BINS)
        bands = (at[1:] - at[:-1]) / width[:, None]
        # Beside a hum, what is left of a difference of sums may be less than nothing.
        return np.asarray(np.maximum(bands[:, 1:] - bands[:, :-1], 0), np.float32)

    def _sums(self, size: int) -> NDArray[np.float64]:
        """(bins + 1, frames + 1) power below each bin and before each frame.

        Windows are ``size`` long, a quarter of it apart; frame n is centred on sample n · hop.
        """
        found = self._powers.get(size)
        if found is not None:
            return found
        hop = max(1, size // _HOPS)
        padded = np.pad(self._mono, (size // 2, size))
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
        frames = frames[: len(self._mono) // hop + 1]
        window = np.hanning(size + 1)[:-1].astype(np.float32)
        bins = min(size // 2 + 1, int(_HIGHEST_HZ * size / self._rate) + 2)
        power = np.empty((bins, len(frames)), np.float32)
        for first in range(0, len(frames), _BATCH):
            spectrum = fft.rfft(frames[first : first + _BATCH] * window, axis=1)[:, :bins]
            np.square(np.abs(spectrum).T, out=power[:, first : first + _BATCH])
        sums = np.asarray(cv2.integral(power, sdepth=cv2.CV_64F), np.float64)
        self._powers[size] = sums
        return sums


def _whitened(powers: NDArray[np.float32], time: int) -> NDArray[np.float32]:
    """(44, T) evidence in (44, T) ``powers``; ``time``: frames over which time is levelled."""
    if not powers.size:
        return powers
    logarithm = np.log(powers + np.float32(_QUIET * float(powers.mean()) + 1e-12))
    out = np.zeros(powers.shape, np.float32)
    for window in ((time, 1), (1, _BANDS)):
        passed = logarithm - _mean(logarithm, window)
        out += passed / (_mean(passed * passed, (time, _AROUND)) + np.float32(_LEAST_ENERGY))
    deviation = float(out.std())
    if not deviation:
        return out
    return np.asarray(np.clip(out / np.float32(deviation), -_CLIP, _CLIP), np.float32)


def _mean(values: NDArray[np.float32], window: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REFLECT), np.float32)


def pieces_of(soft: NDArray[np.float32]) -> Pieces:
    """A (44, T) map in pieces."""
    count = -(-soft.shape[1] // _PIECE)
    padded = np.zeros((ROWS, count * _PIECE), np.float32)
    padded[:, : soft.shape[1]] = soft
    pieces = np.ascontiguousarray(padded.reshape(ROWS, count, _PIECE).transpose(1, 0, 2))
    whole = np.zeros((ROWS, SPOTS), np.float32)
    for half in range(2):
        whole[:, half * _PIECE : (half + 1) * _PIECE] = pieces[half::2].sum(0)
    cells = whole + np.roll(whole, -1, axis=1)
    return Pieces((pieces @ _spectral()).view(np.complex64), float(np.square(cells).mean()))


@lru_cache(maxsize=1)
def _spectral() -> NDArray[np.float32]:
    """(64, 130): the Fourier transform of a piece in a tile; faster than FFT for so short a one."""
    each = fft.rfft(np.eye(_PIECE), n=SPOTS, axis=1).astype(np.complex64)
    return np.ascontiguousarray(each).view(np.float32)
