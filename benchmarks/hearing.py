"""What of a change of sound the ear can hear, by ITU-R BS.1387 (PEAQ, basic version).

Of its output variables those that say whether a change lies below the masked threshold: Total NMR
and Relative Disturbed Frames. The model is that of :mod:`provenance.audio_watermark.masking`, with
what fades in time besides, in the standard's frames at 48 kHz.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.signal import lfilter, resample_poly

from provenance.audio_watermark.masking import SINE_OVER_HIGHEST, Masking

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bands = NDArray[np.float64]

RATE = 48_000
SIZE, HOP = 2048, 1024
DISTURBED_DB = 1.5
_TONE_HZ = 1019.5  # of the sine of full scale that sets the level
_FASTEST_S, _SLOWEST_S = 0.008, 0.030  # how fast excitation fades, high up and at 100 Hz


class Heard(NamedTuple):
    """``total_db``: noise over masked threshold, mean of bands and frames; ``disturbed``: share of
    frames in which a band is more than 1.5 dB above it.
    """

    total_db: float
    disturbed: float


def noise_to_mask(sound: NDArray[np.float32], changed: NDArray[np.float32], rate: int) -> Heard:
    """Total NMR and Relative Disturbed Frames of (N, channels) ``changed``, full scale 1.

    Channels are heard one by one: the ratio is their mean, and a frame is disturbed if one is.
    """
    ratios = np.stack(
        [band_ratios(before, after, rate) for before, after in zip(sound.T, changed.T, strict=True)]
    )
    loudest = ratios.max((0, 2))
    return Heard(
        total_db=float(10 * np.log10(ratios.mean())),
        disturbed=float((loudest > 10 ** (DISTURBED_DB / 10)).mean()),
    )


def band_ratios(sound: NDArray[np.float32], changed: NDArray[np.float32], rate: int) -> Bands:
    """(frames, 109): power of the change over what is masked, of mono (N,) sound."""
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(SIZE) / (SIZE - 1)))
    tone = np.sin(2 * np.pi * _TONE_HZ * np.arange(SIZE) / RATE)
    highest = np.square(np.abs(np.fft.rfft(tone * window))).max()
    full_scale = SINE_OVER_HIGHEST * highest
    model = Masking(np.arange(SIZE // 2 + 1) * RATE / SIZE, full_scale=full_scale)
    before, after = (_spectrum(samples, rate, window) for samples in (sound, changed))
    stirred = model.excitation(np.square(before))
    fading = np.exp(-HOP / RATE / (_FASTEST_S + 100 / model.hertz * (_SLOWEST_S - _FASTEST_S)))
    slow = np.stack(
        [
            lfilter([1 - left], [1, -left], band)
            for left, band in zip(fading, stirred.T, strict=True)
        ],
        axis=1,
    )
    noise = model.bands(np.square(after - before))
    return np.asarray(noise / model.hidden(np.maximum(stirred, slow)))


def _spectrum(samples: NDArray[np.float32], rate: int, window: Bands) -> Bands:
    """(frames, 1025) amplitudes, from half a frame before the sound on."""
    ratio = Fraction(RATE, rate)
    played = resample_poly(samples.astype(np.float64), ratio.numerator, ratio.denominator)
    padded = np.pad(played, (SIZE // 2, SIZE))
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP]
    return np.abs(np.fft.rfft(frames * window))
