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

from provenance.audio_watermark.softmap import SPOT_S, SPOTS, WINDOW_S
from provenance.audio_watermark.tile import PILOT_CELLS, ROWS, band_edges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_HOPS = 4  # of the spectrogram, a window
_HIGHEST_HZ = 13_500.0  # of the highest band in sound of twice the speed
_BATCH = 256  # frames
_QUIET = 3e-5  # of the mean
_TIME, _BANDS, _AROUND = 5, 3, (3, 5)  # spots, bands and both of the means
_LEAST_ENERGY = 0.3  # nepers² of power
_CLIP = 3.0  # standard deviations
_PIECE = SPOTS // 2


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
        self._powers: dict[int, NDArray[np.float32]] = {}
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
        turn = round(2 * np.log2(time)) / 2
        size = 2 * round(self._rate * WINDOW_S * 2.0**turn / 2)
        hop = max(1, size // _HOPS)
        count = int(len(self._mono) / (self._rate * SPOT_S * time))
        at = (np.arange(count) + 0.5) * SPOT_S * time * self._rate / hop
        frames = np.rint(at).astype(np.intp)
        if pitch != 1:
            return _whitened(self._bands(size, pitch, frames), _TIME).T
        # Sound that kept its pitch is whitened once for all stretches near it.
        white = self._unturned.get(size)
        if white is None:
            spot = 2.0**turn * SPOT_S * self._rate / hop
            powers = self._bands(size, pitch, slice(None))
            white = self._unturned[size] = _whitened(powers, 2 * round(_TIME * spot / 2) + 1)
        return np.asarray(white[frames].T, np.float32)

    def _bands(
        self, size: int, pitch: float, frames: NDArray[np.intp] | slice
    ) -> NDArray[np.float32]:
        """(T, 44) mean power of the bands in these ``frames``."""
        power = self._power(size)
        mixing = _mixing(size, float(self._rate), pitch)[: power.shape[1]]
        return np.asarray(power[:, : len(mixing)][frames] @ mixing, np.float32)

    def _power(self, size: int) -> NDArray[np.float32]:
        """(frames, bins) powers under windows of ``size``, a quarter of it apart.

        Frame n is centred on sample n · hop.
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
        power = np.empty((len(frames), bins), np.float32)
        for first in range(0, len(frames), _BATCH):
            spectrum = fft.rfft(frames[first : first + _BATCH] * window, axis=1)[:, :bins]
            power[first : first + _BATCH] = np.square(spectrum.real) + np.square(spectrum.imag)
        self._powers[size] = power
        return power


@lru_cache(maxsize=256)
def _mixing(size: int, rate: float, pitch: float) -> NDArray[np.float32]:
    """(bins, 44): the share of each bin in the mean of each band, up to the highest band."""
    place = np.clip(band_edges() * pitch * size / rate + 0.5, 0, size // 2 + 1)
    bins = np.arange(min(size // 2, int(place[-1])) + 1)[:, None]
    shares = np.clip(np.minimum(bins + 1, place[1:]) - np.maximum(bins, place[:-1]), 0, None)
    return np.asarray(shares / np.maximum(np.diff(place), 0.3), np.float32)


def _whitened(powers: NDArray[np.float32], time: int) -> NDArray[np.float32]:
    """(T, 44) evidence in (T, 44) ``powers``; ``time``: frames over which time is levelled."""
    if not powers.size:
        return powers
    logarithm = np.log(powers + np.float32(_QUIET * float(powers.mean()) + 1e-12))
    out = np.zeros(powers.shape, np.float32)
    for window in ((1, time), (_BANDS, 1)):
        passed = logarithm - _mean(logarithm, window)
        out += passed / (_mean(passed * passed, (_AROUND[0], time)) + np.float32(_LEAST_ENERGY))
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
    pieces = padded.reshape(ROWS, count, _PIECE)
    spectra = fft.rfft(pieces, n=SPOTS, axis=2)
    whole = np.zeros((ROWS, SPOTS), np.float32)
    for half in range(2):
        whole[:, half * _PIECE : (half + 1) * _PIECE] = pieces[:, half::2].sum(1)
    cells = whole + np.roll(whole, -1, axis=1)
    energy = float(np.square(cells).mean())
    return Pieces(np.ascontiguousarray(spectra.transpose(1, 0, 2)), energy)
