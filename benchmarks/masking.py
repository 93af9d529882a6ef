"""How far a change of sound lies below what the sound itself masks, by Johnston's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from provenance.audio_watermark.masking import Masking

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_S = 0.032
_QUIET = 1e-7  # power of a band over that of the loudest below which nothing is judged


def noise_to_mask_db(
    sound: NDArray[np.float32], changed: NDArray[np.float32], rate: int
) -> tuple[float, float]:
    """(mean noise-to-mask ratio in dB, share of critical bands above 0 dB) of mono (N,) sound."""
    size = round(rate * FRAME_S / 2) * 2
    masker, noise = _powers(sound, size), _powers(changed - sound, size)
    model = Masking(np.arange(size // 2 + 1) * rate / size)
    bands = model.bands(masker)
    ratio = model.bands(noise) / (model.threshold(masker) + 1e-20)
    judged = bands > _QUIET * bands.max()
    return float(10 * np.log10(ratio[judged].mean() + 1e-20)), float((ratio[judged] > 1).mean())


def _powers(sound: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[:: size // 2]
    return np.square(np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)))
