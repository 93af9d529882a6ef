"""What a sound hides: the FFT ear model of ITU-R BS.1387 (PEAQ, basic version).

Outer and middle ear, bands of a quarter Bark, the ear's own noise, and spreading over the bands
with slopes that follow the level (Kabal 2003, "An examination and interpretation of ITU-R
BS.1387", explains what the standard leaves open). A sine of full scale is taken for 92 dB SPL.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Spectrum = NDArray[np.floating]
Bands = NDArray[np.float64]

FULL_SCALE_DB = 92.0
"""Sound pressure level at which a sine of full scale is taken to be played."""
SINE_OVER_HIGHEST = 1.5
"""Power of all bins of a sine over that of the highest, in the standard's window."""
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 18_000.0
_BARK = 0.25  # of a band
_LEAST = 1e-12  # power of a band
_ADDITION = 0.4  # exponent with which spread powers add up
_DOWN_DB = 27.0  # a Bark


class Masking:
    """The model for spectra whose bins lie at ``frequency`` (K,) Hz, evenly.

    ``full_scale``: power of a sine of full scale, summed over the bins that it falls into.
    Bands reach from ``lowest_hz`` to ``highest_hz``; the standard's are the default.
    """

    def __init__(
        self,
        frequency: NDArray[np.float64],
        *,
        full_scale: float,
        lowest_hz: float = _LOWEST_HZ,
        highest_hz: float = _HIGHEST_HZ,
    ) -> None:
        lowest, highest = _bark(lowest_hz), _bark(highest_hz)
        count = int(np.ceil((highest - lowest) / _BARK))
        edges = np.minimum(lowest + _BARK * np.arange(count + 1), highest)
        self.hertz = 650 * np.sinh((edges[:-1] + edges[1:]) / 2 / 7)
        """(B,) middles of the bands."""
        self.shares = _shares(frequency, 650 * np.sinh(edges / 7))
        """(K, B) how much of each bin lies in each band."""
        khz = np.maximum(frequency, 1.0) / 1000
        outer_db = -2.184 * khz**-0.8 + 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) - 1e-3 * khz**3.6
        level_db = FULL_SCALE_DB + 10 * np.log10(SINE_OVER_HIGHEST / full_scale)
        self._heard = 10 ** ((outer_db + level_db) / 10)[:, None] * self.shares
        self._own = 10 ** (0.1456 * (self.hertz / 1000) ** -0.8)
        bark = edges[:-1] - _bark(_LOWEST_HZ)
        self._offset = 10 ** (-np.maximum(3.0, 0.25 * np.where(bark > 12, bark, 0)) / 10)
        self._even = self._spread(np.ones((1, count)))

    def bands(self, power: Spectrum) -> Bands:
        """(frames, B) power of (frames, K) ``power`` in the inner ear."""
        return np.maximum(np.asarray(power @ self._heard, np.float64), _LEAST)

    def excitation(self, power: Spectrum) -> Bands:
        """(frames, B): how much sound of (frames, K) ``power`` stirs each band."""
        return self._spread(self.bands(power) + self._own) / self._even

    def hidden(self, excitation: Bands) -> Bands:
        """(frames, B): the power that goes unheard in bands so stirred."""
        return excitation * self._offset

    def _spread(self, power: Bands) -> Bands:
        """(frames, B) powers, each spread over all bands."""
        count = power.shape[1]
        level_db = 10 * np.log10(power)
        up_db = np.maximum(24 + 230 / self.hertz - 0.2 * level_db, 0.1)
        up = 10 ** (-up_db * _BARK / 10)
        down = 10 ** (-_DOWN_DB * _BARK / 10)
        number = np.arange(count)
        sums = (1 - up ** (count - number)) / (1 - up) + down * (1 - down**number) / (1 - down)
        each = (power / sums) ** _ADDITION
        below = np.tril(down ** (_ADDITION * np.subtract.outer(number, number).clip(0)), -1)
        total = (each @ below).T
        # What has come up from each band (a row) so far.
        risen, slope = each.T.copy(), up.T**_ADDITION
        for band in range(count):
            total[band] += risen[: band + 1].sum(0)
            risen[: band + 1] *= slope[: band + 1]
        return np.asarray(total.T ** (1 / _ADDITION))


def _bark(hertz: float) -> float:
    return float(7 * np.arcsinh(hertz / 650))


def _shares(frequency: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, B): how much of each bin lies in each band between ``edges`` in Hz."""
    width = frequency[1] - frequency[0]
    upper = np.minimum(frequency[:, None] + width / 2, edges[1:])
    lower = np.maximum(frequency[:, None] - width / 2, edges[:-1])
    return np.asarray(np.maximum(upper - lower, 0) / width)
