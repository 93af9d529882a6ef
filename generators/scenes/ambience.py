"""What is heard behind the impacts: wind, rain, sea, a hum, chords, or next to nothing.

Noise is a hash of the number of the sample, run through filters of finite length: the same sample
sounds the same, wherever a rendered part begins.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from generators.scenes.lattice import bell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from generators.scenes.spec import SceneSpec

_TAPS = 1_023
# Curves of level over frequency in Hz, by corners (hertz, decibels), straight in between.
_CURVES: dict[str, tuple[tuple[float, float], ...]] = {
    "floor": ((20, -6), (200, 0), (4_000, -6), (12_000, -14)),
    "low": ((20, -30), (60, 0), (220, 0), (700, -24), (3_000, -50)),
    "scrape": ((200, -50), (900, -10), (2_000, 0), (4_500, -3), (9_000, -24)),
    "whoosh": ((60, -40), (250, -4), (500, 0), (900, -6), (3_000, -30)),
    "breath": ((60, -40), (180, 0), (320, -2), (900, -26), (3_000, -50)),
    "wind": ((30, -24), (120, -3), (300, 0), (600, -8), (1_500, -22), (6_000, -45)),
    "rain": ((100, -30), (700, -14), (2_500, -3), (5_000, 0), (9_000, -4), (12_000, -9)),
    "sea": ((30, -14), (120, -2), (500, 0), (2_000, -9), (8_000, -26)),
}
_CHORDS = ((0, 7, 12, 16), (5, 9, 12, 17), (-3, 4, 9, 12), (2, 9, 14, 17))  # semitones
_CHORD_S = 2.4


def white(keys: Tensor) -> Tensor:
    """Noise of deviation 1 for each int32."""
    return bell(keys)


def ambience(
    specs: Sequence[SceneSpec],
    *,
    sample_rate: int,
    samples: int,
    first: int,
    device: torch.device,
) -> Tensor:
    """(B, 2, samples) of all scenes' background sound; ``first`` is the number of sample 0."""
    result = torch.zeros((len(specs), 2, samples), device=device)
    groups: dict[str, list[int]] = {}
    for row, spec in enumerate(specs):
        groups.setdefault(spec.ambience, []).append(row)
    # Whole seconds apart, so that 32-bit floats keep their exactness after a minute.
    time = (torch.arange(samples, device=device, dtype=torch.float64) + first) / sample_rate
    for kind, rows in groups.items():
        some = [specs[row] for row in rows]
        level = torch.tensor([s.ambience_level for s in some], device=device).view(-1, 1, 1)
        seeds = [s.seed for s in some]

        def noise(name: str, seeds: Sequence[int] = seeds) -> Tensor:
            return filtered(
                name, seeds, rate=sample_rate, samples=samples, first=first, device=device
            )

        result[rows] = level.float() * _KINDS[kind](time, some, noise)
    return result


def filtered(
    curve: str,
    seeds: Sequence[int],
    *,
    rate: int,
    samples: int,
    first: int,
    device: torch.device,
) -> Tensor:
    """(B, 2, samples) of noise of deviation 1 with one of the curves of level over frequency."""
    length = samples + _TAPS - 1
    index = torch.arange(length, device=device) + (first - _TAPS + 1)
    offsets = torch.tensor(
        [[(seed * 2 + side) * 7_368_787 % (1 << 31) for side in (0, 1)] for seed in seeds],
        device=device,
    )
    # Wrapped into 32 bits: the noise repeats after a day.
    keys = ((offsets[..., None] + index) & 0x7FFFFFFF).to(torch.int32)
    size = 1 << (length - 1).bit_length()
    kernel = torch.tensor(_kernel(curve, rate), dtype=torch.float32, device=device)
    spectrum = torch.fft.rfft(bell(keys), size) * torch.fft.rfft(kernel, size)
    result: Tensor = torch.fft.irfft(spectrum, size)[..., _TAPS - 1 : length]
    return result


def _kernel(curve: str, rate: int) -> NDArray[np.float64]:
    """A filter of finite length and linear phase (frequency sampling, Hann window), of power 1."""
    hertz, decibels = zip(*_CURVES[curve], strict=True)
    bins = np.maximum(np.fft.rfftfreq(_TAPS + 1, 1 / rate), 1)
    gain = 10 ** (np.interp(np.log(bins), np.log(hertz), decibels) / 20)
    gain[0] = 0
    kernel: NDArray[np.float64] = np.fft.fftshift(np.fft.irfft(gain))[1:] * np.hanning(_TAPS)
    kernel /= np.sqrt(np.sum(kernel**2))
    return kernel


def _slow(time: Tensor, specs: Sequence[SceneSpec], *hertz: float) -> Tensor:
    """(B, 1, N) of slow waves about 0, in [-1, 1], another phase for each scene."""
    parts = []
    for number, h in enumerate(hertz):
        phase = time.new_tensor([(s.seed >> (4 * number)) % 628 / 100 for s in specs])
        parts.append(torch.sin(2 * math.pi * h * time + phase[:, None]))
    return (torch.stack(parts).mean(dim=0)[:, None]).float()


def _silence(time: Tensor, specs: Sequence[SceneSpec], noise: Callable[[str], Tensor]) -> Tensor:
    del time, specs
    return 0.0015 * noise("floor")


def _wind(time: Tensor, specs: Sequence[SceneSpec], noise: Callable[[str], Tensor]) -> Tensor:
    gust = 0.6 + 0.4 * _slow(time, specs, 0.21, 0.37, 0.83)
    return 0.055 * gust * noise("wind")


def _hum(time: Tensor, specs: Sequence[SceneSpec], noise: Callable[[str], Tensor]) -> Tensor:
    base = time.new_tensor([50 + 10 * (s.seed % 3) for s in specs])[:, None]
    tones = torch.zeros_like(base * time)
    for number, level in ((1, 1.0), (2, 0.7), (3, 0.35), (4, 0.2), (6, 0.1)):
        tones += level * torch.sin(2 * math.pi * ((base * number * time) % 1))
    return 0.028 * tones.float()[:, None] + 0.003 * noise("floor")


def _rain(time: Tensor, specs: Sequence[SceneSpec], noise: Callable[[str], Tensor]) -> Tensor:
    drops = noise("rain")
    # Peaks stand out: single drops in the patter.
    return 0.012 * (0.85 + 0.15 * _slow(time, specs, 0.3, 0.7)) * drops * (0.6 + 0.4 * drops.abs())


def _sea(time: Tensor, specs: Sequence[SceneSpec], noise: Callable[[str], Tensor]) -> Tensor:
    swell = (0.5 + 0.5 * _slow(time, specs, 0.17)) ** 1.5
    return noise("sea") * (0.012 + 0.055 * swell) + noise("rain") * 0.010 * swell**2


def _music(time: Tensor, specs: Sequence[SceneSpec], noise: Callable[[str], Tensor]) -> Tensor:
    """Four soft chords in turn, swelling in and out so that none begins with a stroke."""
    part = (time / _CHORD_S) % 1
    number = (torch.floor(time / _CHORD_S) % len(_CHORDS)).long()
    swell = torch.sin(math.pi * part) ** 1.2
    roots = time.new_tensor([130.8 * 2 ** ((s.seed % 7) / 12) for s in specs])[:, None]
    total = torch.zeros((len(specs), 2, len(time)), device=time.device, dtype=time.dtype)
    steps = time.new_tensor(_CHORDS)[number].T  # (4, N)
    # Each chord's own time, so that no phase jumps where one follows the other.
    own = part * _CHORD_S
    for voice, step in enumerate(steps):
        turn = 2 * math.pi * roots * 2 ** (step / 12) * own
        wave = torch.sin(turn) + 0.25 * torch.sin(2 * turn) + 0.08 * torch.sin(3 * turn)
        total[:, 0] += wave * (0.62 - 0.08 * voice)
        total[:, 1] += wave * (0.38 + 0.08 * voice)
    return (0.030 * swell * total).float() + 0.001 * noise("floor")


_KINDS: dict[str, Callable[[Tensor, Sequence[SceneSpec], Callable[[str], Tensor]], Tensor]] = {
    "silence": _silence,
    "wind": _wind,
    "hum": _hum,
    "rain": _rain,
    "sea": _sea,
    "music": _music,
}
