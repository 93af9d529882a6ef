"""Features of a sound for the Fréchet distance: statistics of its log-mel spectrogram."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

_BANDS = 20
_WINDOW_S, _HOP_S = 0.032, 0.010
_FLOOR = 1e-5


def log_mel(audio: Tensor, *, sample_rate: int, bands: int = 64) -> Tensor:
    """(B, bands, frames) natural logarithm of mel power, from (B, channels, N) in [-1, 1].

    Mel scale of D. O'Shaughnessy (1987): 2595 · log10(1 + hertz / 700); a hop of 10 ms.
    """
    size = 1 << math.ceil(math.log2(_WINDOW_S * sample_rate))
    hop = round(_HOP_S * sample_rate)
    mono = audio.float().mean(dim=1)
    window = torch.hann_window(size, device=audio.device)
    spectrum = torch.stft(
        mono, size, hop, window=window, center=True, pad_mode="constant", return_complex=True
    )
    power = spectrum.abs().pow(2) / window.pow(2).sum()
    return (_filters(size, sample_rate, bands).to(power) @ power + _FLOOR).log()


def sound_features(audio: Tensor, *, sample_rate: int) -> Tensor:
    """(B, 63): mean, deviation and rise of 20 mel bands over time; left to right; loudness."""
    mel = log_mel(audio, sample_rate=sample_rate, bands=_BANDS)
    rise = F.relu(mel[..., 1:] - mel[..., :-1]).mean(dim=2)
    sides = audio.float().pow(2).mean(dim=2) + 1e-6
    pan = (sides[:, :1] / sides[:, -1:]).log()
    loud = mel.mean(dim=1)
    spread = torch.stack([loud.amax(dim=1), loud.std(dim=1)], dim=1)
    return torch.cat([mel.mean(dim=2), mel.std(dim=2), rise, pan, spread], dim=1)


def _filters(size: int, sample_rate: int, bands: int) -> Tensor:
    """(bands, bins) triangles, evenly spaced on the mel scale, from 20 Hz to half of the rate."""

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    edges = torch.linspace(mel(20), mel(sample_rate / 2), bands + 2, dtype=torch.float64)
    edges = 700 * (10 ** (edges / 2595) - 1)
    bins = torch.linspace(0, sample_rate / 2, size // 2 + 1, dtype=torch.float64)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    # At least a bin wide: low bands are narrower than a bin.
    width = sample_rate / size
    up = (bins - low) / (middle - low).clamp(min=width)
    down = (high - bins) / (high - middle).clamp(min=width)
    triangle = torch.minimum(up, down).clamp(min=0)
    return (triangle / triangle.sum(dim=1, keepdim=True).clamp(min=1e-9)).float()
