"""Short-time spectra of sound, framed so that a stream can be cut anywhere.

Frame j spans samples hop·j … hop·j + size: it looks ahead, never back, so that all samples before
hop·(j + 1) are final once frame j is there, and a chunk of frames is a chunk of samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_SLANEY_KNEE_HZ = 1000.0


def spectra(samples: Tensor, *, size: int, hop: int) -> Tensor:
    """(…, N) to complex (…, size/2 + 1, N/hop), a sine of amplitude 1 has magnitude 1.

    Phases are those at the middle of a frame. Silence follows the end.
    """
    lead = samples.shape[:-1]
    flat = functional.pad(samples.float().reshape(-1, samples.shape[-1]), (0, size - hop))
    frames = flat.unfold(-1, size, hop)  # (M, J, size)
    window = torch.hann_window(size, device=samples.device)
    spectrum = torch.fft.rfft(frames * window) * (4 / size)  # (M, J, F)
    spectrum = spectrum * _middle(size, samples.device)
    turned: Tensor = spectrum.transpose(-1, -2).reshape(*lead, size // 2 + 1, -1)
    return turned


def overlapped(spectrum: Tensor, *, size: int, hop: int) -> Tensor:
    """Complex (M, F, J) back to samples (M, hop·(J − 1) + size): the inverse where frames overlap.

    The frames are windowed again (Griffin and Lim 1984), so hop must be size/4 or less.
    """
    window = torch.hann_window(size, device=spectrum.device)
    frames = torch.fft.irfft(spectrum.transpose(1, 2) * _middle(size, spectrum.device), n=size)
    frames = frames * (window * (size / 4) / (0.375 * size / hop))  # (M, J, size)
    length = hop * (frames.shape[1] - 1) + size
    folded = functional.fold(frames.transpose(1, 2), (1, length), (1, size), stride=(1, hop))
    return folded[:, 0, 0]


def mel_bands(bands: int, *, size: int, rate: int, low_hz: float = 30.0) -> Tensor:
    """Triangles (bands, size/2 + 1) on the mel scale of Slaney's Auditory Toolbox, each of sum 1.

    A band narrower than a bin takes the two nearest bins.
    """
    edges = _from_mel(torch.linspace(_to_mel(low_hz), _to_mel(rate / 2), bands + 2))
    bins = torch.arange(size // 2 + 1) * (rate / size)
    width = rate / size  # no triangle is narrower than a bin on either side
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2]).clamp(min=width)[:, None]
    rise = torch.where(bins <= edges[1:-1, None], rise.clamp(max=1.0), torch.ones(()))
    near = 1 - (bins - edges[1:-1, None]).abs() / width
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1]).clamp(min=width)[:, None]
    triangles = torch.minimum(rise, fall.clamp(max=1.0)).clamp(min=0).maximum(near.clamp(min=0))
    return triangles / triangles.sum(1, keepdim=True)


def log_mel(samples: Tensor, bands: Tensor, *, size: int, hop: int) -> Tensor:
    """(…, N) to natural logarithms (…, bands, N/hop) of band powers' roots; silence is −9.2."""
    power = spectra(samples, size=size, hop=hop).abs().square()
    return 0.5 * torch.log(bands.to(power.device) @ power + 1e-8)


def _to_mel(hertz: float) -> float:
    if hertz < _SLANEY_KNEE_HZ:
        return hertz * 3 / 200
    return 15 + 27 * math.log(hertz / _SLANEY_KNEE_HZ) / math.log(6.4)


def _from_mel(mel: Tensor) -> Tensor:
    high = _SLANEY_KNEE_HZ * torch.exp((mel - 15) * (math.log(6.4) / 27))
    return torch.where(mel < 15, mel * 200 / 3, high)


def _middle(size: int, device: torch.device) -> Tensor:
    """(F,) that moves the origin of phase from the first sample to the middle of a frame."""
    signs = torch.ones(size // 2 + 1, device=device)
    signs[1::2] = -1
    return signs
