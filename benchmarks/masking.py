"""How far a change of sound lies below what the sound itself masks, by Johnston's model.

Johnston 1988 (doi:10.1109/49.608): power by critical band, spread over its neighbours (Schroeder
et al. 1979), lowered by 14.5 dB and one for each band where the sound is tonal and by 5.5 dB where
it is noise; spectral flatness says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Spectrum = NDArray[np.floating]

FRAME_S = 0.032
_BANDS = 25
_TONAL_DB = -60.0  # flatness at which sound counts as a pure tone
_QUIET = 1e-7  # power of a band over that of the loudest below which nothing is judged


class Johnston:
    """The model for spectra whose bins lie at ``frequency`` (K,) Hz."""

    def __init__(self, frequency: NDArray[np.float64]) -> None:
        # Zwicker and Terhardt 1980.
        bark = 13 * np.arctan(0.00076 * frequency) + 3.5 * np.arctan((frequency / 7500) ** 2)
        member = np.equal.outer(np.minimum(bark.astype(int), _BANDS - 1), np.arange(_BANDS))
        self.member = member[:, member.any(0)].astype(np.float32)
        count = self.member.shape[1]
        away = np.subtract.outer(np.arange(count), np.arange(count)) + 0.474
        spreading = 10 ** ((15.81 + 7.5 * away - 17.5 * np.sqrt(1 + away**2)) / 10)
        self._spreading = spreading / spreading.sum(1, keepdims=True)

    def bands(self, power: Spectrum) -> NDArray[np.float64]:
        """(frames, bands) power of the critical bands of (frames, K) ``power``."""
        return np.asarray(power @ self.member, np.float64)

    def threshold(self, power: Spectrum) -> NDArray[np.float64]:
        """(frames, bands): the power that each band hides in sound of (frames, K) ``power``."""
        mean = np.log(power.mean(1) + 1e-20)
        flatness_db = 10 / np.log(10) * (np.log(power + 1e-20).mean(1) - mean)
        tonal = np.clip(flatness_db / _TONAL_DB, 0, 1)[:, None]
        number = np.arange(self.member.shape[1])
        offset_db = tonal * (14.5 + number) + (1 - tonal) * 5.5
        spread = self.bands(power) @ self._spreading.T
        return np.asarray(spread * 10 ** (-offset_db / 10), np.float64)


def noise_to_mask_db(sound: NDArray[np.float32], changed: NDArray[np.float32], rate: int) -> float:
    """Mean noise-to-mask ratio in dB of mono (N,) sound, over critical bands and frames."""
    size = round(rate * FRAME_S / 2) * 2
    masker, noise = _powers(sound, size), _powers(changed - sound, size)
    model = Johnston(np.arange(size // 2 + 1) * rate / size)
    bands = model.bands(masker)
    ratio = model.bands(noise) / (model.threshold(masker) + 1e-20)
    judged = bands > _QUIET * bands.max()
    return float(10 * np.log10(ratio[judged].mean() + 1e-20))


def _powers(sound: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[:: size // 2]
    return np.square(np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)))
